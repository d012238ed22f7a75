// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A report as people and monitoring read it.
 */
#pragma once

#include "model/counters.h"
#include "status/report.h"

/* What there is to print on. */
struct screen {
	unsigned width, height; /* in columns and rows */
	bool colour;
};

/* 80 columns and 24 rows, or what the terminal or else COLUMNS says; colour on a terminal only. */
struct screen screen_of_stdout(void);

/*
 * The screen of --status: a headline, a table, and what is wrong, the worst first. now_us: since
 * 1970. A row is never wider than the screen. The rows fit the screen where there are no more than
 * two WANs; each further one has rows of its own.
 */
void report_print_screen(const struct report *report, uint64_t now_us, const struct screen *screen,
			 FILE *f);

#define HEADLINE_WIDTH 80 /* at most */

/*
 * "att: no IPv6 for 4 min (no prefix); webpass carries it", "All well": one line of at most so many
 * columns, without its end. now_us: 0: it says since when, and so stays true.
 */
void report_print_headline(const struct report *report, uint64_t now_us, unsigned width, FILE *f);

/* When a certificate of 802.1X ends, since 1970. */
struct certificate_end {
	const char *path;
	long long end_s;
};
/* More Prometheus text, for n of them. */
void report_print_certificate_ends(const struct certificate_end *ends, size_t n, FILE *f);

/* Prometheus text, version 0.0.4; traffic: NULL: none could be read. */
void report_print_metrics(const struct report *report, const struct traffic *traffic, FILE *f);
