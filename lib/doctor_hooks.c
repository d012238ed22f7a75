/*
 * networkd-dispatcher's hooks. It skips what is not root's and exactly 0755, folders included, and
 * says so in the journal alone.
 */
#include "doctor.h"

#include <errno.h>
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

/* 1: something is wrong with it, and has been said. */
static int look_at(struct diagnosis *diagnosis, const char *path)
{
	_cleanup_(freep) char *fix = NULL;
	struct stat st, link;
	int r;

	if (lstat(path, &link) < 0 || stat(path, &st) < 0) {
		r = diagnosis_add(diagnosis, FINDING_WRONG,
				  "install mwan again: `apt install --reinstall -o "
				  "Dpkg::Options::=--force-confmiss mwan`",
				  "%s: %m", path);
		return r < 0 ? r : 1;
	}
	/* What it leads to is looked at where it stands. */
	if (S_ISLNK(link.st_mode))
		return 0;
	if (st.st_uid == 0 && st.st_gid == 0 && (st.st_mode & 07777) == 0755)
		return 0;
	if (asprintf(&fix, "`chown root:root %s && chmod 0755 %s`", path, path) < 0)
		return -ENOMEM;
	r = diagnosis_add(diagnosis, FINDING_WRONG, fix,
			  "%s is %u:%u's and %04o: networkd-dispatcher runs nothing that is not "
			  "root's and 0755",
			  path, st.st_uid, st.st_gid, st.st_mode & 07777);
	return r < 0 ? r : 1;
}

static int look_at_state(struct diagnosis *diagnosis, size_t state)
{
	int r = look_at(diagnosis, states[state].folder);

	for (size_t i = 0; i < 2 && states[state].hooks[i] && r == 0; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", states[state].folder, states[state].hooks[i]);
		r = look_at(diagnosis, path);
	}
	return r < 0 ? r : 0;
}

int doctor_hooks(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	size_t before = diagnosis->n;
	int r = 0;

	if (access(FOLDER, F_OK) < 0)
		return diagnosis_add(diagnosis, FINDING_NOTE,
				     "`apt install networkd-dispatcher`, and install mwan again",
				     "no %s: only the daemon acts on what networkd does", FOLDER);
	for (size_t i = 0; i < ARRAY_SIZE(states) && r == 0; i++)
		r = look_at_state(diagnosis, i);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "all are there, root's and 0755");
}
