#include "verdicts.h"

#include "log.h"
#include "report.h"

#include <errno.h>
#include <string.h>

static void take_over(const struct config *config, const struct wan_report *wan,
		      struct verdicts *verdicts)
{
	for (size_t i = 0; i < config->n_wans; i++) {
		if (strcmp(config->wans[i].name, wan->name) != 0)
			continue;
		for (enum family family = 0; family < N_FAMILIES; family++)
			verdicts->v[i][family] = wan->family[family].health.state;
	}
}

int verdicts_read(const struct config *config, struct verdicts *ret)
{
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	_cleanup_(report_done) struct report report = {};
	struct fault fault = {};
	int r;

	verdicts.v = calloc(config->n_wans, sizeof(*verdicts.v));
	if (!verdicts.v)
		return -ENOMEM;

	r = report_read(HEALTH_PATH, &report, &fault);
	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -ENOENT)
		log_event(LOG_WARNING, "health-file", "%s; every WAN counts as up", fault.text);
	for (size_t i = 0; i < report.n_wans; i++)
		take_over(config, &report.wans[i], &verdicts);

	*ret = TAKE(verdicts);
	return 0;
}
