// SPDX-License-Identifier: GPL-2.0-or-later
// Durations and times in words.
// Chooses the units that a reader would choose.

#include "base/duration.h"

#include <stdio.h>
#include <time.h>

struct duration_text duration_str(uint64_t seconds)
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
	struct duration_text text;

	if (minutes == 0)
		snprintf(text.s, sizeof(text.s), "%ju s", (uintmax_t)seconds);
	else if (hours == 0)
		snprintf(text.s, sizeof(text.s), "%ju min", (uintmax_t)minutes);
	else if (days == 0)
		snprintf(text.s, sizeof(text.s), "%ju h %ju min", (uintmax_t)hours,
			 (uintmax_t)(minutes % 60));
	else
		snprintf(text.s, sizeof(text.s), "%ju d %ju h", (uintmax_t)days,
			 (uintmax_t)(hours % 24));
	return text;
}

struct after_text after_str(uint64_t seconds)
{
	struct after_text text = {};

	if (seconds != UINT64_MAX)
		snprintf(text.s, sizeof(text.s), ", after %s", duration_str(seconds).s);
	return text;
}

struct time_text local_time_str(uint64_t when, bool seconds)
{
	struct time_text text = {};
	time_t time = (time_t)when;
	struct tm tm;

	if (localtime_r(&time, &tm))
		strftime(text.s, sizeof(text.s), seconds ? "%F %T" : "%F %R", &tm);
	return text;
}
