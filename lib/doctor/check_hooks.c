// SPDX-License-Identifier: GPL-2.0-or-later
// networkd-dispatcher's hooks: that each is there and would be run.
// It skips what is not root's and exactly 0755, folders included, and says so in its journal only.

#include "doctor/check.h"

#include <limits.h>
#include <sys/stat.h>

#define FOLDER "/etc/networkd-dispatcher"
#define ROUTES "50-update-routes.sh"
#define NPT "55-update-npt.sh"

/* What hooks/meson.build installs. */
static const struct {
	const char *folder;
	const char *hooks[2];
} states[] = {
	{ FOLDER "/routable.d", { ROUTES, NPT } },    { FOLDER "/configured.d", { ROUTES, NPT } },
	{ FOLDER "/no-carrier.d", { ROUTES, NULL } }, { FOLDER "/degraded.d", { ROUTES, NULL } },
	{ FOLDER "/off.d", { ROUTES, NULL } },
};

/* False: something is wrong with it. */
static bool look_at_path(struct diagnosis *diagnosis, const char *path)
{
	struct stat st, link;

	if (lstat(path, &link) < 0 || stat(path, &st) < 0) {
		diagnosis_wrong(diagnosis, "hook-missing", "%s: %m\n" INSTALL_AGAIN, path);
		return false;
	}
	/* A link's target is looked at in its own folder. */
	if (S_ISLNK(link.st_mode) ||
	    (st.st_uid == 0 && st.st_gid == 0 && (st.st_mode & 07777) == 0755))
		return true;
	diagnosis_wrong(
		diagnosis, "hook-owner",
		"%s is %u:%u's and %04o: networkd-dispatcher runs only what is root's and 0755\n"
		"`chown root:root %s && chmod 0755 %s`",
		path, st.st_uid, st.st_gid, st.st_mode & 07777, path, path);
	return false;
}

int doctor_hooks(struct patient *patient, struct fault *fault)
{
	struct diagnosis *diagnosis = patient->diagnosis;

	if (access(FOLDER, F_OK) < 0) {
		diagnosis_note(diagnosis, "hooks-missing",
			       "there is no " FOLDER
			       ": only the daemon acts on what networkd does\n"
			       "`apt install networkd-dispatcher`, and install mwan again");
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		bool good = look_at_path(diagnosis, states[i].folder);

		for (size_t k = 0; k < 2 && states[i].hooks[k] && good; k++) {
			char path[PATH_MAX];

			snprintf(path, sizeof(path), "%s/%s", states[i].folder, states[i].hooks[k]);
			good = look_at_path(diagnosis, path);
		}
	}
	diagnosis_good(diagnosis, "all are there, root's and 0755");
	return 0;
}
