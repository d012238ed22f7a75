// SPDX-License-Identifier: GPL-2.0-or-later
// The clock: certificates are judged by it, those of 802.1X, of https targets and of apt.
// The kernel knows whether somebody synchronises it; mwan's own file is of an earlier time.

#include "doctor/check.h"

#include "doctor/processes.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>

#define DAY_S 86400
/* In a container, the clock is the host's. */
#define CONTAINER "/run/systemd/container"

static const struct clock_program {
	const char *name, *ask; /* ask: what says why it has no time yet */
} programs[] = {
	{ "systemd-timesyncd", "timedatectl timesync-status" },
	{ "chronyd", "chronyc sources" },
	{ "ntpd", "ntpq -p" },
};

struct clock_date {
	char s[24];
};

static struct clock_date date_of(time_t when)
{
	struct clock_date date;
	struct tm parts;

	strftime(date.s, sizeof(date.s), "%Y-%m-%d %H:%M UTC", gmtime_r(&when, &parts));
	return date;
}

static void diagnose_unsynchronised(const struct patient *patient)
{
	struct process process = {};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		const char *const names[] = { programs[i].name, NULL };

		if (!process_find(patient->root, names, &process))
			continue;
		diagnosis_note(patient->diagnosis, "clock-unsynchronised",
			       "the clock is not synchronised: %s runs, and has no time from a "
			       "server yet\n`%s` names its servers; they are asked over the "
			       "router's own default, and by name",
			       programs[i].name, programs[i].ask);
		return;
	}
	diagnosis_note(patient->diagnosis, "clock-unsynchronised",
		       "nobody synchronises the clock: once it is far off, certificates are "
		       "refused\n`apt install systemd-timesyncd`");
}

void doctor_judge_clock(const struct patient *patient, const struct clock_seen *seen)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" CONTAINER, patient->root);
	if (seen->now < seen->program - DAY_S)
		diagnosis_wrong(patient->diagnosis, "clock-wrong",
				"the clock says %s, and this program is of %s: certificates count "
				"as not valid yet, of 802.1X, https targets and apt\n"
				"`date -u -s 'YYYY-MM-DD hh:mm'` with the right time, then "
				"`hwclock -w` (of util-linux-extra); if it is wrong after each "
				"boot, the machine's battery is empty",
				date_of(seen->now).s, date_of(seen->program).s);
	else if (!seen->synchronised && access(path, F_OK) < 0)
		diagnose_unsynchronised(patient);
	else
		diagnosis_good(patient->diagnosis, "%s", date_of(seen->now).s);
}

int doctor_clock(struct patient *patient, struct fault *fault)
{
	struct timex kernel = {};
	struct clock_seen seen = { .now = time(NULL) };
	struct stat own;

	seen.program = stat("/proc/self/exe", &own) == 0 ? own.st_mtime : 0;
	seen.synchronised = adjtimex(&kernel) >= 0 && !(kernel.status & STA_UNSYNC);
	doctor_judge_clock(patient, &seen);
	return 0;
}
