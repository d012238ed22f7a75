// SPDX-License-Identifier: GPL-2.0-or-later
// One run: looks at the kernel, decides what is desired, and changes the difference.
// Adds, commits one nftables transaction, then deletes; starts over when the kernel changes.

#include "reconcile/reconcile.h"

#include "base/fileio.h"
#include "base/log.h"
#include "kernel/apply_net.h"
#include "kernel/apply_nft.h"
#include "kernel/observe_facts.h"
#include "kernel/observe_management.h"
#include "kernel/observe_net.h"
#include "kernel/observe_nft.h"
#include "kernel/router6.h"
#include "model/conflict.h"
#include "plan/hairpin.h"
#include "plan/select.h"
#include "reconcile/flows.h"
#include "reconcile/prefix_store.h"
#include "reconcile/protect.h"
#include "reconcile/removed_rules.h"
#include "reconcile/table_names.h"
#include "reconcile/warnings.h"
#include "status/report.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* How often a run starts over when the kernel has changed meanwhile, or an answer was lost. */
#define ATTEMPTS 10
/* So many of them for what is left to do after the transaction. */
#define ATTEMPTS_TO_FINISH 3

/* What a run knows; each stage fills its part. */
struct reconcile_run {
	const struct reconcile *request;
	struct kernel *kernel;
	struct config *config; /* the same as of the site, which does not change it */

	/* Prefixes and verdicts stand from the start; each look fills in the rest. */
	struct site site;
	struct npt_state npt;	 /* before what is on a link was refused */
	struct fault bad_prefix; /* the first that can't be used; its WAN goes without */

	struct router_ids refused;    /* by the kernel, in this run */
	struct router_ids sourceless; /* refused with a source of the router's own packets */
	int attempts;		      /* that are left */
	int attempts_to_finish;

	/* seen */
	struct object_set objects;
	struct nft_observed rules;
	uint32_t generation;
	bool router6_unsure;

	struct changes changes;
	struct object_set added; /* addresses */
	bool committed;		 /* the transaction */
	bool changed;		 /* anything, in any attempt */
	bool unprotected;
	bool in_force;

	struct desired desired;
	struct plan plan;
};

/* Forgets what was seen and decided, so that it can be done again. */
static void run_forget(struct reconcile_run *run)
{
	plan_done(&run->plan);
	desired_done(&run->desired);
	nft_observed_done(&run->rules);
	object_set_done(&run->objects);
	site_undecide(&run->site);
	facts_done(&run->site.facts);
}

static void run_done(struct reconcile_run *run)
{
	run_forget(run);
	object_set_done(&run->added);
	site_done(&run->site);
	npt_state_done(&run->npt);
	router_ids_done(&run->refused);
	router_ids_done(&run->sourceless);
}

/* ---- look and decide ---- */

/* The link-local that our own route in main leads to. */
static struct addr current_router6(const struct reconcile_run *run)
{
	for (size_t i = 0; i < run->objects.n; i++) {
		const struct object *object = &run->objects.v[i];

		if (object->kind == OBJECT_ROUTE && object->table == RT_TABLE_MAIN &&
		    object->link.index == run->site.facts.lan.link.index &&
		    prefix_cmp(object->prefix, run->site.config->lan.prefix6) == 0)
			return object->via;
	}
	return (struct addr){};
}

static int look(struct reconcile_run *run, struct fault *fault)
{
	const struct router_opinions opinions = { &run->refused, &run->sourceless,
						  &run->site.verdicts.avoided };
	int r = observe_facts(run->kernel->sk, run->site.config, &opinions, &run->site.facts,
			      fault);

	if (r < 0)
		return r;
	facts_name_links(&run->site.facts, run->config);
	npt_refuse_onlink(run->site.config, &run->site.facts, &run->npt, &run->site.npt);
	r = observe_net(run->kernel->sk, &run->site.facts, &run->objects, fault);
	if (r == 0)
		r = observe_nft(run->kernel->nfnl, &run->kernel->nft, &run->generation, &run->rules,
				fault);
	if (r == 0)
		r = observe_management(&run->rules, &run->site.facts.management, fault);
	if (r < 0)
		return r;
	r = observe_router6(run->kernel->sk, run->site.config,
			    run->request->router6.family ? run->request->router6
							 : current_router6(run),
			    run->request->wait, &run->kernel->asker, &run->site.facts, fault);
	run->router6_unsure = r > 0;
	return r < 0 ? r : 0;
}

static int decide(struct reconcile_run *run)
{
	int r = selections_make(&run->site);

	if (r == 0)
		r = hairpins_make(&run->site);
	if (r == 0)
		r = desired_make(&run->site, &run->desired);
	if (r == 0)
		r = plan_net(&run->desired.objects, &run->objects, &run->plan);
	if (r == 0)
		r = plan_nft(&run->desired.texts, &run->rules, &run->plan);
	return r;
}

/* ---- change ---- */

/*
 * Leaves out what the kernel refuses: a source, which may have gone meanwhile, then a gateway, such
 * as our own address. True: the step was about one.
 */
static bool leave_out(struct reconcile_run *run, const struct step *step, const struct fault *fault)
{
	const struct object *route = step->object;
	enum family family = family_of_af(route->family);

	if (route->kind != OBJECT_ROUTE || route->prefix.len != 0 || route->type != RTN_UNICAST)
		return false;
	for (size_t i = 0; i < run->site.config->n_wans; i++) {
		struct router_id id = { i, family, route->via };

		if (run->site.facts.wans[i].link.link.index != route->link.index ||
		    router_ids_have(&run->refused, id))
			continue;
		run->attempts++; /* this one got further */
		if (route->source.family)
			return APPEND(run->sourceless.v, run->sourceless.n, id) == 0;
		log_event(LOG_WARNING, EVENT_GATEWAY_BAD,
			  FIELDS(LOG_WAN(run->site.config->wans[i].name, family)), "%s: %s",
			  run->site.config->wans[i].name, fault->text);
		return APPEND(run->refused.v, run->refused.n, id) == 0;
	}
	return false;
}

/* There is no way back any more. *left: something is left to do, and another look finds it. */
static int finish_change(struct reconcile_run *run, bool *left, struct fault *fault)
{
	struct plan *plan = &run->plan;
	int r = 0, kept;

	*left = true;
	/*
	 * Look before anything is recorded, so that the next run makes up for one that is killed
	 * here; and before the rules go, so that no flow falls through to another WAN.
	 */
	if (plan_doubts_flows(plan, run->site.config))
		r = flows_audit(run->kernel->nfnl, &run->site, fault);
	if (r < 0)
		return r;
	/* A file that can't be written fails the run, but stops nothing: the rules are in force. */
	kept = keep_nft(run->kernel->nfnl, run->kernel->nft, plan, &run->desired.texts, &run->rules,
			run->generation, fault);
	removed_rules_log(&run->rules);

	r = apply_deletions(run->kernel->sk, plan, fault);
	run->in_force = r == 0;
	/* Look again, for flows that began under the old rules meanwhile. */
	if (r == 0 && plan_ends_marks(plan))
		r = flows_audit(run->kernel->nfnl, &run->site, fault);
	if (r == 0 && kept == 0 && plan_may_hit_others(plan, &run->desired.objects))
		return -EAGAIN;
	*left = r < 0;
	return r < 0 ? r : kept;
}

static int change(struct reconcile_run *run, struct fault *fault)
{
	const struct step *refused = NULL;
	struct plan *plan = &run->plan;
	bool left;
	int r;

	run->changed = true;
	r = plan_keep_addresses(plan, &run->added);
	if (r < 0)
		return r;
	flows_forget(run->kernel->nfnl, &run->site, plan);
	r = apply_additions(run->kernel->sk, plan, &refused, fault);
	if (r == -EINVAL && leave_out(run, refused, fault))
		return -EAGAIN;
	if (r < 0)
		return r;
	r = apply_nft(&run->kernel->nft, plan, fault);
	/* Without the kernel's answer, the rules may be there, and need the routes. */
	if (r < 0 && nft_may_differ(run->kernel->nfnl, run->generation))
		return -EAGAIN;
	if (r < 0) {
		undo_additions(run->kernel->sk, plan);
		return r;
	}
	run->committed = *plan->nft;
	if (plan->loads_base)
		protect_log_loaded(&run->rules);
	r = finish_change(run, &left, fault);
	return r < 0 && left && run->attempts_to_finish-- > 0 ? -EAGAIN : r;
}

/* -EAGAIN: the kernel has changed meanwhile; -ENOBUFS: an answer was lost. Start over. */
static int attempt(struct reconcile_run *run, struct fault *fault)
{
	int r;

	run_forget(run);
	run->committed = run->in_force = false;
	*fault = (struct fault){};
	r = look(run, fault);
	if (r == 0)
		r = decide(run);
	if (r < 0)
		return r;
	run->in_force = plan_is_empty(&run->plan);
	if (run->in_force || run->request->mode != RECONCILE_APPLY)
		return 0;

	r = change(run, fault);
	/* Links and addresses may go at any time, and take routes with them. */
	if (r == -ENODEV || r == -ENETDOWN || r == -ENETUNREACH || r == -EHOSTUNREACH ||
	    r == -EADDRNOTAVAIL || r == -EINVAL || r == -EEXIST)
		return -EAGAIN;
	return r;
}

/* What is kept beside the rules, for the next run and for who looks. */
static int keep_rest(const struct reconcile_run *run, struct fault *fault)
{
	int r = prefixes_write(run->site.config, &run->npt, fault);

	return r < 0 ? r : table_names_write(run->site.config, run->changed, fault);
}

static int finish(struct reconcile_run *run, struct fault *fault)
{
	int r;

	if (run->request->mode != RECONCILE_LOOK)
		warn_of_site(&run->site, &run->request->awaited);
	if (run->request->mode == RECONCILE_PLAN)
		protect_warn(run->kernel->nft, &run->rules);
	if (run->request->mode != RECONCILE_APPLY)
		return plan_is_empty(&run->plan) ? RECONCILED : RECONCILE_CHANGED;
	if (!plan_is_empty(&run->plan)) {
		run->changes = (struct changes){
			.added = run->plan.n_additions,
			.removed = run->plan.n_steps - run->plan.n_additions,
			.nft = *run->plan.nft,
		};
		r = keep_rest(run, fault);
		return r < 0 ? r : RECONCILE_CHANGED;
	}
	/* Keep the rules' files also when nothing changed: they may have gone. */
	r = keep_nft(run->kernel->nfnl, run->kernel->nft, &run->plan, &run->desired.texts,
		     &run->rules, run->generation, fault);
	return r < 0 ? r : keep_rest(run, fault);
}

/* Hands over also after a failure: facts are useful without the rest. */
static int hand_over(struct reconcile_run *run, bool planned, struct outcome *ret)
{
	if (!run->site.selections.v && selections_make(&run->site) < 0)
		return -ENOMEM;
	outcome_done(ret);
	ret->site = TAKE(run->site);
	/* Each of our transactions raises the generation by one. */
	ret->generation = run->generation + (run->committed ? run->plan.n_transactions : 0);
	ret->in_force = run->in_force;
	ret->router6_unsure = run->router6_unsure;
	ret->changes = run->changes;
	ret->added = TAKE(run->added);
	ret->unprotected = run->unprotected;
	if (!planned || run->request->mode == RECONCILE_APPLY)
		return 0;
	ret->planned = true;
	ret->desired = TAKE(run->desired);
	ret->observed = TAKE(run->objects);
	ret->plan = TAKE(run->plan);
	return 0;
}

static int prepare(struct reconcile_run *run, struct fault *fault)
{
	_cleanup_(npt_state_done) struct npt_state kept = {};
	int r;

	r = prefixes_read(run->site.config, &kept, fault);
	if (r == 0)
		r = prefixes_resolve(run->site.config, &run->request->prefixes, &kept,
				     clock_us(CLOCK_BOOTTIME), &run->npt, &run->bad_prefix);
	if (r == 0)
		r = npt_state_copy(&run->npt, run->site.config->n_wans, &run->site.npt);
	if (r == 0)
		r = run->request->verdicts
			    ? verdicts_copy(run->request->verdicts, run->site.config->n_wans,
					    &run->site.verdicts)
			    : verdicts_read(run->site.config, &run->site.verdicts);
	if (r == 0 && !run->kernel->sk)
		r = netlink_open(NETLINK_ROUTE, &run->kernel->sk, fault);
	if (r == 0 && !run->kernel->nfnl)
		r = netlink_open(NETLINK_NETFILTER, &run->kernel->nfnl, fault);
	return r;
}

static int converge(struct reconcile_run *run, struct fault *fault)
{
	int r = -EAGAIN;

	run->attempts_to_finish = ATTEMPTS_TO_FINISH;
	for (run->attempts = ATTEMPTS; (r == -EAGAIN || r == -ENOBUFS) && run->attempts > 0;
	     run->attempts--)
		r = attempt(run, fault);
	if (r == -EAGAIN)
		fault_set(fault, r, "the kernel's tables keep changing while they are read");
	return r;
}

/* After a run that could not load the base ruleset with its own rules: loads it alone, or stops. */
static int protect(struct reconcile_run *run, int r, struct fault *fault)
{
	struct fault reason = {};

	for (int i = 0; i < 2; i++) {
		if (!run->rules.lost.s[0] || run->committed)
			return run->rules.listing[NFT_FILTER] ? protect_resume(r, fault) : r;
		if (protect_is_foreign(run->kernel->nft, &run->rules, fault))
			return r;
		if (i > 0 || protect_load(run->kernel->nft, &run->rules, &reason) < 0)
			break;
		r = converge(run, fault);
	}
	run->unprotected = true;
	return protect_stop(r, &reason, fault);
}

int reconcile(struct config *config, const struct reconcile *request, struct kernel *kernel,
	      struct outcome *ret, struct fault *fault)
{
	_cleanup_(run_done) struct reconcile_run run = { request, kernel, config,
							 .site.config = config };
	int r = prepare(&run, fault);

	if (r < 0)
		return r;

	r = converge(&run, fault);
	if (request->mode == RECONCILE_APPLY)
		r = protect(&run, r, fault);
	if (r >= 0)
		r = finish(&run, fault);
	if (ret && run.site.facts.wans && hand_over(&run, r >= 0, ret) < 0)
		return -ENOMEM;
	if (r < 0 || !run.bad_prefix.text[0])
		return r;
	*fault = run.bad_prefix;
	return -EINVAL;
}
