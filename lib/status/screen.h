// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parts of the screen of --status. Private to this room.
 */
#pragma once

#include "base/wrap.h"
#include "status/show.h"

/* Colours of text; they are printed on a screen that has them. */
enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_DOUBT, COLOUR_BAD };

void screen_begin_colour(const struct screen *screen, enum colour colour, FILE *f);
void screen_end_colour(const struct screen *screen, enum colour colour, FILE *f);

/* The table. Returns the number of rows. */
unsigned report_print_table(const struct report *report, uint64_t now_us,
			    const struct screen *screen, FILE *f);

/* What is wrong, in at most so many rows, after an empty one. */
void report_print_troubles(const struct report *report, const struct screen *screen, unsigned rows,
			   FILE *f);

/*
 * The troubles that are no WAN's in the order of their weight: the n-th of those that weigh more
 * than a WAN, or of the others. NULL: there are no more.
 */
const struct site_trouble *site_trouble_at(const struct report *report, bool heavy, size_t n);

/* True when both families have one, in the same words. */
bool troubles_are_alike(const struct wan_report *wan);
