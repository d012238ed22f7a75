#include "report_show.h"

#include <string.h>

enum column {
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

static const struct {
	const char *name;
	int width; /* so that common values coming and going move nothing */
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

struct cell {
	char s[PREFIX_TEXT + 1];
};

struct row {
	struct cell cells[N_COLUMNS];
};

/* What a file said is shown, not obeyed: no escape sequence gets to the terminal. */
static void print_plain(const char *text, FILE *f)
{
	for (; *text; text++)
		fputc(*text >= ' ' && *text <= '~' ? *text : '?', f);
}

static struct cell percent(double part)
{
	struct cell cell = {};

	if (part > 0 && part < 0.005)
		snprintf(cell.s, sizeof(cell.s), "<1 %%");
	else
		snprintf(cell.s, sizeof(cell.s), "%.0f %%", part * 100);
	return cell;
}

static struct cell rtt(double rtt_us)
{
	struct cell cell = { "-" };

	if (rtt_us > 0)
		snprintf(cell.s, sizeof(cell.s), rtt_us < 99950 ? "%.1f ms" : "%.0f ms",
			 rtt_us / 1000);
	return cell;
}

/* How long ago, in two units at most. */
static struct cell age(uint64_t since, uint64_t now)
{
	uint64_t minutes = now > since ? (now - since) / 60 : 0;
	unsigned long hours = minutes / 60, days = hours / 24;
	struct cell cell = { "-" };

	if (since == 0)
		return cell;
	if (minutes == 0)
		snprintf(cell.s, sizeof(cell.s), "%u s", now > since ? (unsigned)(now - since) : 0);
	else if (hours == 0)
		snprintf(cell.s, sizeof(cell.s), "%u min", (unsigned)minutes);
	else if (days == 0)
		snprintf(cell.s, sizeof(cell.s), "%lu h %u min", hours, (unsigned)(minutes % 60));
	else
		snprintf(cell.s, sizeof(cell.s), "%lu d %lu h", days, hours % 24);
	return cell;
}

/* What keeps new flows away, when that is not the verdict; else NULL. */
static const char *obstacle(const struct wan_report *wan, const struct family_report *family)
{
	if (family->eligible)
		return NULL;
	if (!wan->carrier)
		return "no carrier";
	if (!family->has_gateway)
		return "no gateway";
	return family->health.state != VERDICT_DOWN ? "not eligible" : NULL;
}

static struct cell text(const char *words)
{
	struct cell cell = {};

	snprintf(cell.s, sizeof(cell.s), "%s", words);
	return cell;
}

static struct row make_row(const struct wan_report *wan, enum family which, uint64_t now_us)
{
	const struct family_report *family = &wan->family[which];
	const char *why = obstacle(wan, family);
	struct row row = {
		.cells = {
			[COLUMN_FAMILY] = text(which == IPV4 ? "IPv4" : "IPv6"),
			[COLUMN_STATE] = text(why ? why : verdict_name(family->health.state)),
			/* The verdict's age says nothing of how long the carrier is gone. */
			[COLUMN_SINCE] = age(why ? 0 : family->health.since, now_us / 1000000),
			[COLUMN_SHARE] = percent(family->share),
			[COLUMN_LOSS] = report_is_probed(family) ? percent(family->loss) : text("-"),
			[COLUMN_RTT] = rtt(family->rtt_us),
			[COLUMN_GATEWAY] = text("-"),
		},
	};

	if (family->has_gateway)
		row.cells[COLUMN_GATEWAY] =
			text(family->gateway.family ? addr_str(family->gateway).s : "link");
	if (which == IPV6)
		row.cells[COLUMN_PREFIX] =
			text(family->prefix.len > 0 ? prefix_str(family->prefix).s : "-");
	return row;
}

/* One row for each family; one without them for a WAN that has none. */
static size_t make_rows(const struct wan_report *wan, uint64_t now_us, struct row rows[N_FAMILIES])
{
	size_t n = 0;

	for (enum family which = 0; which < N_FAMILIES; which++)
		if (wan->family[which].present)
			rows[n++] = make_row(wan, which, now_us);
	if (n == 0)
		rows[n++] = (struct row){ .cells = { [COLUMN_FAMILY] = text("-") } };
	rows[0].cells[COLUMN_WAN] = text(wan->name);
	rows[0].cells[COLUMN_INTERFACE] = text(wan->interface);
	return n;
}

static void print_row(const struct row *row, const int widths[N_COLUMNS], FILE *f)
{
	enum column last = N_COLUMNS - 1;

	while (!row->cells[last].s[0])
		last--;
	for (enum column c = 0; c <= last; c++) {
		const char *words = row->cells[c].s;
		int padding = widths[c] - (int)strlen(words);

		fprintf(f, "%s%*s", c ? "  " : "", columns[c].right ? padding : 0, "");
		print_plain(words, f);
		if (c < last)
			fprintf(f, "%*s", columns[c].right ? 0 : padding, "");
	}
	fputc('\n', f);
}

static void print_troubles(const struct report *report, FILE *f)
{
	bool first = !report->trouble;

	if (report->trouble) {
		fputs("\nnot in force: ", f);
		print_plain(report->trouble, f);
		fputc('\n', f);
	}
	for (size_t i = 0; i < report->n_wans; i++) {
		const struct wan_report *wan = &report->wans[i];

		for (enum family which = 0; which < N_FAMILIES; which++) {
			if (!wan->family[which].trouble)
				continue;
			fputs(first ? "\n" : "", f);
			first = false;
			print_plain(wan->name, f);
			fprintf(f, " IPv%c: ", which == IPV4 ? '4' : '6');
			print_plain(wan->family[which].trouble, f);
			fputc('\n', f);
		}
	}
}

void report_print_table(const struct report *report, uint64_t now_us, FILE *f)
{
	struct row header, rows[N_FAMILIES];
	int widths[N_COLUMNS];

	for (enum column c = 0; c < N_COLUMNS; c++) {
		header.cells[c] = text(columns[c].name);
		widths[c] = columns[c].width;
	}
	for (size_t i = 0; i < report->n_wans; i++)
		for (size_t n = make_rows(&report->wans[i], now_us, rows); n-- > 0;)
			for (enum column c = 0; c < N_COLUMNS; c++)
				if ((int)strlen(rows[n].cells[c].s) > widths[c])
					widths[c] = (int)strlen(rows[n].cells[c].s);

	print_row(&header, widths, f);
	for (size_t i = 0; i < report->n_wans; i++) {
		size_t n = make_rows(&report->wans[i], now_us, rows);

		for (size_t k = 0; k < n; k++)
			print_row(&rows[k], widths, f);
	}
	print_troubles(report, f);
}
