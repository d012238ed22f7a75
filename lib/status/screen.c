// SPDX-License-Identifier: GPL-2.0-or-later
// The screen of --status: how large it is, its colours, and texts in rows.
// Whatever a file says is printed as plain characters.

#include "status/screen.h"

#include <string.h>
#include <sys/ioctl.h>

/* A narrower screen than this is as good as none. */
#define MIN_WIDTH 40

static unsigned count_of(const char *name)
{
	const char *text = getenv(name);
	char *end;
	unsigned long value = text ? strtoul(text, &end, 10) : 0;

	return value > 0 && value < 10000 && *end == '\0' ? (unsigned)value : 0;
}

/* https://no-color.org: present and not empty. */
static bool wants_colour(void)
{
	const char *terminal = getenv("TERM"), *none = getenv("NO_COLOR");

	return terminal && *terminal && strcmp(terminal, "dumb") != 0 && !(none && *none);
}

struct screen screen_of_stdout(void)
{
	struct screen screen = { 80, 24, .colour = false };
	bool terminal = isatty(STDOUT_FILENO);
	struct winsize size = {};

	if (terminal)
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	if (size.ws_col == 0)
		size.ws_col = count_of("COLUMNS");
	if (size.ws_col > 0)
		screen.width = size.ws_col < MIN_WIDTH ? MIN_WIDTH : size.ws_col;
	if (size.ws_row > screen.height)
		screen.height = size.ws_row;
	screen.colour = terminal && wants_colour();
	return screen;
}

void screen_begin_colour(const struct screen *screen, enum colour colour, FILE *f)
{
	static const char *const codes[] = {
		[COLOUR_NONE] = "",
		[COLOUR_GOOD] = "\033[32m",
		[COLOUR_DOUBT] = "\033[33m",
		[COLOUR_BAD] = "\033[1;31m",
	};

	if (screen->colour)
		fputs(codes[colour], f);
}

void screen_end_colour(const struct screen *screen, enum colour colour, FILE *f)
{
	if (screen->colour && colour != COLOUR_NONE)
		fputs("\033[0m", f);
}

void report_print_screen(const struct report *report, uint64_t now_us, const struct screen *screen,
			 FILE *f)
{
	unsigned rows = screen->height, used;
	enum colour colour = report_has_trouble(report) ? COLOUR_BAD : COLOUR_GOOD;

	/* Each WAN beyond the second one has rows of its own. */
	if (report->n_wans > 2)
		rows += 8 * (unsigned)(report->n_wans - 2);
	screen_begin_colour(screen, colour, f);
	report_print_headline(report, now_us,
			      screen->width < HEADLINE_WIDTH ? screen->width : HEADLINE_WIDTH, f);
	screen_end_colour(screen, colour, f);
	fputs("\n\n", f);
	used = 2 + report_print_table(report, now_us, screen, f);
	report_print_troubles(report, screen, rows - used, f);
}
