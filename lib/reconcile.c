#include "reconcile.h"

#include "apply_net.h"
#include "apply_nft.h"
#include "conntrack.h"
#include "fileio.h"
#include "log.h"
#include "observe_facts.h"
#include "observe_net.h"
#include "observe_nft.h"
#include "router6.h"
#include "verdicts.h"
#include "wanted.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* How often a run looks again when what it saw has changed meanwhile. */
#define ATTEMPTS 10

/* What a run knows; each stage fills its part. */
struct run {
	const struct config *config;
	const struct reconcile *request;
	struct kernel *kernel;

	struct npt_state kept, npt; /* the prefixes of the last run, and of this one */
	struct fault bad_prefix;    /* the first that can't be used; its WAN goes without */
	struct verdicts read;	    /* from health.json, when nobody else tells */
	const struct verdicts *verdicts;

	/* Gateways that the kernel has refused in this run; by the WAN's index. */
	bool (*refused)[N_FAMILIES];

	/* seen */
	struct facts facts;
	struct object_set objects;
	struct nft_observed rules;
	uint32_t generation;
	bool router6_unsure;

	bool committed; /* the transaction */
	bool in_force;

	struct wanted wanted;
	struct plan plan;
};

/* Forgets what was seen and decided, so that it can be done again. */
static void run_forget(struct run *run)
{
	plan_done(&run->plan);
	wanted_done(&run->wanted);
	nft_observed_done(&run->rules);
	object_set_done(&run->objects);
	facts_done(&run->facts);
}

static void run_done(struct run *run)
{
	run_forget(run);
	verdicts_done(&run->read);
	npt_state_done(&run->npt);
	npt_state_done(&run->kept);
	free(run->refused);
}

void kernel_close(struct kernel *kernel)
{
	nft_close(kernel->nft);
	nl_socket_free(kernel->sk);
	nl_socket_free(kernel->nfnl);
	*kernel = (struct kernel){};
}

void outcome_done(struct outcome *outcome)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		selection_done(&outcome->selections[family]);
	npt_state_done(&outcome->npt);
	facts_done(&outcome->facts);
	*outcome = (struct outcome){};
}

/* ---- look ---- */

/* The link-local that our own route in main leads to. */
static struct addr current_router6(const struct run *run)
{
	for (size_t i = 0; i < run->objects.n; i++) {
		const struct object *object = &run->objects.v[i];

		if (object->kind == OBJECT_ROUTE && object->table == RT_TABLE_MAIN &&
		    object->link.index == run->facts.lan.link.index &&
		    prefix_cmp(object->prefix, run->config->lan.prefix6) == 0)
			return object->via;
	}
	return (struct addr){};
}

static int look(struct run *run, struct fault *fault)
{
	int r;

	r = observe_facts(run->kernel->sk, run->config, &run->facts, fault);
	if (r < 0)
		return r;
	for (size_t i = 0; i < run->config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (run->refused[i][family])
				run->facts.wans[i].gateway[family].present = false;
	r = observe_net(run->kernel->sk, &run->facts, &run->objects, fault);
	if (r < 0)
		return r;
	r = observe_nft(run->kernel->nfnl, &run->kernel->nft, &run->generation, &run->rules, fault);
	if (r < 0)
		return r;
	r = observe_router6(run->kernel->sk, run->config,
			    run->request->router6.family ? run->request->router6
							 : current_router6(run),
			    run->request->wait, &run->facts, fault);
	run->router6_unsure = r > 0;
	return r < 0 ? r : 0;
}

/* ---- decide ---- */

static int decide(struct run *run)
{
	int r;

	r = wanted_make(run->config, &run->facts, &run->npt, run->verdicts, &run->wanted);
	if (r == 0)
		r = plan_net(&run->wanted.objects, &run->objects, &run->plan);
	if (r == 0)
		r = plan_nft(&run->wanted.texts, &run->rules, &run->plan);
	return r;
}

/* ---- change ---- */

/*
 * True when flows may be misplaced: the marking was not ours before, or a rule goes that
 * led a mark or a prefix to its WAN. Both are still seen by the next run when this one is
 * killed before it has looked at the flows.
 */
static bool flows_are_in_doubt(const struct plan *plan, bool by_mark_only)
{
	for (size_t i = plan->n_additions; i < plan->n_steps; i++) {
		const struct object *object = plan->steps[i].object;

		/* A lost address is of no matter: leases come and go, with their flows. */
		if (object->kind == OBJECT_RULE &&
		    (object->mark ||
		     (!by_mark_only && object->prefix.len < addr_bits(object->family))))
			return true;
	}
	return !by_mark_only && plan->takes_over;
}

static int audit_flows(struct run *run, struct fault *fault)
{
	unsigned deleted;
	int r;

	r = conntrack_audit(run->kernel->nfnl, run->config, &run->facts, &run->npt, &deleted,
			    fault);
	if (r == 0 && deleted > 0)
		log_event(LOG_NOTICE, "flows", "removed flows=%u that are no longer of their WAN",
			  deleted);
	return r;
}

/*
 * A gateway that can't be one, such as the WAN's own address, is that WAN's trouble:
 * the others are brought up without it. True when the step was about one.
 */
static bool refuse_gateway(struct run *run, const struct step *step, const struct fault *fault)
{
	const struct object *route = step->object;
	enum family family = route->family == AF_INET ? IPV4 : IPV6;

	if (route->kind != OBJECT_ROUTE || route->prefix.len != 0 || route->type != RTN_UNICAST)
		return false;
	for (size_t i = 0; i < run->config->n_wans; i++) {
		if (run->facts.wans[i].link.link.index != route->link.index ||
		    run->refused[i][family])
			continue;
		log_event(LOG_WARNING, "gateway", "%s: %s", run->config->wans[i].name, fault->text);
		run->refused[i][family] = true;
		return true;
	}
	return false;
}

static int change(struct run *run, struct fault *fault)
{
	const struct step *refused = NULL;
	struct plan *plan = &run->plan;
	int r, kept;

	r = apply_net(run->kernel->sk, plan, 0, plan->n_additions, &refused, fault);
	if (r == -EINVAL && refuse_gateway(run, refused, fault))
		return -EAGAIN;
	if (r < 0)
		return r;
	r = apply_nft(&run->kernel->nft, plan, fault);
	if (r < 0) {
		undo_net(run->kernel->sk, plan, 0, plan->n_additions);
		return r;
	}
	run->committed = *plan->nft;
	/*
	 * Before anything is recorded, so that a run which is killed here is made good
	 * for, and before the rules go, so that no flow falls through.
	 */
	if (flows_are_in_doubt(plan, false))
		r = audit_flows(run, fault);
	if (r < 0)
		return r;
	/* The kernel has it: that a file can't be written is said, but stops nothing. */
	kept = keep_nft(run->kernel->nfnl, run->kernel->nft, plan, &run->wanted.texts, &run->rules,
			run->generation, fault);

	r = apply_net(run->kernel->sk, plan, plan->n_additions, plan->n_steps, &refused, fault);
	run->in_force = r == 0;
	/* And those that began under the old rules meanwhile. */
	if (r == 0 && flows_are_in_doubt(plan, true))
		r = audit_flows(run, fault);
	return r < 0 ? r : kept;
}

static void warn_of_wan(const struct run *run, size_t wan)
{
	static const char *const names[] = { "IPv4", "IPv6" };
	const struct wan_conf *conf = &run->config->wans[wan];
	const struct wan_facts *fact = &run->facts.wans[wan];

	if (fact->link.link.index == 0) {
		log_event(LOG_WARNING, "wan", "%s: there is no interface %s", conf->name,
			  conf->interface);
		return;
	}
	if (!fact->link.up || !fact->link.carrier) {
		log_event(LOG_WARNING, "wan", "%s: %s has no carrier", conf->name, conf->interface);
		return;
	}
	for (enum family family = 0; family < N_FAMILIES; family++)
		/* Of a fixed one that is no good, the reason has been said. */
		if (conf->gateway_mode[family] == GATEWAY_AUTO && !fact->gateway[family].present &&
		    (family == IPV4 || run->config->lan.prefix6.len > 0))
			log_event(LOG_WARNING, "wan", "%s: no %s gateway: no default route over %s",
				  conf->name, names[family], conf->interface);
	if (run->config->lan.prefix6.len > 0 && conf->gateway_mode[IPV6] != GATEWAY_NONE &&
	    !npt_active(run->config, &run->npt, wan) &&
	    !npt_masquerades(run->config, &run->npt, wan))
		log_event(LOG_WARNING, "wan", "%s: no delegated IPv6 prefix", conf->name);
}

static void warn(const struct run *run)
{
	const struct config *config = run->config;

	if (run->facts.lan.link.index == 0)
		log_event(LOG_WARNING, "lan", "there is no interface %s", config->lan.interface);
	else if (config->lan.prefix6.len > 0 && !run->facts.router6_linklocal.family &&
		 !run->router6_unsure)
		log_event(LOG_WARNING, "lan", "nobody answers for router6_linklocal on %s",
			  config->lan.interface);
	for (size_t i = 0; i < config->n_wans; i++)
		warn_of_wan(run, i);
}

/* -EAGAIN: what the run stood on has changed; look again. */
static int attempt(struct run *run, struct fault *fault)
{
	int r;

	run_forget(run);
	run->committed = run->in_force = false;
	*fault = (struct fault){};
	r = look(run, fault);
	if (r < 0)
		return r;
	r = decide(run);
	if (r < 0)
		return r;
	run->in_force = plan_is_empty(&run->plan);
	if (run->in_force || run->request->mode != RECONCILE_APPLY)
		return 0;

	r = change(run, fault);
	/* Links and addresses go at any time, and take routes with them. */
	if (r == -ENODEV || r == -ENETDOWN || r == -ENETUNREACH || r == -EHOSTUNREACH ||
	    r == -EADDRNOTAVAIL || r == -EINVAL || r == -EEXIST)
		return -EAGAIN;
	return r;
}

static int finish(struct run *run, struct fault *fault)
{
	int r;

	if (run->request->mode != RECONCILE_LOOK)
		warn(run);
	if (run->request->plan || run->request->mode == RECONCILE_PRINT)
		plan_print(&run->plan, run->request->plan ?: stdout);
	if (run->request->mode != RECONCILE_APPLY)
		return plan_is_empty(&run->plan) ? RECONCILED : RECONCILE_CHANGED;
	/* Also when nothing changed: the rules' files may have gone. */
	if (plan_is_empty(&run->plan)) {
		r = keep_nft(run->kernel->nfnl, run->kernel->nft, &run->plan, &run->wanted.texts,
			     &run->rules, run->generation, fault);
		if (r < 0)
			return r;
	} else {
		log_event(LOG_INFO, "changed",
			  "the kernel has been changed: added=%zu removed=%zu nft=%s",
			  run->plan.n_additions, run->plan.n_steps - run->plan.n_additions,
			  *run->plan.nft ? "yes" : "no");
	}
	r = npt_state_write(run->config, &run->npt, fault);
	if (r < 0)
		return r;
	return plan_is_empty(&run->plan) ? RECONCILED : RECONCILE_CHANGED;
}

/* Also after a failure: what was seen of the links is of use without the rest. */
static int hand_over(struct run *run, struct outcome *ret)
{
	outcome_done(ret);
	for (enum family family = 0; family < N_FAMILIES; family++) {
		int r = selection_make(run->config, &run->facts, &run->npt, run->verdicts, family,
				       NULL, &ret->selections[family]);

		if (r < 0)
			return r;
	}
	ret->facts = TAKE(run->facts);
	ret->npt = TAKE(run->npt);
	/* Our transaction raises it by one. */
	ret->generation = run->generation + run->committed;
	ret->in_force = run->in_force;
	ret->router6_unsure = run->router6_unsure;
	return 0;
}

static int prepare(struct run *run, struct fault *fault)
{
	int r;

	run->refused = calloc(run->config->n_wans, sizeof(*run->refused));
	if (!run->refused)
		return -ENOMEM;
	r = npt_state_read(run->config, &run->kept, fault);
	if (r == 0)
		r = npt_resolve(run->config, &run->request->npt, &run->kept, &run->npt,
				&run->bad_prefix);
	if (r == 0 && !run->verdicts) {
		run->verdicts = &run->read;
		r = verdicts_read(run->config, &run->read);
	}
	if (r == 0 && !run->kernel->sk)
		r = netlink_open(NETLINK_ROUTE, &run->kernel->sk, fault);
	if (r == 0 && !run->kernel->nfnl)
		r = netlink_open(NETLINK_NETFILTER, &run->kernel->nfnl, fault);
	return r;
}

int reconcile(const struct config *config, const struct reconcile *request, struct kernel *kernel,
	      struct outcome *ret, struct fault *fault)
{
	_cleanup_(run_done) struct run run = { .config = config,
					       .request = request,
					       .kernel = kernel,
					       .verdicts = request->verdicts };
	int r;

	r = prepare(&run, fault);
	if (r < 0)
		return r;

	r = -EAGAIN;
	for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
		r = attempt(&run, fault);
	if (r == -EAGAIN)
		fault_set(fault, r, "the kernel's tables keep changing while they are read");
	else if (r >= 0)
		r = finish(&run, fault);
	if (ret && run.facts.wans && hand_over(&run, ret) < 0)
		return -ENOMEM;
	if (r >= 0 && run.bad_prefix.text[0])
		return fault_set(fault, -EINVAL, "%s", run.bad_prefix.text);
	return r;
}
