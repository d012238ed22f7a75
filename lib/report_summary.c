#include "report_show.h"

#include <string.h>

static bool is_down(const struct family_report *family)
{
	return family->present && family->health.state == VERDICT_DOWN;
}

static bool is_out(const struct family_report *family)
{
	return family->present && !family->eligible;
}

/* NULL: nothing is wrong. */
static const char *state_of(const struct wan_report *wan)
{
	const struct family_report *four = &wan->family[IPV4], *six = &wan->family[IPV6];

	if (!wan->carrier)
		return "no carrier";
	if ((is_down(four) || !four->present) && (is_down(six) || !six->present))
		return "down";
	if (is_down(four) || is_down(six))
		return is_down(four) ? "IPv4 down" : "IPv6 down";
	if (is_out(four) || is_out(six))
		return is_out(four) ? "IPv4 not eligible" : "IPv6 not eligible";
	return NULL;
}

void report_print_summary(const struct report *report, FILE *f)
{
	size_t n_up = 0;

	for (size_t i = 0; i < report->n_wans; i++)
		n_up += !state_of(&report->wans[i]);
	fprintf(f, "%zu of %zu WANs up", n_up, report->n_wans);
	for (size_t i = 0; i < report->n_wans; i++)
		if (state_of(&report->wans[i]))
			fprintf(f, "; %s: %s", report->wans[i].name, state_of(&report->wans[i]));
	if (report->trouble)
		fprintf(f, "; %s", report->trouble);
}
