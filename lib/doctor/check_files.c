// SPDX-License-Identifier: GPL-2.0-or-later
// The files that everything begins with, the folders where it is kept, and the daemon's report.
// A file has to be root's alone to change, and readable by root without CAP_DAC_OVERRIDE.

#include "doctor/check.h"

#include "base/lock.h"
#include "base/paths.h"
#include "config/version.h"
#include "doctor/units.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* The services are root without CAP_DAC_OVERRIDE: what others own and don't share is closed. */
static bool may_root(const struct stat *st, mode_t bits)
{
	if (st->st_uid == 0)
		return st->st_mode & (bits << 6);
	return st->st_mode & (st->st_gid == 0 ? bits << 3 : bits);
}

/* missing: what to do where there is no such file; NULL: another finding says so. */
static void look_at_file(struct diagnosis *diagnosis, const char *path, const char *missing)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		if (missing)
			diagnosis_wrong(diagnosis, "file-missing", "%s: %m\n%s", path, missing);
	} else if (st.st_uid != 0 || (st.st_mode & 022) || !may_root(&st, 04)) {
		diagnosis_wrong(diagnosis, "file-owner",
				"%s is user %u's, with mode %04o: %s\n"
				"`chown root:root %s && chmod 0644 %s`",
				path, st.st_uid, st.st_mode & 07777,
				may_root(&st, 04) ? "others can change what root does"
						  : "the services can't read it",
				path, path);
	}
}

static void look_at_version(const struct patient *patient)
{
	bool differs = patient->outcome.planned && !plan_is_empty(&patient->outcome.plan);

	if (!patient->config || config_file_is_in_force(patient->config_path))
		return;
	diagnosis_add(patient->diagnosis, differs ? FINDING_WRONG : FINDING_NOTE, "config-edited",
		      "%s has been edited, and is not yet in force\n`%s`", patient->config_path,
		      daemon_is_running() ? "systemctl reload mwan-health" : "update-routes");
}

static void look_at_room(struct diagnosis *diagnosis, const char *path, const char *loss)
{
	struct statvfs fs;

	if (statvfs(path, &fs) < 0)
		return;
	if (fs.f_flag & ST_RDONLY)
		diagnosis_wrong(diagnosis, "folder-full",
				"%s is read-only: %s\n"
				"`mount -o remount,rw $(findmnt -no TARGET -T %s)`; `dmesg` may "
				"say why it is read-only",
				path, loss, path);
	else if (fs.f_bavail == 0 && fs.f_blocks > 0) /* of 0 blocks: it has no limit */
		diagnosis_wrong(diagnosis, "folder-full",
				"%s is full: %s\n"
				"make room: `df -h %s`, `journalctl --vacuum-size=50M`",
				path, loss, path);
}

/* loss: what does not work without it */
static void look_at_folder(struct diagnosis *diagnosis, const char *path, const char *loss)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		diagnosis_wrong(diagnosis, "folder-missing",
				"there is no folder %s: %s\n"
				"`systemd-tmpfiles --create mwan.conf`, then `systemctl restart "
				"mwan-health`",
				path, loss);
	else if (st.st_uid != 0 || (st.st_mode & 0700) != 0700 || (st.st_mode & 022))
		diagnosis_wrong(diagnosis, "folder-owner",
				"%s is user %u's, with mode %04o: %s\n"
				"`chown root:root %s && chmod 0755 %s`",
				path, st.st_uid, st.st_mode & 07777, loss, path, path);
	else
		look_at_room(diagnosis, path, loss);
}

static void look_at_daemon(struct diagnosis *diagnosis)
{
	_cleanup_(report_done) struct report report = {};
	bool runs = daemon_is_running();
	struct fault fault = {};
	int r = runs ? report_read(HEALTH_PATH, &report, &fault) : 0;

	if (!runs && !units_are_there()) /* else the check of units says more */
		diagnosis_note(diagnosis, "daemon-off",
			       "the daemon does not run: nobody watches the WANs\n"
			       "start `health-check --daemon`");
	if (!runs || r == -ENOENT)
		return;
	if (r < 0)
		diagnosis_wrong(diagnosis, "daemon-report", "%s\n`systemctl restart mwan-health`",
				fault.text);
	else if (report_is_stale(&report, clock_us(CLOCK_REALTIME)))
		diagnosis_wrong(diagnosis, "daemon-hangs",
				"the daemon runs, but " HEALTH_PATH " is old: it hangs\n"
				"`systemctl restart mwan-health`");
	else if (report.trouble)
		diagnosis_note(diagnosis, "daemon-trouble",
			       "the daemon says: %s\nmend what is below", report.trouble);
}

/* The unit's sandbox has folders of its own in these places, or none. */
static bool is_hidden(const char *path)
{
	static const char *const hidden[] = { "/home/", "/root/", "/run/user/", "/tmp/",
					      "/var/tmp/" };

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (strncmp(path, hidden[i], strlen(hidden[i])) == 0)
			return true;
	return false;
}

static void look_at_command(const char *path, struct diagnosis *diagnosis)
{
	struct stat st;

	if (!path)
		return;
	if (is_hidden(path))
		diagnosis_wrong(diagnosis, "notify-hidden",
				"[notify] command = %s: the service does not see that folder\n"
				"put it into /usr/local/bin, and its new path into [notify]",
				path);
	else if (stat(path, &st) < 0)
		diagnosis_wrong(diagnosis, "notify-missing",
				"[notify] command = %s: %m\n"
				"put it there, or name another in [notify]",
				path);
	else if (!S_ISREG(st.st_mode) || !may_root(&st, 01) || !may_root(&st, 04))
		diagnosis_wrong(
			diagnosis, "notify-owner",
			"[notify] command = %s: the service can't run it (user %u's, mode %04o)\n"
			"`chown root:root %s && chmod 0755 %s`",
			path, st.st_uid, st.st_mode & 07777, path, path);
}

int doctor_files(struct patient *patient, struct fault *fault)
{
	struct diagnosis *diagnosis = patient->diagnosis;

	look_at_file(diagnosis, patient->config_path, NULL);
	look_at_version(patient);
	look_at_file(diagnosis, BASE_RULESET_PATH,
		     INSTALL_AGAIN "; then `systemctl restart nftables`");
	look_at_folder(diagnosis, RUN_DIR, "no run can be made");
	look_at_folder(diagnosis, "/var/lib/mwan", "verdicts don't survive a reboot");
	if (patient->config && patient->config->debug_logging)
		look_at_folder(diagnosis, "/var/log", "no debug log is written");
	if (patient->config)
		look_at_command(patient->config->notify_command, diagnosis);
	look_at_daemon(diagnosis);
	if (access("/etc/iproute2/rt_protos.d/mwan.conf", F_OK) < 0)
		diagnosis_note(diagnosis, "proto-name",
			       "ip shows what is mwan's as `proto 77`, without a name\n"
			       "`mkdir -p /etc/iproute2/rt_protos.d && echo 77 mwan "
			       ">/etc/iproute2/rt_protos.d/mwan.conf`");
	diagnosis_good(diagnosis, "%s is in force%s", patient->config_path,
		       daemon_is_running() ? "; the daemon is alive" : "");
	return 0;
}
