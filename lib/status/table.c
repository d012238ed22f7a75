// SPDX-License-Identifier: GPL-2.0-or-later
// Prints a report as the table of --status: what each family of each WAN does.
// Rows are made twice, for the widths of the columns and to be printed.

#include "base/duration.h"
#include "status/screen.h"

#include <stdarg.h>
#include <string.h>

enum table_column_id {
	COLUMN_WAN,
	COLUMN_INTERFACE,
	COLUMN_FAMILY,
	COLUMN_STATE,
	COLUMN_SINCE,
	COLUMN_SHARE,
	COLUMN_LOSS,
	COLUMN_RTT,
	COLUMN_GATEWAY,
	COLUMN_PREFIX,
	N_COLUMNS,
};

static const struct table_column {
	const char *name;
	unsigned width; /* so that common values coming and going move nothing */
	bool right;
} columns[N_COLUMNS] = {
	[COLUMN_WAN] = { "WAN", 3 },
	[COLUMN_INTERFACE] = { "INTERFACE", 9 },
	[COLUMN_FAMILY] = { "FAMILY", 6 },
	[COLUMN_STATE] = { "STATE", 10 },
	[COLUMN_SINCE] = { "SINCE", 11 },
	[COLUMN_SHARE] = { "SHARE", 5, .right = true },
	[COLUMN_LOSS] = { "LOSS", 5, .right = true },
	[COLUMN_RTT] = { "RTT", 7, .right = true },
	[COLUMN_GATEWAY] = { "GATEWAY", 7 },
	[COLUMN_PREFIX] = { "PREFIX", 6 },
};

/* Without room for all, these are left out, in this order. */
static const enum table_column_id spare_columns[] = { COLUMN_PREFIX, COLUMN_GATEWAY,
						      COLUMN_INTERFACE };

struct table_cell {
	char s[PREFIX_TEXT + 1];
};

struct table_row {
	struct table_cell cells[N_COLUMNS];
	enum colour colour; /* of its state */
};

struct table {
	const struct report *report;
	const struct screen *screen;
	uint64_t now;		    /* seconds since 1970 */
	unsigned widths[N_COLUMNS]; /* 0: the column is left out */
};

static struct table_cell _printf_(1, 2) cell(const char *format, ...)
{
	struct table_cell cell;
	va_list args;

	va_start(args, format);
	vsnprintf(cell.s, sizeof(cell.s), format, args);
	va_end(args);
	return cell;
}

static struct table_cell percent(double part)
{
	return part > 0 && part < 0.005 ? cell("<1 %%") : cell("%.0f %%", part * 100);
}

static struct table_cell rtt(double rtt_us)
{
	return rtt_us > 0 ? cell("%.*f ms", rtt_us < 99950 ? 1 : 0, rtt_us / 1000) : cell("-");
}

/* What the family does, in a word or two. */
static const char *state_of(const struct family_report *family)
{
	enum obstacle obstacle = family->condition.obstacle;

	if (obstacle == OBSTACLE_NONE)
		return family->degraded ? "degraded" : verdict_name(family->health.state);
	return family_is_last_resort(family) ? "last resort" : obstacle_name(obstacle);
}

static enum colour colour_of(const struct family_report *family)
{
	if (family->condition.obstacle == OBSTACLE_NONE && family->health.state == VERDICT_UP &&
	    !family->degraded)
		return COLOUR_GOOD;
	return family->eligible || !obstacle_is_outage(family->condition.obstacle) ? COLOUR_DOUBT
										   : COLOUR_BAD;
}

static struct table_cell since(uint64_t since, const struct table *table)
{
	return cell("%s", since ? age_str(since, table->now).s : "-");
}

static struct table_cell gateway(const struct family_report *family)
{
	if (!family->has_gateway)
		return cell("-");
	return cell("%s", family->gateway.family ? addr_str(family->gateway).s : "link");
}

static struct table_row make_family(const struct table *table, const struct wan_report *wan,
				    enum family which)
{
	const struct family_report *family = &wan->family[which];
	struct prefix prefix = family->prefix;

	return (struct table_row){
		.cells = {
			[COLUMN_FAMILY] = cell("%s", family_name(which)),
			[COLUMN_STATE] = cell("%s", state_of(family)),
			[COLUMN_SINCE] = since(family->condition.since, table),
			[COLUMN_SHARE] = percent(family->share),
			[COLUMN_LOSS] = report_is_probed(family) ? percent(family->loss) : cell("-"),
			[COLUMN_RTT] = rtt(family->rtt_us),
			[COLUMN_GATEWAY] = gateway(family),
			[COLUMN_PREFIX] = cell("%s", prefix.len > 0 ? prefix_str(prefix).s : ""),
		},
		.colour = colour_of(family),
	};
}

static struct table_row make_lan(const struct table *table)
{
	const struct lan_report *lan = &table->report->lan;
	bool up = report_lan_is_up(lan);

	return (struct table_row){
		.cells = {
			[COLUMN_WAN] = cell("LAN"),
			[COLUMN_INTERFACE] = cell("%s", lan->interface),
			[COLUMN_FAMILY] = cell("-"),
			[COLUMN_STATE] = cell("%s", up ? "up" : lan->carrier ? "silent" : "no carrier"),
			[COLUMN_SINCE] = since(lan->since, table),
		},
		.colour = up ? COLOUR_GOOD : COLOUR_BAD,
	};
}

/*
 * Makes the row with that number: two for each WAN, one for each family that it has, or one
 * without; the last is the LAN's. False: there is no such row.
 */
static bool make_row(const struct table *table, size_t i, struct table_row *row)
{
	const struct report *report = table->report;
	const struct wan_report *wan = &report->wans[i / N_FAMILIES];
	enum family which = i % N_FAMILIES;
	bool first;

	if (i == report->n_wans * N_FAMILIES) {
		*row = make_lan(table);
		return report->lan.interface[0];
	}
	first = which == 0 || !wan->family[0].present;
	if (wan->family[which].present)
		*row = make_family(table, wan, which);
	else if (which == N_FAMILIES - 1 && first)
		*row = (struct table_row){ .cells = { [COLUMN_FAMILY] = cell("-") } };
	else
		return false;
	if (first) {
		row->cells[COLUMN_WAN] = cell("%s", wan->name);
		row->cells[COLUMN_INTERFACE] = cell("%s", wan->interface);
	}
	return true;
}

static size_t count_rows(const struct report *report)
{
	return report->n_wans * N_FAMILIES + 1;
}

static unsigned width_of(const struct table *table)
{
	unsigned width = 0;

	for (size_t c = 0; c < N_COLUMNS; c++)
		if (table->widths[c] > 0)
			width += (width > 0 ? 2 : 0) + table->widths[c];
	return width;
}

/* As wide as the widest cells, or what of it fits the screen: names are cut last. */
static void set_widths(struct table *table)
{
	struct table_row row;
	unsigned width;

	for (size_t c = 0; c < N_COLUMNS; c++)
		table->widths[c] = columns[c].width;
	for (size_t i = 0; i < count_rows(table->report); i++)
		for (size_t c = 0; make_row(table, i, &row) && c < N_COLUMNS; c++)
			if (strlen(row.cells[c].s) > table->widths[c])
				table->widths[c] = strlen(row.cells[c].s);
	for (size_t i = 0; i < ARRAY_SIZE(spare_columns); i++)
		if (width_of(table) > table->screen->width)
			table->widths[spare_columns[i]] = 0;
	width = width_of(table);
	if (width > table->screen->width) {
		unsigned excess = width - table->screen->width, *names = &table->widths[COLUMN_WAN];

		*names = *names > excess + columns[COLUMN_WAN].width ? *names - excess
								     : columns[COLUMN_WAN].width;
	}
}

/* True when there is something to print in or beyond the column. */
static bool has_more(const struct table *table, const struct table_row *row, size_t c)
{
	for (; c < N_COLUMNS; c++)
		if (table->widths[c] > 0 && row->cells[c].s[0])
			return true;
	return false;
}

static void print_row(const struct table *table, const struct table_row *row, FILE *f)
{
	for (size_t c = 0; has_more(table, row, c); c++) {
		const char *words = row->cells[c].s;
		unsigned width = table->widths[c], length = strlen(words);
		enum colour colour = c == COLUMN_STATE ? row->colour : COLOUR_NONE;
		int padding = length < width ? (int)(width - length) : 0;

		if (width == 0)
			continue;
		fprintf(f, "%s%*s", c ? "  " : "", columns[c].right ? padding : 0, "");
		screen_begin_colour(table->screen, colour, f);
		print_plain(words, length > width ? width - 1 : length, f);
		fputs(length > width ? "~" : "", f);
		screen_end_colour(table->screen, colour, f);
		if (!columns[c].right && has_more(table, row, c + 1))
			fprintf(f, "%*s", padding, "");
	}
	fputc('\n', f);
}

unsigned report_print_table(const struct report *report, uint64_t now_us,
			    const struct screen *screen, FILE *f)
{
	struct table table = { .report = report, .screen = screen, .now = now_us / 1000000 };
	struct table_row row = {};
	unsigned rows = 1;

	set_widths(&table);
	for (size_t c = 0; c < N_COLUMNS; c++)
		row.cells[c] = cell("%s", columns[c].name);
	print_row(&table, &row, f);
	for (size_t i = 0; i < count_rows(report); i++) {
		if (!make_row(&table, i, &row))
			continue;
		print_row(&table, &row, f);
		rows++;
	}
	return rows;
}
