// SPDX-License-Identifier: GPL-2.0-or-later
// Which WANs new flows may choose, and with what share.
// Deals slots to the lowest tier that carries, by the rounded running sum of weights.

#include "plan/select.h"

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

/* Fills the selection, whose members are known. 0 or -ENOMEM. */
static int fill_selection(const struct site *site, struct selection *s)
{
	const struct config *config = site->config;
	enum family family = s->group.family;
	size_t n_eligible = 0;

	for (size_t i = 0; i < config->n_wans; i++) {
		enum obstacle obstacle = obstacle_find(site, i, family);

		s->eligible[i] = obstacle == OBSTACLE_NONE;
		s->usable[i] = s->eligible[i] || obstacle == OBSTACLE_DOWN;
		n_eligible += s->eligible[i];
	}
	/* The last resort is of the family as a whole, whoever is a member. */
	for (size_t i = 0; i < config->n_wans; i++) {
		if (n_eligible == 0 && !config->all_down_unreachable)
			s->eligible[i] = s->usable[i];
		s->eligible[i] &= s->members[i];
	}

	s->best = best_of(config, s->eligible);
	return s->best ? make_ranges(s, config) : 0;
}

/* Makes the selection of a group. 0 or -ENOMEM. */
static int make_selection(const struct site *site, size_t group, struct selection *s)
{
	const struct config *config = site->config;

	*s = (struct selection){
		.group = flow_group_at(site, group),
		.members = calloc(config->n_wans, sizeof(*s->members)),
		.usable = calloc(config->n_wans, sizeof(*s->usable)),
		.eligible = calloc(config->n_wans, sizeof(*s->eligible)),
		.slots = calloc(config->n_wans, sizeof(*s->slots)),
	};
	if (!s->members || !s->usable || !s->eligible || !s->slots)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_wans; i++)
		s->members[i] = flow_group_has(site, group, i);
	return fill_selection(site, s);
}

int selections_make(struct site *site)
{
	_cleanup_(selections_done) struct selections selections = {};
	size_t n = flow_group_count(site);

	selections.v = calloc(n, sizeof(*selections.v));
	if (!selections.v)
		return -ENOMEM;
	while (selections.n < n) {
		size_t group = selections.n++;
		int r = make_selection(site, group, &selections.v[group]);

		if (r < 0)
			return r;
	}

	selections_done(&site->selections);
	site->selections = TAKE(selections);
	return 0;
}
