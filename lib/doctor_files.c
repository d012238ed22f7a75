/*
 * The files that everything begins with, and the folders where it is kept.
 */
#include "config_file.h"
#include "daemon.h"
#include "doctor.h"
#include "fileio.h"
#include "log.h"
#include "report.h"
#include "units.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BASE "/etc/mwan/nftables.conf"
#define KEPT_DIR "/var/lib/mwan"

/* ---- what is read ---- */

/* The services are root without CAP_DAC_OVERRIDE: what others own and don't share is closed. */
static bool may_root(const struct stat *st, mode_t bits)
{
	if (st->st_uid == 0)
		return st->st_mode & (bits << 6);
	return st->st_mode & (st->st_gid == 0 ? bits << 3 : bits);
}

static int look_at_file(struct diagnosis *diagnosis, const char *path, const char *missing)
{
	_cleanup_(freep) char *fix = NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		return diagnosis_add(diagnosis, FINDING_WRONG, missing, "%s: %m", path);
	if (st.st_uid == 0 && !(st.st_mode & 022) && may_root(&st, 04))
		return 0;
	if (asprintf(&fix, "`chown root:root %s && chmod 0644 %s`", path, path) < 0)
		return -ENOMEM;
	return diagnosis_add(diagnosis, FINDING_WRONG, fix, "%s is user %u's, with mode %04o: %s",
			     path, st.st_uid, st.st_mode & 07777,
			     may_root(&st, 04) ? "others can change what root does"
					       : "the services can't read it");
}

static int look_at_version(const struct patient *patient, struct diagnosis *diagnosis)
{
	bool differs = patient->planned && patient->plan && *patient->plan;

	if (!patient->config || config_file_is_in_force(patient->config_path))
		return 0;
	return diagnosis_add(diagnosis, differs ? FINDING_WRONG : FINDING_NOTE,
			     daemon_is_running() ? "`systemctl reload mwan-health`"
						 : "`update-routes`",
			     "%s has been edited, and is not yet in force", patient->config_path);
}

/* ---- what is written ---- */

static int look_at_folder(struct diagnosis *diagnosis, const char *path, const char *loss)
{
	_cleanup_(freep) char *fix = NULL;
	struct statvfs fs;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return diagnosis_add(diagnosis, FINDING_WRONG,
				     "`systemd-tmpfiles --create mwan.conf`, then `systemctl "
				     "restart mwan-health`",
				     "there is no folder %s: %s", path, loss);
	if (st.st_uid != 0 || (st.st_mode & 0700) != 0700 || (st.st_mode & 022)) {
		if (asprintf(&fix, "`chown root:root %s && chmod 0755 %s`", path, path) < 0)
			return -ENOMEM;
		return diagnosis_add(diagnosis, FINDING_WRONG, fix,
				     "%s is user %u's, with mode %04o: %s", path, st.st_uid,
				     st.st_mode & 07777, loss);
	}
	/* One without a limit has no blocks at all. */
	if (statvfs(path, &fs) < 0 ||
	    (!(fs.f_flag & ST_RDONLY) && (fs.f_bavail > 0 || fs.f_blocks == 0)))
		return 0;
	if (asprintf(&fix,
		     fs.f_flag & ST_RDONLY
			     ? "`mount -o remount,rw $(findmnt -no TARGET -T %s)`; `dmesg` may say "
			       "why it is read-only"
			     : "make room: `df -h %s`, `journalctl --vacuum-size=50M`",
		     path) < 0)
		return -ENOMEM;
	return diagnosis_add(diagnosis, FINDING_WRONG, fix, "%s is %s: %s", path,
			     fs.f_flag & ST_RDONLY ? "read-only" : "full", loss);
}

/* ---- the daemon ---- */

static int look_at_report(struct diagnosis *diagnosis)
{
	_cleanup_(report_done) struct report report = {};
	struct fault fault = {};
	int r = report_read(HEALTH_PATH, &report, &fault);

	if (r == -ENOMEM)
		return r;
	if (r == 0 && report_is_stale(&report, clock_us(CLOCK_REALTIME)))
		return diagnosis_add(diagnosis, FINDING_WRONG, "`systemctl restart mwan-health`",
				     "the daemon runs, but " HEALTH_PATH " is old: it hangs");
	if (r < 0 && r != -ENOENT)
		return diagnosis_add(diagnosis, FINDING_WRONG, "`systemctl restart mwan-health`",
				     "%s", fault.text);
	if (r == 0 && report.trouble)
		return diagnosis_add(diagnosis, FINDING_NOTE, "mend what is below",
				     "the daemon says: %s", report.trouble);
	return 0;
}

static int look_at_daemon(struct diagnosis *diagnosis)
{
	if (daemon_is_running())
		return look_at_report(diagnosis);
	/* Of its unit, more is known. */
	if (units_are_there())
		return 0;
	return diagnosis_add(diagnosis, FINDING_NOTE, "start `health-check --daemon`",
			     "the daemon does not run: nobody watches the WANs");
}

/* ---- [notify] ---- */

/* The sandbox has these for itself, or not at all. */
static bool is_hidden(const char *path)
{
	static const char *const hidden[] = { "/home/", "/root/", "/run/user/", "/tmp/",
					      "/var/tmp/" };

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (strncmp(path, hidden[i], strlen(hidden[i])) == 0)
			return true;
	return false;
}

static int look_at_command(const struct config *config, struct diagnosis *diagnosis)
{
	const char *path = config->notify_command;
	_cleanup_(freep) char *fix = NULL;
	struct stat st;

	if (!path)
		return 0;
	if (is_hidden(path))
		return diagnosis_add(diagnosis, FINDING_WRONG,
				     "put it to /usr/local/bin, and its new path to [notify]",
				     "[notify] command = %s: the service does not see that folder",
				     path);
	if (stat(path, &st) < 0)
		return diagnosis_add(diagnosis, FINDING_WRONG,
				     "put it there, or name another in [notify]",
				     "[notify] command = %s: %m", path);
	if (S_ISREG(st.st_mode) && may_root(&st, 01) && may_root(&st, 04))
		return 0;
	if (asprintf(&fix, "`chown root:root %s && chmod 0755 %s`", path, path) < 0)
		return -ENOMEM;
	return diagnosis_add(diagnosis, FINDING_WRONG, fix,
			     "[notify] command = %s: the service can't run it (user %u's, mode "
			     "%04o)",
			     path, st.st_uid, st.st_mode & 07777);
}

/* ---- the check ---- */

static int look_at_names(struct diagnosis *diagnosis)
{
	if (access("/etc/iproute2/rt_protos.d/mwan.conf", F_OK) == 0)
		return 0;
	return diagnosis_add(diagnosis, FINDING_NOTE,
			     "`mkdir -p /etc/iproute2/rt_protos.d && echo 77 mwan "
			     ">/etc/iproute2/rt_protos.d/mwan.conf`",
			     "ip shows what is mwan's as `proto 77`, without its name");
}

int doctor_files(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	size_t before = diagnosis->n;
	int r = 0;

	/* Where there is none, it has been said. */
	if (access(patient->config_path, F_OK) == 0)
		r = look_at_file(diagnosis, patient->config_path, NULL);
	if (r == 0)
		r = look_at_version(patient, diagnosis);
	if (r == 0)
		r = look_at_file(diagnosis, BASE,
				 "install mwan again: `apt install --reinstall -o "
				 "Dpkg::Options::=--force-confmiss mwan`; then `systemctl restart "
				 "nftables`");
	if (r == 0)
		r = look_at_folder(diagnosis, RUN_DIR, "no run can be made");
	if (r == 0)
		r = look_at_folder(diagnosis, KEPT_DIR, "verdicts don't survive a reboot");
	if (r == 0 && patient->config && patient->config->debug_logging)
		r = look_at_folder(diagnosis, "/var/log", "no debug log is written");
	if (r == 0 && patient->config)
		r = look_at_command(patient->config, diagnosis);
	if (r == 0)
		r = look_at_daemon(diagnosis);
	if (r == 0)
		r = look_at_names(diagnosis);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "%s is in force%s", patient->config_path,
			      daemon_is_running() ? "; the daemon is alive" : "");
}
