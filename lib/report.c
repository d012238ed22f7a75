#include "report.h"

bool report_is_probed(const struct family_report *family)
{
	for (size_t i = 0; i < family->n_targets; i++)
		if (family->targets[i].window.n > 0)
			return true;
	return false;
}

bool report_is_stale(const struct report *report, uint64_t now_us)
{
	intmax_t age = ((intmax_t)now_us - (intmax_t)report->time_us) / 1000000;

	/* Who is busy may be late by some cycles; below 0, the clock has been set back. */
	return age < -1 || age > 2 + 3 * (intmax_t)report->interval_us / 1000000;
}

static void family_done(struct family_report *family)
{
	for (size_t i = 0; i < family->n_targets; i++) {
		free(family->targets[i].name);
		free(family->targets[i].why);
	}
	free(family->targets);
	free(family->trouble);
}

void report_done(struct report *report)
{
	for (size_t i = 0; i < report->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			family_done(&report->wans[i].family[family]);
	free(report->wans);
	free(report->trouble);
	*report = (struct report){};
}
