// SPDX-License-Identifier: GPL-2.0-or-later
// Why the daemon tells nothing new.
// Asks the lock whether it runs, systemd why it does not, and the file system whether it is full.

#include "doctor/silence.h"

#include "base/duration.h"
#include "base/lock.h"
#include "doctor/units.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

/*
 * " (failed, exit-code)" or " (inactive)", as systemd says of the daemon that does not run. True
 * when it did not end well: its log says why.
 */
static bool describe_unit(char *text, size_t room)
{
	struct unit unit = { .name = "mwan-health.service" };
	struct fault unknown = {};
	bool failed;

	*text = '\0';
	if (!units_are_there() || units_look(&unit, 1, &unknown) < 0)
		return false;
	if (strcmp(unit.load, "loaded") != 0) {
		snprintf(text, room, " (the unit is %s)", unit.load);
		return false;
	}
	failed = strcmp(unit.result, "success") != 0;
	snprintf(text, room, " (%s%s%s)", unit.active, failed ? ", " : "",
		 failed ? unit.result : "");
	return failed;
}

bool folder_is_full(const char *folder)
{
	struct statvfs room;

	return statvfs(folder, &room) == 0 && ((room.f_blocks > 0 && room.f_bavail == 0) ||
					       (room.f_files > 0 && room.f_favail == 0));
}

/* What keeps the daemon from telling: "hangs", and what to do. */
static int describe_daemon(bool running, const char *knows, struct fault *fault)
{
	char unit[96];
	bool failed;

	if (running && folder_is_full(RUN_DIR)) {
		fault_set(fault, -ENOSPC, "can't write (%s is full)%s", RUN_DIR, knows);
		return fault_fix(fault, -ENOSPC,
				 "`du -x /run | sort -n | tail` shows what fills it");
	}
	if (running) {
		fault_set(fault, -ENODATA, "hangs%s", knows);
		return fault_fix(fault, -ENODATA, "`systemctl restart mwan-health`");
	}
	failed = describe_unit(unit, sizeof(unit));
	fault_set(fault, -ENODATA, "does not run%s%s", unit, knows);
	return fault_fix(fault, -ENODATA,
			 failed ? "`journalctl -u mwan-health -n 20` says why"
				: "`systemctl start mwan-health`");
}

int silence_add(struct report *report, struct fault *fault)
{
	uint64_t now_us = clock_us(CLOCK_REALTIME);
	bool running = daemon_is_running();
	struct fault why = {};
	char knows[96];
	int r;

	if (running && !report_is_stale(report, now_us))
		return 0;
	if (now_us < report->time_us)
		snprintf(knows, sizeof(knows), ", and this is from before the clock was set back");
	else
		snprintf(knows, sizeof(knows), ", and this is %s old",
			 age_str(report->time_us / 1000000, now_us / 1000000).s);
	r = describe_daemon(running, knows, &why);
	(void)report_add_fault(report, "daemon", &why);
	return fault_set(fault, r, "the daemon %s", why.text);
}

int silence_explain(int r, struct fault *fault)
{
	bool running = daemon_is_running();
	struct fault why = {};

	if (r == -ENOENT && running && !folder_is_full(RUN_DIR)) {
		fault_set(fault, r, "the daemon has not written %s yet: it waits for its first run",
			  HEALTH_PATH);
	} else if (r == -ENOENT) {
		describe_daemon(running, ", and " HEALTH_PATH " is not there", &why);
		fault_set(fault, r, "the daemon %s", why.text);
	} else if (r == -EINVAL) {
		fault_fix(fault, r,
			  running ? "the daemon writes it anew within seconds, if it does not hang"
				  : "the daemon does not run: `systemctl start mwan-health`");
	}
	return r;
}
