/*
 * systemd-networkd as a whole: whether it lets mwan's rules, routes and addresses be, goes by the
 * files as they are, and is alone.
 */
#include "conf_files.h"
#include "doctor_network.h"
#include "fileio.h"
#include "lease.h"
#include "units.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NETWORKD "systemd-networkd.service"
#define DROPIN "/etc/systemd/networkd.conf.d/10-mwan.conf"

/* ---- networkd.conf ---- */

/* networkd.conf's, and what counts more: its drop-ins. */
static int get_global(const struct string_list *files, const char *key, char **value,
		      const char **file)
{
	static const char *const mains[] = { "/usr/lib/systemd/networkd.conf",
					     "/usr/local/lib/systemd/networkd.conf",
					     "/run/systemd/networkd.conf",
					     "/etc/systemd/networkd.conf" };
	int r = 0;

	*file = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(mains) + files->n && r == 0; i++) {
		const char *path =
			i < ARRAY_SIZE(mains) ? mains[i] : files->v[i - ARRAY_SIZE(mains)];
		char *before = *value;

		*value = NULL;
		r = conf_file_get(path, "Network", key, value);
		if (*value) {
			free(before);
			*file = path;
		} else {
			*value = before;
		}
	}
	return r;
}

static int tell_removes(const struct network_look *look, const char *keys, const char *file)
{
	_cleanup_(freep) char *fix = NULL;

	if (asprintf(&fix, "each =no in [Network] of %s; then `systemctl restart systemd-networkd`",
		     file ?: DROPIN) < 0)
		return -ENOMEM;
	return diagnosis_add(look->diagnosis, FINDING_WRONG, fix,
			     "networkd removes what is mwan's when it restarts: not \"no\"%s%s: %s",
			     file ? " in " : "", file ?: "", keys);
}

static int look_at_conf(const struct network_look *look)
{
	static const char *const keys[] = { "ManageForeignRoutingPolicyRules",
					    "ManageForeignRoutes", "ManageForeignNextHops" };
	_cleanup_(conf_files_done) struct string_list files = {};
	const char *newer = NULL, *culprit = NULL;
	char bad[128] = "";
	int r = conf_files_list(look->patient->root, "systemd/networkd.conf.d", &files);

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++) {
		_cleanup_(freep) char *value = NULL;
		const char *file;
		size_t len = strlen(bad);

		r = get_global(&files, keys[i], &value, &file);
		if (r == 0 && !conf_is_no(value)) {
			snprintf(bad + len, sizeof(bad) - len, "%s%s", len ? ", " : "", keys[i]);
			culprit = file ?: culprit;
		}
		if (file && network_is_newer(look, file))
			newer = file;
	}
	if (r == 0 && *bad)
		return tell_removes(look, bad, culprit);
	if (r < 0 || !newer)
		return r;
	return diagnosis_add(look->diagnosis, FINDING_NOTE, "`systemctl restart systemd-networkd`",
			     "%s is newer than what networkd goes by", newer);
}

/* ---- ifupdown ---- */

static bool is_ours(const struct config *config, const char *name)
{
	return *name &&
	       (strcmp(config->lan.interface, name) == 0 || config_wan_by_interface(config, name));
}

/* Where networkd leaves a link alone, ifupdown is nobody's rival. */
static bool is_managed(const struct network_look *look, const char *name)
{
	_cleanup_(freep) char *json =
		networkd_describe(look->patient->networkd, if_nametoindex(name));
	struct lease lease = {};

	return !json || !lease_from_json(json, &lease) || !lease.refused;
}

static int look_at_interfaces(const struct network_look *look, const char *path)
{
	_cleanup_(freep) char *text = NULL, *fix = NULL;
	char *rest, *line;

	if (file_read(path, &text) < 0)
		return 0;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char name[IFNAMSIZ] = "";

		if (sscanf(line, " iface %15s", name) != 1 ||
		    !is_ours(look->patient->config, name) || !is_managed(look, name))
			continue;
		if (asprintf(&fix, "take %s out of %s, its auto or allow-hotplug too, and reboot",
			     name, path) < 0)
			return -ENOMEM;
		return diagnosis_add(look->diagnosis, FINDING_WRONG, fix,
				     "ifupdown configures %s beside systemd-networkd (%s)", name,
				     path);
	}
	return 0;
}

static int look_at_ifupdown(const struct network_look *look)
{
	static const char folder[] = "/etc/network/interfaces.d";
	int r = look_at_interfaces(look, "/etc/network/interfaces");
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && r == 0 && (entry = readdir(dir))) {
		_cleanup_(freep) char *path = NULL;

		if (asprintf(&path, "%s/%s", folder, entry->d_name) < 0)
			r = -ENOMEM;
		else
			r = look_at_interfaces(look, path);
	}
	if (dir)
		closedir(dir);
	return r;
}

/* ---- the check ---- */

int doctor_networkd(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct network_look look = { .patient = patient, .diagnosis = diagnosis };
	struct unit unit = { .name = NETWORKD };
	size_t before = diagnosis->n;
	int r;

	if (units_are_there() && units_look(&unit, 1, fault) == 0)
		look.read_us = unit.changed_us;
	r = look_at_conf(&look);
	for (int i = -1; patient->looked && i < (int)patient->config->n_wans && r == 0; i++)
		r = network_look_at(&look, i);
	if (r == 0 && patient->config)
		r = look_at_ifupdown(&look);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "what is mwan's is let be%s",
			      look.n_files ? ", and each link has its settings" : "");
}
