// SPDX-License-Identifier: GPL-2.0-or-later
// Makes the report of what a run found and what the probes say.
// It copies values, sums up windows, and asks for the trouble of each WAN and family.

#include "health/report_make.h"

#include "dot1x/dot1x.h"
#include "model/source.h"
#include "plan/select.h"

#include <errno.h>
#include <string.h>

static int copy_targets(const struct probe_set *probes, struct family_report *family)
{
	size_t n = probes ? probes->n_targets : 0;

	family->targets = calloc(n + 1, sizeof(*family->targets));
	if (!family->targets)
		return -ENOMEM;
	family->n_targets = n;
	for (size_t i = 0; i < n; i++) {
		const struct probe_target *from = &probes->targets[i];
		struct target_report *to = &family->targets[i];
		const char *why;

		to->answered = from->window.n > 0 && !(from->window.lost & 1) && !from->unsent;
		to->window = from->window;
		to->address = from->address;
		to->name = strdup(from->name);
		why = !to->answered && from->why[0] ? from->why : NULL;
		to->failure = why ? from->failure : FAILURE_UNKNOWN;
		to->why = why ? strdup(why) : NULL;
		if (!to->name || (why && !to->why))
			return -ENOMEM;
	}
	return 0;
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

static struct condition follow_condition(const struct trouble_view *view,
					 const struct report *before, uint64_t now_us)
{
	const struct wan_report *wan = report_wan(before, trouble_conf(view)->name);
	const struct condition unknown = {};

	return condition_step(wan ? &wan->family[view->family].condition : &unknown,
			      obstacle_find(view->site, view->wan, view->family), view->health,
			      now_us / 1000000);
}

static int make_family(const struct trouble_view *view, struct family_report *ret)
{
	const struct selection *selection = site_selection(view->site, view->family);
	const struct gateway_fact *gateway =
		&view->site->facts.wans[view->wan].gateway[view->family];
	const struct router_ids *avoided = &view->site->verdicts.avoided;
	int r;

	ret->present = true;
	ret->health = *view->health;
	if (view->site->verdicts.aside)
		ret->hold = view->site->verdicts.aside[view->wan][view->family].hold;
	ret->eligible = selection->eligible[view->wan];
	ret->share = (double)selection->slots[view->wan] / SLOTS;
	ret->has_gateway = gateway->present;
	if (gateway->present)
		ret->gateway = gateway->via;
	for (size_t i = 0; i < avoided->n && ret->n_avoided < REPORT_AVOIDED; i++)
		if (avoided->v[i].wan == view->wan && avoided->v[i].family == view->family)
			ret->avoided[ret->n_avoided++] = avoided->v[i].via;
	ret->address = public_of(view->site, view->wan, view->family);
	if (view->family == IPV6)
		ret->prefix = view->site->npt.delegated[view->wan];
	ret->degraded = view->family == IPV6 && ret->address.family &&
			!trouble_conf(view)->masquerade6 &&
			npt_masquerades(view->site->config, &view->site->npt, view->wan);

	r = copy_targets(view->probes, ret);
	if (r < 0)
		return r;
	sum_up(ret);
	return trouble_describe(view, &ret->trouble);
}

static void make_wan(const struct site *site, size_t wan, struct wan_report *ret)
{
	const struct wan_conf *conf = &site->config->wans[wan];
	const struct aside *aside = site->verdicts.aside ? site->verdicts.aside[wan] : NULL;

	memcpy(ret->name, conf->name, sizeof(ret->name));
	memcpy(ret->interface, conf->written, sizeof(ret->interface));
	ret->mark = conf->mark;
	ret->table = conf->table;
	ret->tier = conf->tier;
	ret->weight = conf->weight;
	ret->carrier = site->facts.wans[wan].link.carrier;
	ret->drained = aside && aside[IPV4].drained;
	ret->drained_until = ret->drained ? aside[IPV4].until : 0;
}

int wan_health_verdicts(const struct wan_health *health, size_t n_wans, struct verdicts *ret)
{
	if (verdicts_new(n_wans, ret) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			ret->v[i][family] = health[i].state[family].state;
	return 0;
}

int site_judge(const struct site *site, const struct wan_health *health, struct site *ret)
{
	size_t n = site->config->n_wans;
	int r;

	*ret = *site;
	ret->verdicts = (struct verdicts){};
	ret->selections = (struct selections){};
	r = wan_health_verdicts(health, n, &ret->verdicts);
	if (r == 0 && site->verdicts.aside)
		memcpy(ret->verdicts.aside, site->verdicts.aside, n * sizeof(*ret->verdicts.aside));
	if (r == 0)
		r = selections_make(ret);
	if (r < 0)
		site_judge_done(ret);
	return r;
}

void site_judge_done(struct site *judged)
{
	verdicts_done(&judged->verdicts);
	selections_done(&judged->selections);
}

static int make_lan(const struct site *site, const struct lan_report *before, struct report *report)
{
	const struct facts *facts = &site->facts;
	struct fault fault = {};

	memcpy(report->lan.interface, site->config->lan.written, sizeof(report->lan.interface));
	report->lan.carrier = facts->lan.link.index && facts->lan.up && facts->lan.carrier;
	report->lan.router4 = facts->router4;
	report->lan.router6 = facts->router6;
	report->lan.linklocal = facts->router6_linklocal;
	report->lan.since =
		strcmp(before->interface, report->lan.interface) == 0 &&
				report_lan_is_up(before) == report_lan_is_up(&report->lan)
			? before->since
			: 0;
	if (report->lan.since == 0)
		report->lan.since = report->time_us / 1000000;
	if (trouble_of_lan(site, &fault) == 0)
		return 0;
	return report_add_fault(report, "LAN", &fault);
}

struct trouble_view trouble_view_of(const struct site *site, size_t wan, enum family family,
				    const struct wan_health *health,
				    const struct dot1x_record *dot1x)
{
	return (struct trouble_view){
		.site = site,
		.wan = wan,
		.family = family,
		.health = &health[wan].state[family],
		.probes = health[wan].probes[family],
		.undecided = health[wan].undecided[family],
		.gateway = health[wan].gateway[family],
		.unauthenticated = dot1x_why(dot1x, site->config->wans[wan].interface),
	};
}

int report_make(const struct site *site, const struct wan_health *health,
		const struct report *before, uint64_t now_us, struct report *ret)
{
	const struct config *config = site->config;
	_cleanup_(report_done) struct report report = { .time_us = now_us };
	struct dot1x_record dot1x = {};
	int r;

	dot1x_record_read(&dot1x);
	report.wans = calloc(config->n_wans, sizeof(*report.wans));
	if (!report.wans)
		return -ENOMEM;
	report.n_wans = config->n_wans;
	r = make_lan(site, &before->lan, &report);
	if (r < 0)
		return r;

	for (size_t i = 0; i < config->n_wans; i++) {
		uint64_t interval_us = config->wans[i].health.interval_us;

		if (i == 0 || interval_us < report.interval_us)
			report.interval_us = interval_us;
		make_wan(site, i, &report.wans[i]);
		for (enum family family = 0; family < N_FAMILIES; family++) {
			struct trouble_view view = trouble_view_of(site, i, family, health, &dot1x);

			if (!config_has_family(config, i, family))
				continue;
			report.wans[i].family[family].condition =
				follow_condition(&view, before, now_us);
			report.wans[i].family[family].interval_us =
				interval_us * (health[i].rests[family] ? METERED_CYCLES : 1);
			r = make_family(&view, &report.wans[i].family[family]);
			if (r < 0)
				return r;
		}
	}

	*ret = TAKE(report);
	return 0;
}
