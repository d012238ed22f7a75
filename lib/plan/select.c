// SPDX-License-Identifier: GPL-2.0-or-later
// Which WANs new flows may choose, and with what share.
// Deals slots to the lowest tier that carries, by the rounded running sum of weights.

#include "plan/select.h"

#include "base/util.h"
#include "model/condition.h"
#include "plan/groups.h"

static const struct wan_conf *best_of(const struct config *config, const bool *eligible)
{
	const struct wan_conf *best = NULL;

	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (eligible[i] && (!best || wan->tier < best->tier ||
				    (wan->tier == best->tier && wan->weight > best->weight)))
			best = wan;
	}
	return best;
}

/* Gives `count` slots from `first` on to the WAN; joins ranges that touch. */
static int give(struct selection *s, const struct config *config, unsigned first, unsigned count,
		size_t wan)
{
	struct slot_range *last = s->n_ranges ? &s->ranges[s->n_ranges - 1] : NULL;

	if (count == 0)
		return 0;
	s->slots[wan] += count;
	if (last && last->mark == config->wans[wan].mark) {
		last->last += count;
		return 0;
	}

	return APPEND(s->ranges, s->n_ranges,
		      (struct slot_range){ first, first + count - 1, config->wans[wan].mark });
}

/* Deals `count` slots from `first` on to the WANs of `takes`, by weight. */
static int deal(struct selection *s, const struct config *config, unsigned first, unsigned count,
		const bool *takes)
{
	uint64_t total = 0, sum = 0;
	unsigned done = 0;
	int r = 0;

	for (size_t i = 0; i < config->n_wans; i++)
		total += takes[i] ? config->wans[i].weight : 0;

	for (size_t i = 0; i < config->n_wans && r == 0; i++) {
		if (!takes[i])
			continue;
		sum += config->wans[i].weight;
		/* Rounding the running sum keeps each share within one slot of exact. */
		unsigned until = (count * sum + total / 2) / total;

		r = give(s, config, first + done, until - done, i);
		done = until;
	}
	return r;
}

static int make_ranges(struct selection *s, const struct config *config)
{
	_cleanup_(freep) bool *carries = calloc(config->n_wans, sizeof(bool));
	uint64_t total = 0, sum = 0;
	unsigned done = 0;
	int r = 0;

	if (!carries)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++) {
		bool dealt = s->members[i] && config->wans[i].tier == s->best->tier;

		carries[i] = dealt && s->eligible[i];
		total += dealt ? config->wans[i].weight : 0;
	}

	for (size_t i = 0; i < config->n_wans && r == 0; i++) {
		if (!s->members[i] || config->wans[i].tier != s->best->tier)
			continue;
		sum += config->wans[i].weight;
		unsigned until = (SLOTS * sum + total / 2) / total;

		if (carries[i])
			r = give(s, config, done, until - done, i);
		else
			r = deal(s, config, done, until - done, carries);
		done = until;
	}
	return r;
}

/* WANs of a lower rank are chosen before others. */
enum select_rank {
	RANK_GOOD,
	RANK_HELD,
	RANK_DRAINED,
	RANK_DOWN,
	RANK_UNUSABLE, /* never chosen */
};

static enum select_rank rank_of(enum obstacle obstacle)
{
	switch ((int)obstacle) {
	case OBSTACLE_NONE:
		return RANK_GOOD;
	case OBSTACLE_HELD:
		return RANK_HELD;
	case OBSTACLE_DRAINED:
		return RANK_DRAINED;
	case OBSTACLE_DOWN:
		return RANK_DOWN;
	default:
		return RANK_UNUSABLE;
	}
}

/* What the ranks of all WANs are in a family. */
static int find_ranks(const struct site *site, enum family family, enum select_rank **ret)
{
	enum select_rank *ranks = calloc(site->config->n_wans, sizeof(*ranks));

	if (!ranks)
		return -ENOMEM;
	for (size_t i = 0; i < site->config->n_wans; i++)
		ranks[i] = rank_of(obstacle_find(site, i, family));
	*ret = ranks;
	return 0;
}

/* Of flows that meet no rule: the members of the best rank. */
static void choose_eligible(const struct config *config, const enum select_rank *ranks,
			    struct selection *s)
{
	enum select_rank best = RANK_UNUSABLE, best_member = RANK_UNUSABLE;

	for (size_t i = 0; i < config->n_wans; i++) {
		if (ranks[i] < best)
			best = ranks[i];
		if (s->members[i] && ranks[i] < best_member)
			best_member = ranks[i];
	}
	/* One that is down is the last resort of the family as a whole, whoever is a member. */
	if (best_member < RANK_DOWN)
		best = best_member;
	if (best == RANK_DOWN && config->all_down_unreachable)
		best = RANK_GOOD;
	for (size_t i = 0; i < config->n_wans; i++)
		s->eligible[i] = s->members[i] && s->usable[i] && ranks[i] == best;
}

static bool any(const bool *of, size_t n)
{
	size_t i = 0;

	while (i < n && !of[i])
		i++;
	return i < n;
}

/*
 * Of flows that meet rules: the policy's WANs that are eligible for others, too. Without one, a
 * policy that must not leave its WANs takes one that is held, for nothing else is left; any other
 * takes what flows without a rule take.
 */
static void choose_of_policy(const struct config *config, const enum select_rank *ranks,
			     const struct selection *balance, struct selection *s)
{
	bool unreachable = config->policies[s->group.policy].unreachable;

	for (size_t i = 0; i < config->n_wans; i++)
		s->eligible[i] = s->members[i] && balance->eligible[i];
	if (any(s->eligible, config->n_wans))
		return;
	for (size_t i = 0; i < config->n_wans; i++) {
		if (unreachable) {
			s->eligible[i] = s->members[i] && ranks[i] == RANK_HELD;
		} else {
			s->members[i] = balance->members[i];
			s->eligible[i] = balance->eligible[i];
		}
	}
}

/* balance: the selection of the same flows, if they meet no rule. 0 or -ENOMEM. */
static int make_selection(const struct site *site, const struct flow_group *group,
			  const enum select_rank *ranks, const struct selection *balance,
			  struct selection *s)
{
	const struct config *config = site->config;

	*s = (struct selection){
		.group = *group,
		.members = calloc(config->n_wans, sizeof(*s->members)),
		.usable = calloc(config->n_wans, sizeof(*s->usable)),
		.eligible = calloc(config->n_wans, sizeof(*s->eligible)),
		.slots = calloc(config->n_wans, sizeof(*s->slots)),
	};
	if (!s->members || !s->usable || !s->eligible || !s->slots)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++) {
		s->members[i] = flow_group_has(site, group, i);
		s->usable[i] = ranks[i] < RANK_UNUSABLE;
	}
	if (group->policy == 0)
		choose_eligible(config, ranks, s);
	else
		choose_of_policy(config, ranks, balance, s);

	s->best = best_of(config, s->eligible);
	return s->best ? make_ranges(s, config) : 0;
}

/* The selections of all groups, policy by policy. 0 or -ENOMEM. */
static int make_all(const struct site *site, const struct flow_groups *groups,
		    enum select_rank *const ranks[N_FAMILIES], struct selections *ret)
{
	size_t n = groups->n * site->config->n_policies;

	ret->v = calloc(n, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	while (ret->n < n) {
		struct selection *s = &ret->v[ret->n], *balance = &ret->v[ret->n % groups->n];
		struct flow_group group = groups->v[ret->n % groups->n];
		int r;

		group.policy = ret->n++ / groups->n;
		group.mode = site->config->policies[group.policy].mode;
		r = make_selection(site, &group, ranks[group.family], balance, s);
		if (r < 0)
			return r;
	}
	return 0;
}

int selections_make(struct site *site)
{
	_cleanup_(selections_done) struct selections selections = {};
	_cleanup_(flow_groups_done) struct flow_groups groups = {};
	_cleanup_(freep) enum select_rank *ranks4 = NULL, *ranks6 = NULL;
	int r = flow_groups_list(site, &groups);

	if (r == 0)
		r = find_ranks(site, IPV4, &ranks4);
	if (r == 0)
		r = find_ranks(site, IPV6, &ranks6);
	if (r == 0)
		r = make_all(site, &groups,
			     (enum select_rank *const[]){ [IPV4] = ranks4, [IPV6] = ranks6 },
			     &selections);
	if (r < 0)
		return r;
	selections_done(&site->selections);
	site->selections = TAKE(selections);
	return 0;
}
