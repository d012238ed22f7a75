/*
 * The .network file of a link of ours, with its drop-ins.
 */
#include "doctor_network.h"

#include "conf_files.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t to_us(struct timespec time)
{
	return (uint64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

bool network_is_newer(const struct network_look *look, const char *path)
{
	struct stat st;

	return look->read_us > 0 && stat(path, &st) == 0 &&
	       (to_us(st.st_mtim) > look->read_us || to_us(st.st_ctim) > look->read_us);
}

struct network {
	const char *interface;
	struct string_list files; /* owned; the .network file and its drop-ins, as networkd says */
};

static int add_file(struct string_list *files, const char *path)
{
	char **v = reallocarray(files->v, files->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	files->v = v;
	v[files->n] = strdup(path);
	return v[files->n] ? (files->n++, 0) : -ENOMEM;
}

static int find_files(const struct network_look *look, unsigned ifindex, struct string_list *ret)
{
	_cleanup_(freep) char *json = networkd_describe(look->patient->networkd, ifindex);
	json_t *root = json ? json_loads(json, 0, NULL) : NULL, *entry;
	const char *main = json_string_value(json_object_get(root, "NetworkFile"));
	int r = main ? add_file(ret, main) : 0;
	size_t i;

	json_array_foreach(json_object_get(root, "NetworkFileDropins"), i, entry)
	{
		if (r == 0 && json_is_string(entry))
			r = add_file(ret, json_string_value(entry));
	}
	json_decref(root);
	return r;
}

static int get(const struct network *network, const char *section, const char *key, char **ret)
{
	int r = 0;

	for (size_t i = 0; i < network->files.n && r == 0; i++)
		r = conf_file_get(network->files.v[i], section, key, ret);
	return r;
}

static int tell(const struct network_look *look, const struct network *network,
		enum finding_kind kind, const char *section, const char *setting, const char *value,
		const char *why)
{
	_cleanup_(freep) char *fix = NULL;
	size_t len = strcspn(setting, "=");

	if (asprintf(&fix, "%s in [%s] of %s; then `networkctl reload`", setting, section,
		     network->files.v[0]) < 0)
		return -ENOMEM;
	return diagnosis_add(look->diagnosis, kind, fix, "%s: %.*s is %s in [%s]: %s",
			     network->interface, (int)len, setting, value ?: "not set", section,
			     why);
}

static int look_at_age(const struct network_look *look, const struct network *network)
{
	for (size_t i = 0; i < network->files.n; i++)
		if (network_is_newer(look, network->files.v[i]))
			return diagnosis_add(look->diagnosis, FINDING_NOTE, "`networkctl reload`",
					     "%s is newer than what networkd goes by",
					     network->files.v[i]);
	return 0;
}

/* ---- WANs ---- */

static bool wants_dhcp4(const char *dhcp)
{
	static const char *const words[] = { "yes", "true", "on", "1", "both", "ipv4", "v4", NULL };

	return conf_is_one_of(dhcp, words);
}

static int look_at_dhcp4(const struct network_look *look, const struct network *network, size_t wan)
{
	_cleanup_(freep) char *dhcp = NULL, *address = NULL, *client = NULL;
	int r = get(network, "Network", "DHCP", &dhcp);

	if (r == 0)
		r = get(network, "Network", "Address", &address);
	if (r == 0)
		r = get(network, "DHCPv4", "ClientIdentifier", &client);
	if (r < 0 || look->patient->config->wans[wan].gateway_mode[IPV4] == GATEWAY_NONE)
		return r;
	if (!wants_dhcp4(dhcp) && !address &&
	    !look->patient->outcome.facts.wans[wan].gateway[IPV4].present)
		return tell(look, network, FINDING_WRONG, "Network", "DHCP=yes", dhcp,
			    "nobody asks the ISP for an address");
	if (wants_dhcp4(dhcp) && (!client || strcasecmp(client, "mac") != 0))
		return tell(look, network, FINDING_NOTE, "DHCPv4", "ClientIdentifier=mac", client,
			    "a reinstalled machine is another one to the ISP");
	return 0;
}

/* True when the ISP's router advertisements are what IPv6 goes by. */
static bool needs_ra(const struct config *config, size_t wan)
{
	const struct wan_conf *conf = &config->wans[wan];

	return config_has_family(config, wan, IPV6) &&
	       (conf->gateway_mode[IPV6] == GATEWAY_AUTO || !conf->fixed6);
}

static int look_at_prefix(const struct network_look *look, const struct network *network,
			  size_t wan)
{
	const struct config *config = look->patient->config;
	_cleanup_(freep) char *hint = NULL, *setting = NULL;
	struct prefix asked;
	int r = get(network, "DHCPv6", "PrefixDelegationHint", &hint);

	if (r < 0 || !config_has_family(config, wan, IPV6) || config->wans[wan].masquerade6 ||
	    config->wans[wan].fixed6)
		return r;
	if (hint && prefix_parse(hint, AF_INET6, &asked) == 0 &&
	    asked.len <= config->lan.prefix6.len)
		return 0;
	if (asprintf(&setting, "PrefixDelegationHint=::/%u", config->lan.prefix6.len) < 0)
		return -ENOMEM;
	return tell(look, network, hint ? FINDING_WRONG : FINDING_NOTE, "DHCPv6", setting, hint,
		    "an ISP that is not asked may delegate a smaller prefix than lan.prefix6");
}

static int look_at_wan(const struct network_look *look, const struct network *network, size_t wan)
{
	_cleanup_(freep) char *keep = NULL, *ra = NULL;
	int r = get(network, "Network", "KeepConfiguration", &keep);

	if (r == 0)
		r = get(network, "Network", "IPv6AcceptRA", &ra);
	if (r == 0 && (!keep || strcasecmp(keep, "static") != 0))
		r = tell(look, network, FINDING_WRONG, "Network", "KeepConfiguration=static", keep,
			 !keep || conf_is_no(keep)
				 ? "mwan's addresses go when networkd restarts or reconfigures"
				 : "an address outlives its lease and the carrier");
	if (r == 0 && needs_ra(look->patient->config, wan) && !conf_is_yes(ra))
		r = tell(look, network, FINDING_WRONG, "Network", "IPv6AcceptRA=yes", ra,
			 "forwarding turns router advertisements off, and with them the gateway "
			 "and DHCPv6");
	if (r == 0)
		r = look_at_dhcp4(look, network, wan);
	return r == 0 ? look_at_prefix(look, network, wan) : r;
}

/* ---- the LAN ---- */

static int look_at_lan(const struct network_look *look, const struct network *network)
{
	_cleanup_(freep) char *dhcp = NULL, *ra = NULL;
	int r = get(network, "Network", "DHCP", &dhcp);

	if (r == 0)
		r = get(network, "Network", "IPv6AcceptRA", &ra);
	if (r == 0 && dhcp && !conf_is_no(dhcp))
		r = tell(look, network, FINDING_WRONG, "Network", "DHCP=no", dhcp,
			 "the router's own address on the LAN is fixed, and nobody is to lend it");
	if (r == 0 && conf_is_yes(ra))
		r = tell(look, network, FINDING_WRONG, "Network", "IPv6AcceptRA=no", ra,
			 "the router believes who advertises itself on the LAN");
	return r;
}

/* ---- the link ---- */

int network_look_at(struct network_look *look, int wan)
{
	const struct config *config = look->patient->config;
	const struct facts *facts = &look->patient->outcome.facts;
	const struct link_fact *link = wan < 0 ? &facts->lan : &facts->wans[wan].link;
	struct network network = {
		.interface = wan < 0 ? config->lan.interface : config->wans[wan].interface,
	};
	int r;

	if (!link->link.index)
		return 0;
	r = find_files(look, link->link.index, &network.files);
	look->n_files += network.files.n;
	if (r == 0 && network.files.n > 0)
		r = wan < 0 ? look_at_lan(look, &network) : look_at_wan(look, &network, wan);
	if (r == 0)
		r = look_at_age(look, &network);
	conf_files_done(&network.files);
	return r;
}
