#include "report_make.h"

#include "trouble.h"

#include <errno.h>
#include <string.h>

static int copy_target(const struct probe_target *from, struct target_report *to)
{
	to->answered = from->window.n > 0 && !(from->window.lost & 1);
	to->window = from->window;
	to->name = strdup(from->name);
	if (!to->name)
		return -ENOMEM;
	if (to->answered || from->result != PROBE_FAILED || !from->why[0])
		return 0;
	to->why = strdup(from->why);
	return to->why ? 0 : -ENOMEM;
}

static int copy_targets(const struct probe_set *probes, struct family_report *family)
{
	size_t n = probes ? probes->n_targets : 0;
	int r = 0;

	family->targets = calloc(n ? n : 1, sizeof(*family->targets));
	if (!family->targets)
		return -ENOMEM;
	family->n_targets = n;
	for (size_t i = 0; i < n && r == 0; i++)
		r = copy_target(&probes->targets[i], &family->targets[i]);
	return r;
}

static void sum_up(struct family_report *family)
{
	unsigned probes = 0, lost = 0;
	double rtt_us = 0;

	for (size_t i = 0; i < family->n_targets; i++) {
		const struct health_window *window = &family->targets[i].window;
		unsigned lost_here = __builtin_popcount(window->lost);

		probes += window->n;
		lost += lost_here;
		rtt_us += health_window_rtt(window) * (window->n - lost_here);
	}
	family->loss = probes > 0 ? (double)lost / probes : 0;
	family->rtt_us = probes > lost ? rtt_us / (probes - lost) : 0;
}

static int make_family(const struct trouble_view *view, const struct selection *selection,
		       struct family_report *ret)
{
	const struct gateway_fact *gateway = &view->facts->wans[view->wan].gateway[view->family];
	int r;

	ret->present = true;
	ret->health = *view->health;
	ret->eligible = view->eligible;
	ret->share = (double)selection->slots[view->wan] / SLOTS;
	ret->has_gateway = gateway->present;
	if (gateway->present)
		ret->gateway = gateway->via;
	if (view->family == IPV6)
		ret->prefix = view->npt->delegated[view->wan];

	r = copy_targets(view->probes, ret);
	if (r < 0)
		return r;
	sum_up(ret);
	return trouble_describe(view, &ret->trouble);
}

static void make_wan(const struct wan_conf *conf, const struct wan_facts *facts,
		     struct wan_report *ret)
{
	memcpy(ret->name, conf->name, sizeof(ret->name));
	memcpy(ret->interface, conf->interface, sizeof(ret->interface));
	ret->mark = conf->mark;
	ret->table = conf->table;
	ret->tier = conf->tier;
	ret->weight = conf->weight;
	ret->carrier = facts->link.carrier;
}

int report_make(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct selection selections[N_FAMILIES], const struct wan_health *health,
		uint64_t now_us, struct report *ret)
{
	_cleanup_(report_done) struct report report = { .time_us = now_us };
	int r;

	report.wans = calloc(config->n_wans, sizeof(*report.wans));
	if (!report.wans)
		return -ENOMEM;
	report.n_wans = config->n_wans;

	for (size_t i = 0; i < config->n_wans; i++) {
		uint64_t interval_us = config->wans[i].health.interval_us;

		if (i == 0 || interval_us < report.interval_us)
			report.interval_us = interval_us;
		make_wan(&config->wans[i], &facts->wans[i], &report.wans[i]);
		for (enum family family = 0; family < N_FAMILIES; family++) {
			struct trouble_view view = {
				.config = config,
				.facts = facts,
				.npt = npt,
				.wan = i,
				.family = family,
				.health = &health[i].state[family],
				.probes = health[i].probes[family],
				.eligible = selections[family].eligible[i],
			};

			if (!config_has_family(config, i, family))
				continue;
			r = make_family(&view, &selections[family], &report.wans[i].family[family]);
			if (r < 0)
				return r;
		}
	}

	*ret = TAKE(report);
	return 0;
}
