#include "report.h"

bool report_is_probed(const struct family_report *family)
{
	for (size_t i = 0; i < family->n_targets; i++)
		if (family->targets[i].window.n > 0)
			return true;
	return false;
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
