// SPDX-License-Identifier: GPL-2.0-or-later
// Prints what is wrong, and what to do about it, below the table of --status.
// The worst comes first; what the screen has no room for is counted.

#include "status/screen.h"

#include "base/fileio.h"

#include <string.h>

struct troubles {
	const struct screen *screen;
	FILE *f;
	unsigned rows; /* that are left, the last one among them */
	unsigned left_out;
	bool begun;
};

/* Weigh more than a WAN, in this order. */
static const char *const heavy_ones[] = { "daemon", "forwarding", "conntrack", "LAN" };

static size_t weight_of(const struct site_trouble *it)
{
	size_t weight = 0;

	while (weight < ARRAY_SIZE(heavy_ones) && strcmp(it->who, heavy_ones[weight]) != 0)
		weight++;
	return weight;
}

const struct site_trouble *site_trouble_at(const struct report *report, bool heavy, size_t n)
{
	size_t first = heavy ? 0 : ARRAY_SIZE(heavy_ones);
	size_t last = heavy ? ARRAY_SIZE(heavy_ones) - 1 : first;

	for (size_t weight = first; weight <= last; weight++)
		for (size_t i = 0; i < report->n_troubles; i++)
			if (weight_of(&report->troubles[i]) == weight && n-- == 0)
				return &report->troubles[i];
	return NULL;
}

/* "who: line", or a line that says who. One that has no room leaves out those that follow it, too.
 */
static void print_line(struct troubles *troubles, const char *who, const char *line)
{
	const struct wrap wrap = { .width = troubles->screen->width, .indent = 2 };
	_cleanup_(freep) char *text = NULL;
	unsigned rows;

	if (!line || asprintf(&text, "%s%s%s", who ?: "", who ? ": " : "", line) < 0)
		return;
	rows = print_wrapped("", text, wrap, NULL);
	if (troubles->left_out > 0 || rows + 1 > troubles->rows) {
		troubles->left_out++;
		return;
	}
	fputs(troubles->begun ? "" : "\n", troubles->f);
	troubles->begun = true;
	print_wrapped("", text, wrap, troubles->f);
	troubles->rows -= rows;
}

static void print_trouble(struct troubles *troubles, const char *who, const struct trouble *trouble)
{
	_cleanup_(freep) char *line = trouble_line(trouble);

	print_line(troubles, who, line);
}

static void print_site_troubles(struct troubles *troubles, const struct report *report, bool heavy)
{
	const struct site_trouble *it;

	for (size_t i = 0; (it = site_trouble_at(report, heavy, i)); i++)
		print_trouble(troubles, it->who, &it->trouble);
}

/* Loss that differs by so much says something of a target, and not of the WAN. */
#define LOSS_APART 0.1

/* "loss 0 % to 1.1.1.1, 20 % to 8.8.8.8", the caller's; NULL: all targets are alike. */
static char *describe_loss(const struct family_report *family)
{
	_cleanup_(freep) char *text = NULL;
	double least = 1, most = 0;
	struct memory out = {};

	for (size_t i = 0; i < family->n_targets; i++) {
		double loss = health_window_loss(&family->targets[i].window);

		least = loss < least ? loss : least;
		most = loss > most ? loss : most;
	}
	if (most - least < LOSS_APART || memory_open(&out) < 0)
		return NULL;
	for (size_t i = 0; i < family->n_targets; i++)
		fprintf(out.f, "%s %.0f %% to %s", i ? "," : "loss",
			health_window_loss(&family->targets[i].window) * 100,
			family->targets[i].name);
	memory_close(&out, &text);
	return TAKE(text);
}

/* A trouble names the targets that are dead; loss alone is no trouble. */
static void print_family(struct troubles *troubles, const struct wan_report *wan, enum family which,
			 bool out)
{
	const struct family_report *family = &wan->family[which];
	bool is_out = obstacle_is_outage(family->condition.obstacle);
	char who[sizeof(wan->name) + 8];

	snprintf(who, sizeof(who), "%s %s", wan->name, family_name(which));
	if (family->trouble.what && is_out == out) {
		print_trouble(troubles, who, &family->trouble);
	} else if (!family->trouble.what && !out) {
		_cleanup_(freep) char *loss = describe_loss(family);

		print_line(troubles, who, loss);
	}
}

bool troubles_are_alike(const struct wan_report *wan)
{
	const struct trouble *four = &wan->family[IPV4].trouble, *six = &wan->family[IPV6].trouble;

	return four->what && six->what && strcmp(four->what, six->what) == 0;
}

/* Of the WANs that are out, or of the others. */
static void print_wans(struct troubles *troubles, const struct report *report, bool out)
{
	for (size_t i = 0; i < report->n_wans; i++) {
		const struct wan_report *wan = &report->wans[i];
		const struct family_report *four = &wan->family[IPV4];

		if (!troubles_are_alike(wan)) {
			print_family(troubles, wan, IPV4, out);
			print_family(troubles, wan, IPV6, out);
		} else if (obstacle_is_outage(four->condition.obstacle) == out) {
			print_trouble(troubles, wan->name, &four->trouble);
		}
	}
}

void report_print_troubles(const struct report *report, const struct screen *screen, unsigned rows,
			   FILE *f)
{
	struct troubles troubles = { .screen = screen, .f = f, .rows = rows - 1 };

	if (report->unprotected)
		print_line(&troubles, NULL, report->trouble);
	print_site_troubles(&troubles, report, true);
	if (!report->unprotected)
		print_line(&troubles, "not in force", report->trouble);
	print_wans(&troubles, report, true);
	print_site_troubles(&troubles, report, false);
	print_wans(&troubles, report, false);
	if (troubles.left_out > 0)
		fprintf(f, "%u more: see `health-check --status --json`\n", troubles.left_out);
}
