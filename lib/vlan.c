#include "vlan.h"

#include "fileio.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>

/* True when a line of the text, KEY=…, has the word among its values. */
static bool has_setting(const char *text, const char *key, const char *word)
{
	size_t len = strlen(key), size = strlen(word);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " \t");
		if (strncmp(line, key, len) != 0)
			continue;
		for (const char *at = line + len; *at && *at != '\n';) {
			size_t n = strcspn(at += strspn(at, " \t="), " \t\n");

			if (n == size && strncmp(at, word, n) == 0)
				return true;
			at += n;
		}
	}
	return false;
}

/* True when one of networkd's files of that kind says KEY=WORD. */
static bool any_file_says(const char *root, const char *kind, const char *key, const char *word)
{
	static const char *const folders[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib" };
	bool found = false;
	char pattern[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(folders) && !found; i++) {
		glob_t files = {};

		snprintf(pattern, sizeof(pattern), "%s%s/systemd/network/*%s", root, folders[i],
			 kind);
		glob(pattern, 0, NULL, &files);
		snprintf(pattern, sizeof(pattern), "%s%s/systemd/network/*%s.d/*.conf", root,
			 folders[i], kind);
		glob(pattern, GLOB_APPEND, NULL, &files);
		for (size_t j = 0; j < files.gl_pathc && !found; j++) {
			_cleanup_(freep) char *text = NULL;

			found = file_read(files.gl_pathv[j], &text) == 0 &&
				has_setting(text, key, word);
		}
		globfree(&files);
	}
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
	if (kernel_lacks_vlans(root))
		return fault_set(fault, -ENODEV,
				 "there is no %s, and this kernel has no VLANs: boot one that has "
				 "the module 8021q, such as Debian's linux-image-amd64",
				 interface);
	if (!any_file_says(root, ".netdev", "Name", interface))
		return fault_set(fault, -ENODEV,
				 "there is no %s: it needs a .netdev file in /etc/systemd/network "
				 "with `Name=%s`, `Kind=vlan` and its `Id=`; then `networkctl "
				 "reload`",
				 interface, interface);
	if (!any_file_says(root, ".network", "VLAN", interface))
		return fault_set(fault, -ENODEV,
				 "there is no %s: it needs `VLAN=%s` in the .network file of %s in "
				 "/etc/systemd/network; then `networkctl reload`",
				 interface, interface, port);
	return fault_set(fault, -ENODEV,
			 "there is no %s, though its files are there: `networkctl reload`; "
			 "`journalctl -u systemd-networkd` says what is in its way",
			 interface);
}
