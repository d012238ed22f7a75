// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long something has lasted, and when it is, in words.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct duration_text {
	char s[32];
};

/* In two units at most: "45 s", "4 min", "3 h 12 min", "40 d 0 h". */
struct duration_text duration_str(uint64_t seconds);

/* The end of a sentence: ", after 4 min"; "" for UINT64_MAX, which is not known. */
struct after_text {
	char s[48];
};

struct after_text after_str(uint64_t seconds);

/* "2026-11-28 06:30" of the local clock, or with seconds; "" for what has no such text. */
struct time_text {
	char s[32];
};

struct time_text local_time_str(uint64_t when, bool seconds);

/* How long ago that was, both in seconds of one clock; a time that is to come: "0 s". */
static inline struct duration_text age_str(uint64_t since, uint64_t now)
{
	return duration_str(now > since ? now - since : 0);
}
