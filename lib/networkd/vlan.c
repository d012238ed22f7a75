// SPDX-License-Identifier: GPL-2.0-or-later
// Why there is no interface of a VLAN.
// It takes a kernel with VLANs, a .netdev file that names it, and a .network file that puts it on.

#include "networkd/vlan.h"

#include "base/fileio.h"
#include "base/ini_reader.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>

/* Looks for a value among those of a key, which may be set several times. */
struct vlan_search {
	const char *section, *key, *value;
	bool within, found;
};

static int on_section(void *user, unsigned line, const char *name)
{
	struct vlan_search *search = user;

	search->within = strcmp(name, search->section) == 0;
	return 0;
}

static int on_key(void *user, unsigned line, const char *name, const char *value)
{
	struct vlan_search *search = user;
	size_t length = strlen(search->value);

	if (!search->within || strcmp(name, search->key) != 0)
		return 0;
	for (size_t n; *value; value += n) {
		value += strspn(value, " \t\n");
		n = strcspn(value, " \t\n");
		if (n == length && strncmp(value, search->value, n) == 0)
			search->found = true;
	}
	return 0;
}

static bool file_sets(const char *path, struct vlan_search search)
{
	static const struct ini_events events = { .section = on_section, .key = on_key };
	struct fault ignored = {};
	unsigned lines;

	ini_read(path, INI_SYSTEMD, &events, &search, &lines, &ignored);
	return search.found;
}

/* suffix: of networkd's files, ".netdev" or ".network", which drop-ins may extend. */
static bool any_file_sets(const char *root, const char *suffix, struct vlan_search search)
{
	char pattern[PATH_MAX];
	glob_t files = {};
	bool found = false;

	snprintf(pattern, sizeof(pattern),
		 "%s{/etc,/run,/usr/local/lib,/usr/lib}/systemd/network/*%s{,.d/*.conf}", root,
		 suffix);
	glob(pattern, GLOB_BRACE, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc && !found; i++)
		found = file_sets(files.gl_pathv[i], search);
	globfree(&files);
	return found;
}

/* True when this kernel has no VLANs, for sure. */
static bool kernel_lacks_vlans(const char *root)
{
	static const char *const lists[] = { "modules.dep", "modules.builtin" };
	struct utsname kernel;
	char path[PATH_MAX];
	bool listed = false, known = false;

	snprintf(path, sizeof(path), "%s/proc/net/vlan", root);
	if (access(path, F_OK) == 0 || uname(&kernel) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		_cleanup_(freep) char *text = NULL;

		snprintf(path, sizeof(path), "%s/lib/modules/%s/%s", root, kernel.release,
			 lists[i]);
		if (file_read(path, &text) < 0)
			continue;
		known = true;
		listed |= strstr(text, "/8021q.ko") != NULL;
	}
	return known && !listed;
}

int vlan_say_missing(const char *root, const char *interface, const char *port, struct fault *fault)
{
	bool lacks_vlans = kernel_lacks_vlans(root);
	struct vlan_search name = { .section = "NetDev", .key = "Name", .value = interface };
	struct vlan_search vlan = { .section = "Network", .key = "VLAN", .value = interface };
	bool made = any_file_sets(root, ".netdev", name);
	bool put = any_file_sets(root, ".network", vlan);

	fault_set(fault, -ENODEV, "there is no %s%s", interface,
		  lacks_vlans	? ", and this kernel has no VLANs"
		  : made && put ? ", though its files are there"
				: "");
	if (lacks_vlans)
		return fault_fix(fault, -ENODEV,
				 "boot one that has the module 8021q, such as Debian's "
				 "linux-image-amd64");
	if (!made)
		return fault_fix(fault, -ENODEV,
				 "it needs a .netdev file in /etc/systemd/network with `Name=%s`, "
				 "`Kind=vlan` and its `Id=`; then `networkctl reload`",
				 interface);
	if (!put)
		return fault_fix(fault, -ENODEV,
				 "it needs `VLAN=%s` in the .network file of %s in "
				 "/etc/systemd/network; then `networkctl reload`",
				 interface, port);
	return fault_fix(fault, -ENODEV,
			 "`networkctl reload`; `journalctl -u systemd-networkd` says what is in "
			 "its way");
}
