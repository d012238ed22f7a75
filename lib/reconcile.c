#include "reconcile.h"

#include "apply_net.h"
#include "apply_nft.h"
#include "conntrack.h"
#include "fileio.h"
#include "log.h"
#include "marks.h"
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
	struct nl_sock *sk;
	struct nft *nft;

	struct npt_state kept, npt; /* the prefixes of the last run, and of this one */
	struct fault bad_prefix;    /* the first that can't be used; its WAN goes without */
	struct mark_list old_marks; /* that mean another WAN than in the last run, or none */
	struct verdicts verdicts;

	/* seen */
	struct facts facts;
	struct object_set objects;
	struct nft_observed rules;
	uint32_t generation;

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
	verdicts_done(&run->verdicts);
	mark_list_done(&run->old_marks);
	npt_state_done(&run->npt);
	npt_state_done(&run->kept);
	nft_close(run->nft);
	nl_socket_free(run->sk);
}

/* ---- look ---- */

/* The link-local that our own route in main leads to. */
static struct addr current_router6(const struct run *run)
{
	for (size_t i = 0; i < run->objects.n; i++) {
		const struct object *object = &run->objects.v[i];

		if (object->kind == OBJECT_ROUTE && object->table == RT_TABLE_MAIN &&
		    prefix_cmp(object->prefix, run->config->lan.prefix6) == 0)
			return object->via;
	}
	return (struct addr){};
}

static int look(struct run *run, struct fault *fault)
{
	int r;

	r = observe_facts(run->sk, run->config, &run->facts, fault);
	if (r < 0)
		return r;
	r = observe_net(run->sk, &run->objects, fault);
	if (r < 0)
		return r;
	r = observe_nft(&run->nft, &run->generation, &run->rules, fault);
	if (r < 0)
		return r;
	return observe_router6(run->sk, run->config, current_router6(run), &run->facts, fault);
}

/* ---- decide ---- */

static int decide(struct run *run)
{
	int r;

	r = wanted_make(run->config, &run->facts, &run->npt, &run->verdicts, &run->wanted);
	if (r == 0)
		r = plan_net(&run->wanted.objects, &run->objects, &run->plan);
	if (r == 0)
		r = plan_nft(&run->wanted.texts, &run->rules, &run->plan);
	return r;
}

/* ---- change ---- */

/* Flows whose mark has come to mean another WAN would change over to it. */
static int forget_old_marks(struct run *run, struct fault *fault)
{
	int r = 0;

	for (size_t i = 0; i < run->old_marks.n && r == 0; i++)
		r = conntrack_delete_mark(run->old_marks.v[i], fault);
	return r;
}

static int change(struct run *run, struct fault *fault)
{
	struct plan *plan = &run->plan;
	int r, kept;

	r = apply_net(run->sk, plan, 0, plan->n_additions, fault);
	if (r < 0)
		return r;
	r = apply_nft(&run->nft, plan, fault);
	if (r < 0) {
		undo_net(run->sk, plan, 0, plan->n_additions);
		return r;
	}
	/* The kernel has it: that a file can't be written is said, but stops nothing. */
	kept = keep_nft(run->nft, plan, &run->wanted.texts, &run->rules, run->generation, fault);

	/* Before their rules go, so that none falls through; and what came meanwhile. */
	r = forget_old_marks(run, fault);
	if (r == 0)
		r = apply_net(run->sk, plan, plan->n_additions, plan->n_steps, fault);
	if (r == 0)
		r = forget_old_marks(run, fault);
	return r < 0 ? r : kept;
}

/* Flows with an old prefix would send on with it for as long as they have traffic. */
static int forget_old_prefixes(struct run *run, struct fault *fault)
{
	for (size_t i = 0; i < run->config->n_wans; i++) {
		const struct prefix *old = &run->kept.delegated[i];
		unsigned deleted;
		int r;

		if (old->len == 0 || prefix_cmp(*old, run->npt.delegated[i]) == 0)
			continue;
		r = conntrack_delete_translated(*old, &deleted, fault);
		if (r < 0)
			return r;
		log_event(LOG_NOTICE, "prefix", "%s: prefix %s is gone, and its flows=%u",
			  run->config->wans[i].name, prefix_str(*old).s, deleted);
	}
	return npt_state_write(run->config, &run->npt, fault);
}

/* Flows from before the rules have no WAN and no translation, and would never get them. */
static int forget_unmarked(struct run *run, struct fault *fault)
{
	const struct config *config = run->config;
	struct prefix inside[] = { config->lan.prefix4, config->lan.prefix6,
				   prefix_host(config->lan.router6) };
	size_t n = config->lan.prefix6.len == 0 ? 1 : config->lan.router6.family ? 3 : 2;
	unsigned deleted;
	int r;

	if (!run->plan.takes_over)
		return 0;
	r = conntrack_delete_unmarked(inside, n, &run->facts.lan, &deleted, fault);
	if (r == 0 && deleted > 0)
		log_event(LOG_NOTICE, "takeover", "removed flows=%u older than the rules", deleted);
	return r;
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
		if (conf->gateway_mode[family] != GATEWAY_NONE && !fact->gateway[family].present &&
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
	else if (config->lan.prefix6.len > 0 && !run->facts.router6_linklocal.family)
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
	*fault = (struct fault){};
	r = look(run, fault);
	if (r < 0)
		return r;
	r = decide(run);
	if (r < 0 || run->request->dry_run || plan_is_empty(&run->plan))
		return r;

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

	warn(run);
	if (run->request->dry_run) {
		plan_print(&run->plan, stdout);
		return plan_is_empty(&run->plan) ? RECONCILED : RECONCILE_CHANGED;
	}
	/* Also when nothing changed: the rules' files may have gone. */
	if (plan_is_empty(&run->plan)) {
		r = keep_nft(run->nft, &run->plan, &run->wanted.texts, &run->rules, run->generation,
			     fault);
		if (r < 0)
			return r;
	} else {
		log_event(LOG_INFO, "changed", "added=%zu removed=%zu nft=%s",
			  run->plan.n_additions, run->plan.n_steps - run->plan.n_additions,
			  *run->plan.nft ? "yes" : "no");
	}
	r = forget_unmarked(run, fault);
	if (r == 0)
		r = forget_old_prefixes(run, fault);
	if (r == 0)
		r = marks_write(run->config, fault);
	if (r < 0)
		return r;
	return plan_is_empty(&run->plan) ? RECONCILED : RECONCILE_CHANGED;
}

int reconcile(const struct config *config, const struct reconcile *request, struct fault *fault)
{
	_cleanup_(run_done) struct run run = { .config = config, .request = request };
	_cleanup_(closep) int lock = -1;
	int r = -EAGAIN;

	lock = run_lock(fault);
	if (lock < 0)
		return lock;
	r = npt_state_read(config, &run.kept, fault);
	if (r == 0)
		r = npt_resolve(config, &request->npt, &run.kept, &run.npt, &run.bad_prefix);
	if (r == 0)
		r = marks_changed(config, &run.old_marks, fault);
	if (r == 0)
		r = verdicts_read(config, &run.verdicts);
	if (r == 0)
		r = netlink_open(NETLINK_ROUTE, &run.sk, fault);
	if (r < 0)
		return r;

	r = -EAGAIN;
	for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
		r = attempt(&run, fault);
	if (r == -EAGAIN)
		return fault_set(fault, r, "the kernel's tables keep changing while they are read");
	if (r < 0)
		return r;

	r = finish(&run, fault);
	if (r >= 0 && run.bad_prefix.text[0])
		return fault_set(fault, -EINVAL, "%s", run.bad_prefix.text);
	return r;
}
