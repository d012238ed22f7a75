// SPDX-License-Identifier: GPL-2.0-or-later
// The .network file of a link of the site, with its drop-ins: what mwan needs it to set.
// networkd says which files these are; they are read as it reads them.

#include "doctor/network_files.h"

#include "base/dropins.h"

#include <jansson.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t to_us(struct timespec time)
{
	return (uint64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

bool network_files_are_newer(const struct network_files *files, const char *path)
{
	struct stat st;

	return files->read_us > 0 && stat(path, &st) == 0 &&
	       (to_us(st.st_mtim) > files->read_us || to_us(st.st_ctim) > files->read_us);
}

static int list_files(const struct patient *patient, unsigned ifindex, struct string_list *ret)
{
	_cleanup_(freep) char *json = networkd_describe(patient->networkd, ifindex);
	json_t *root = json ? json_loads(json, 0, NULL) : NULL, *entry;
	const char *main = json_string_value(json_object_get(root, "NetworkFile"));
	int r = main ? string_list_add(ret, main) : 0;
	size_t i;

	json_array_foreach(json_object_get(root, "NetworkFileDropins"), i, entry)
	{
		if (r == 0 && json_is_string(entry))
			r = string_list_add(ret, json_string_value(entry));
	}
	json_decref(root);
	return r;
}

/* The value of a key, owned by the caller; NULL: it is not set. */
static char *get(struct network_files *files, const char *section, const char *key)
{
	char *value = NULL;

	for (size_t i = 0; i < files->list.n && files->r == 0; i++)
		files->r = conf_file_get(files->list.v[i], section, key, &value);
	return value;
}

struct network_setting {
	const char *kind;	  /* of the finding */
	const char *section, *is; /* "KEY=VALUE", as it should be */
};

/* value: as it is */
static void diagnose(const struct network_files *files, enum severity severity,
		     struct network_setting setting, const char *value, const char *why)
{
	diagnosis_add(about_subject(files->patient->diagnosis, files->subject, N_FAMILIES),
		      severity, setting.kind,
		      "%s: %.*s is %s in [%s]: %s\n%s in [%s] of %s; then `networkctl reload`",
		      files->interface, (int)strcspn(setting.is, "="), setting.is,
		      value ?: "not set", setting.section, why, setting.is, setting.section,
		      files->list.v[0]);
}

#define SETTING(kind, section, is) ((struct network_setting){ kind, section, is })

static void look_at_dhcp4(struct network_files *files, size_t wan)
{
	static const char *const asking[] = {
		"yes", "true", "on", "1", "both", "ipv4", "v4", NULL
	};
	_cleanup_(freep) char *dhcp = get(files, "Network", "DHCP");
	_cleanup_(freep) char *address = get(files, "Network", "Address");
	_cleanup_(freep) char *client = get(files, "DHCPv4", "ClientIdentifier");
	const struct patient *patient = files->patient;

	if (patient->config->wans[wan].gateway_mode[IPV4] == GATEWAY_NONE)
		return;
	if (!conf_is_one_of(dhcp, asking)) {
		if (!address && !patient->site->facts.wans[wan].gateway[IPV4].present)
			diagnose(files, FINDING_WRONG,
				 SETTING("network-dhcp", "Network", "DHCP=yes"), dhcp,
				 "nobody asks the ISP for an address");
	} else if (!client || strcasecmp(client, "mac") != 0) {
		diagnose(files, FINDING_NOTE,
			 SETTING("network-client", "DHCPv4", "ClientIdentifier=mac"), client,
			 "after a new installation, the ISP takes this machine for another");
	}
}

static void look_at_prefix(struct network_files *files, size_t wan)
{
	const struct config *config = files->patient->config;
	const struct wan_conf *conf = &config->wans[wan];
	_cleanup_(freep) char *hint = get(files, "DHCPv6", "PrefixDelegationHint");
	_cleanup_(freep) char *client = get(files, "IPv6AcceptRA", "DHCPv6Client");
	struct prefix asked;
	char setting[64];

	if (!config_has_family(config, wan, IPV6) || conf->masquerade6 || conf->fixed6)
		return;
	if (!client || strcasecmp(client, "always") != 0)
		diagnose(files,
			 conf_is_no(client) || files->patient->site->npt.delegated[wan].len == 0
				 ? FINDING_WRONG
				 : FINDING_NOTE,
			 SETTING("network-dhcp6", "IPv6AcceptRA", "DHCPv6Client=always"), client,
			 "where a router's advertisement lacks the M flag, nobody asks for a "
			 "prefix");
	if (hint && prefix_parse(hint, AF_INET6, &asked) == 0 &&
	    asked.len <= config_longest6(config, wan))
		return;
	snprintf(setting, sizeof(setting), "PrefixDelegationHint=::/%u",
		 config_longest6(config, wan));
	diagnose(files, hint ? FINDING_WRONG : FINDING_NOTE,
		 SETTING("network-hint", "DHCPv6", setting), hint,
		 "an ISP that is not asked may delegate a smaller prefix than lan.prefix6");
}

static void look_at_wan(struct network_files *files, size_t wan)
{
	const struct config *config = files->patient->config;
	_cleanup_(freep) char *keep = get(files, "Network", "KeepConfiguration");
	_cleanup_(freep) char *ra = get(files, "Network", "IPv6AcceptRA");
	_cleanup_(freep) char *required = get(files, "Link", "RequiredForOnline");

	if (!keep || strcasecmp(keep, "static") != 0)
		diagnose(files, FINDING_WRONG,
			 SETTING("network-keep", "Network", "KeepConfiguration=static"), keep,
			 !keep || conf_is_no(keep)
				 ? "mwan's addresses go when networkd restarts or reconfigures"
				 : "an address outlives its lease and the carrier");
	if (config_has_family(config, wan, IPV6) && !conf_is_yes(ra) &&
	    (config->wans[wan].gateway_mode[IPV6] == GATEWAY_AUTO || !config->wans[wan].fixed6))
		diagnose(files, FINDING_WRONG, SETTING("network-ra", "Network", "IPv6AcceptRA=yes"),
			 ra,
			 "forwarding turns router advertisements off, and with them the gateway "
			 "and DHCPv6");
	if (!conf_is_no(required))
		diagnose(files, FINDING_NOTE,
			 SETTING("network-online", "Link", "RequiredForOnline=no"), required,
			 "what waits for network-online.target at boot waits for this ISP");
	look_at_dhcp4(files, wan);
	look_at_prefix(files, wan);
}

static void look_at_lan(struct network_files *files, size_t wan)
{
	_cleanup_(freep) char *dhcp = get(files, "Network", "DHCP");
	_cleanup_(freep) char *ra = get(files, "Network", "IPv6AcceptRA");

	if (dhcp && !conf_is_no(dhcp))
		diagnose(files, FINDING_WRONG, SETTING("network-lan", "Network", "DHCP=no"), dhcp,
			 "the router's own address on the LAN is fixed: no DHCP server may give it "
			 "another");
	if (conf_is_yes(ra))
		diagnose(files, FINDING_WRONG, SETTING("network-lan", "Network", "IPv6AcceptRA=no"),
			 ra, "the router believes anybody who advertises a router on the LAN");
}

/* Where no link is required, systemd-networkd-wait-online waits for 2 minutes, and fails. */
static void look_at_management(struct network_files *files, size_t wan)
{
	_cleanup_(freep) char *required = get(files, "Link", "RequiredForOnline");

	if (conf_is_no(required) && !files->awaited)
		diagnose(files, FINDING_NOTE,
			 SETTING("network-online", "Link", "RequiredForOnline=no-carrier:routable"),
			 required,
			 "no link is waited for at boot, and what wants network-online.target "
			 "starts 2 min late");
}

static void look_at_age(const struct network_files *files)
{
	size_t i = 0;

	while (i < files->list.n && !network_files_are_newer(files, files->list.v[i]))
		i++;
	if (i < files->list.n)
		diagnosis_note(files->patient->diagnosis, "network-unread",
			       "%s has changed since networkd last read it\n`networkctl reload`",
			       files->list.v[i]);
}

/* look: adds findings about the link's files, if there are any; wan: for it. */
static int look_at_link(struct network_files *files, const char *interface, unsigned ifindex,
			void (*look)(struct network_files *files, size_t wan), size_t wan)
{
	if (!ifindex)
		return 0;
	files->interface = interface;
	files->r = list_files(files->patient, ifindex, &files->list);
	files->n += files->list.n;
	if (files->list.n > 0) {
		_cleanup_(freep) char *required = get(files, "Link", "RequiredForOnline");

		files->awaited |= !conf_is_no(required);
		look(files, wan);
	}
	look_at_age(files);
	string_list_done(&files->list);
	return files->r;
}

int network_files_check(struct network_files *files)
{
	const struct config *config = files->patient->config;
	const struct facts *facts = &files->patient->site->facts;
	char name[IF_NAMESIZE] = "";
	int r;

	files->subject = ABOUT_LAN;
	r = look_at_link(files, config->lan.interface, facts->lan.link.index, look_at_lan, 0);
	for (size_t i = 0; i < config->n_wans && r == 0; i++) {
		files->subject = ABOUT_WAN + (int)i;
		r = look_at_link(files, config->wans[i].interface, facts->wans[i].link.link.index,
				 look_at_wan, i);
	}
	files->subject = ABOUT_MACHINE;
	if (r == 0 && facts->management.index && if_indextoname(facts->management.index, name))
		r = look_at_link(files, name, facts->management.index, look_at_management, 0);
	return r;
}
