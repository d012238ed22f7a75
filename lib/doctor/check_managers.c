// SPDX-License-Identifier: GPL-2.0-or-later
// Programs that configure a link of the site beside systemd-networkd: each undoes the other's work.
// networkd says which links are its own; the others are asked, or leave files. One alone is right.

#include "doctor/check.h"

#include "base/child.h"
#include "base/fileio.h"
#include "doctor/links.h"
#include "dot1x/dot1x.h"
#include "dot1x/wpa.h"
#include "kernel/netlink.h"
#include "networkd/lease.h"

#include <dirent.h>
#include <string.h>

/* True when a file of ifupdown's gives the link an address: "iface enlan0 inet dhcp". */
static bool names_link(const char *path, const char *link)
{
	_cleanup_(freep) char *text = NULL;
	char *rest, *line, name[IFNAMSIZ], method[16];

	if (file_read(path, &text) < 0)
		return false;
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (sscanf(line, " iface %15s %*s %15s", name, method) == 2 &&
		    strcmp(name, link) == 0 && strcmp(method, "manual") != 0)
			return true;
	return false;
}

static bool ifupdown_has(const struct patient *patient, const char *link, char *where, size_t size)
{
	char folder[4096];
	struct dirent *entry;
	bool found;
	DIR *dir;

	snprintf(where, size, "%s/etc/network/interfaces", patient->root);
	found = names_link(where, link);
	snprintf(folder, sizeof(folder), "%s/etc/network/interfaces.d", patient->root);
	dir = opendir(folder);
	/* -Wanalyzer-possible-null-argument: dir is looked at first */
	while (!found && dir && (entry = readdir(dir))) {
		if (*entry->d_name == '.') /* an editor's, which ifupdown leaves out as well */
			continue;
		snprintf(where, size, "%s/%s", folder, entry->d_name);
		found = names_link(where, link);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* nmcli would wait for half a minute for an answer, once for each link. */
#define NMCLI "timeout", "2", "env", "LC_ALL=C", "nmcli", "-g"

static bool network_manager_answers(void)
{
	char *const argv[] = { NMCLI, "RUNNING", "general", NULL };
	_cleanup_(freep) char *text = NULL;

	return child_output((struct child){ .argv = argv, .silent = true }, &text) == 0 &&
	       strncmp(text, "running", strlen("running")) == 0;
}

/* Device states go from 40, "prepare", to 100, "activated". */
static bool network_manager_has(const struct patient *patient, const char *link, char *where,
				size_t size)
{
	char *const argv[] = { NMCLI, "GENERAL.STATE", "device", "show", (char *)link, NULL };
	_cleanup_(freep) char *text = NULL;
	long state;

	(void)where, (void)size;
	if (!patient->network_manager)
		return false;
	if (child_output((struct child){ .argv = argv, .silent = true }, &text) != 0)
		return false;
	state = strtol(text, NULL, 10);
	/* It watches what others have configured, too. */
	return state >= 40 && state <= 100 && !strstr(text, "externally");
}

/* One process for all links asks the WANs for leases, and leaves the LAN's address alone. */
static bool dhcpcd_has_all(const struct patient *patient, const char *link, char *where,
			   size_t size)
{
	snprintf(where, size, "%s/run/dhcpcd/pid", patient->root);
	return strcmp(link, patient->config->lan.interface) != 0 && access(where, F_OK) == 0;
}

static bool dhcpcd_has(const struct patient *patient, const char *link, char *where, size_t size)
{
	static const char *const families[] = { "", "-4", "-6" };
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(families) && !found; i++) {
		snprintf(where, size, "%s/run/dhcpcd/%s%s.pid", patient->root, link, families[i]);
		found = access(where, F_OK) == 0;
	}
	return found;
}

static const struct manager {
	const char *name;
	/* where: filled with the file that says so */
	bool (*has)(const struct patient *patient, const char *link, char *where, size_t size);
	const char *off;
	bool by_link;	   /* off ends in a space: the link follows */
	const char *again; /* asks the ISP again; the link follows */
	bool names_file;   /* it does so again at boot, unless where is edited */
} managers[] = {
	{ "ifupdown", ifupdown_has, "ifdown ", true, "ifup --force ", true }, /* may run dhcpcd */
	{ "NetworkManager", network_manager_has, "systemctl disable --now NetworkManager", false,
	  "nmcli device connect ", false },
	{ "dhcpcd", dhcpcd_has_all, "systemctl disable --now dhcpcd", false, "dhcpcd --rebind ",
	  false },
	{ "dhcpcd", dhcpcd_has, "dhcpcd --exit ", true, "dhcpcd --rebind ", false },
};

bool networkd_has(const struct patient *patient, const char *link)
{
	_cleanup_(freep) char *json =
		networkd_describe(patient->networkd, netlink_link_index(link));
	struct lease lease = {};

	return json && lease_from_json(json, &lease) && lease.managed;
}

/* The LAN's link, the WANs', and the port of 802.1X. NULL: there are no more. */
static const char *site_link(const struct patient *patient, size_t i, char port[IFNAMSIZ])
{
	const struct config *config = patient->config;
	struct fault ignored = {};

	if (i == 0)
		return config->lan.interface;
	if (i <= config->n_wans)
		return config->wans[i - 1].interface;
	if (i > config->n_wans + 1 || access(WPA_CONFIG, F_OK) < 0 ||
	    dot1x_port(NULL, port, &ignored) < 0)
		return NULL;
	return port;
}

/* The first in the table that has the link; NULL: none has. */
static const struct manager *find_manager(const struct patient *patient, const char *link,
					  char *where, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
		if (managers[i].has(patient, link, where, size))
			return &managers[i];
	return NULL;
}

const char *manager_again(const struct patient *patient, const char *link)
{
	const struct manager *manager;
	char where[4096];

	manager = networkd_has(patient, link) ? NULL
					      : find_manager(patient, link, where, sizeof(where));
	return manager ? manager->again : NULL;
}

bool managers_have_wans(const struct patient *patient)
{
	char where[4096];

	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (!find_manager(patient, patient->config->wans[i].interface, where,
				  sizeof(where)))
			return false;
	return true;
}

/* Other links that it has alone: somebody may be logged in by them. */
static void list_others(const struct patient *patient, const struct manager *manager,
			struct enumeration *ret)
{
	struct if_nameindex *all = if_nameindex();
	char where[4096];

	for (size_t i = 0; all && all[i].if_index; i++)
		if (strcmp(all[i].if_name, "lo") != 0 &&
		    !link_is_of_site(patient->config, all[i].if_name) &&
		    manager->has(patient, all[i].if_name, where, sizeof(where)) &&
		    !networkd_has(patient, all[i].if_name))
			enumerate(ret, "%s", all[i].if_name);
	if (all)
		if_freenameindex(all);
}

/* Links that networkd has, too. */
struct shared_links {
	struct enumeration words; /* as they are said */
	size_t n;
	int subject;	      /* of the last one; ABOUT_MACHINE: the port of 802.1X */
	char off[1024];	      /* commands, each with " && " after it */
	char arguments[1024]; /* with a space before each */
};

static void add(char *text, size_t size, const char *a, const char *b, const char *c)
{
	size_t length = strlen(text);

	snprintf(text + length, size - length, "%s%s%s", a, b, c);
}

static void add_link(struct shared_links *links, const struct manager *manager, const char *link,
		     const char *where)
{
	if (manager->names_file)
		enumerate(&links->words, "%s (%s)", link, where);
	else
		enumerate(&links->words, "%s", link);
	add(links->arguments, sizeof(links->arguments), " ", link, "");
	if (manager->by_link || !*links->off)
		add(links->off, sizeof(links->off), manager->off, manager->by_link ? link : "",
		    " && ");
}

static void diagnose(const struct patient *patient, const struct manager *manager,
		     const struct shared_links *links)
{
	struct diagnosis *about = about_subject(
		patient->diagnosis, links->n == 1 ? links->subject : ABOUT_MACHINE, N_FAMILIES);
	struct enumeration others = {};

	if (!manager->by_link)
		list_others(patient, manager, &others);
	diagnosis_wrong(about, "manager",
			"%s configures %s beside systemd-networkd: each takes the other's "
			"addresses, routes and leases away\n"
			"%s%s%s`%snetworkctl reconfigure%s`%s",
			manager->name, links->words.s,
			*others.s ? "write a .network file for " : "", others.s,
			*others.s ? ", which it configures too; then " : "", links->off,
			links->arguments,
			manager->names_file ? "; then take it out of that file, its auto and "
					      "allow-hotplug too, or the next boot does it again"
					    : "");
}

int doctor_managers(struct patient *patient, struct fault *fault)
{
	struct shared_links shared[ARRAY_SIZE(managers)] = {};
	char where[4096], port[IFNAMSIZ];
	const char *link;

	(void)fault;
	patient->network_manager = network_manager_answers();
	for (size_t i = 0; (link = site_link(patient, i, port)); i++) {
		const struct manager *manager =
			networkd_has(patient, link)
				? find_manager(patient, link, where, sizeof(where))
				: NULL;

		if (!manager)
			continue;
		add_link(&shared[manager - managers], manager, link, where);
		shared[manager - managers].n++;
		shared[manager - managers].subject = i == 0 ? ABOUT_LAN
						     : i <= patient->config->n_wans
							     ? ABOUT_WAN + (int)i - 1
							     : ABOUT_MACHINE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
		if (*shared[i].arguments)
			diagnose(patient, &managers[i], &shared[i]);
	diagnosis_good(patient->diagnosis, "no two programs configure one link");
	return 0;
}
