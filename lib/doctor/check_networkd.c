// SPDX-License-Identifier: GPL-2.0-or-later
// systemd-networkd: that it leaves mwan's rules, routes and addresses alone.
// It compares its files with what mwan needs, and with the time when networkd last read them.

#include "doctor/check.h"

#include "base/dropins.h"
#include "doctor/network_files.h"
#include "doctor/units.h"

#include <string.h>

#define DROPIN "/etc/systemd/networkd.conf.d/10-mwan.conf"

/* A later one overrides an earlier one; the drop-ins override both. */
static const char *const mains[] = { "/usr/lib/systemd/networkd.conf",
				     "/usr/local/lib/systemd/networkd.conf",
				     "/run/systemd/networkd.conf", "/etc/systemd/networkd.conf" };

/* *no: the key's value is "no"; *file: which sets it, or NULL */
static int get_conf(const struct string_list *dropins, const char *key, bool *no, const char **file)
{
	int r = 0;

	*no = false;
	*file = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(mains) + dropins->n && r == 0; i++) {
		const char *path =
			i < ARRAY_SIZE(mains) ? mains[i] : dropins->v[i - ARRAY_SIZE(mains)];
		_cleanup_(freep) char *value = NULL;

		r = conf_file_get(path, "Network", key, &value);
		if (value) {
			*no = conf_is_no(value);
			*file = path;
		}
	}
	return r;
}

static int look_at_conf(const struct network_files *files)
{
	static const char *const keys[] = { "ManageForeignRoutingPolicyRules",
					    "ManageForeignRoutes", "ManageForeignNextHops" };
	struct diagnosis *diagnosis = files->patient->diagnosis;
	_cleanup_(string_list_done) struct string_list dropins = {};
	const char *newer = NULL, *culprit = NULL;
	struct enumeration bad = {};
	int r = conf_files_list(files->patient->root, "systemd/networkd.conf.d", &dropins);

	for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++) {
		const char *file;
		bool no;

		r = get_conf(&dropins, keys[i], &no, &file);
		if (r == 0 && !no) {
			enumerate(&bad, "%s", keys[i]);
			if (file)
				culprit = file;
		}
		if (file && network_files_are_newer(files, file))
			newer = file;
	}
	if (r < 0)
		return r;
	if (*bad.s)
		diagnosis_wrong(
			diagnosis, "networkd-removes",
			"networkd removes mwan's routes and rules when it restarts: not "
			"\"no\"%s%s: %s\n"
			"each =no in [Network] of %s; then `systemctl restart systemd-networkd`",
			culprit ? " in " : "", culprit ?: "", bad.s, culprit ?: DROPIN);
	else if (newer)
		diagnosis_note(diagnosis, "networkd-unread",
			       "%s has changed since networkd last read it\n"
			       "`systemctl restart systemd-networkd`",
			       newer);
	return 0;
}

int doctor_networkd(struct patient *patient, struct fault *fault)
{
	struct network_files files = { .patient = patient };
	struct unit unit = { .name = "systemd-networkd.service" };
	int r;

	if (units_are_there() && units_look(&unit, 1, fault) == 0)
		files.read_us = unit.changed_us;
	r = look_at_conf(&files);
	if (patient->site && r == 0)
		r = network_files_check(&files);
	if (r < 0)
		return r;
	diagnosis_good(patient->diagnosis, "it leaves mwan's objects alone%s",
		       files.n ? ", and each link has its settings" : "");
	return 0;
}
