// SPDX-License-Identifier: GPL-2.0-or-later
// Which routers are avoided for a while, because nothing came back over them.
// An entry for each that was ever left; it counts how often, which makes the next while longer.

#include "daemon/routers.h"

#include "base/util.h"

/* A router that was gone and is back: how long to wait at first, since it was left. */
#define FIRST_RETURN_US 5000000
/* One that has answered for its address all the time. */
#define FIRST_RETRY_US 60000000
/* The longest while is this many times the first one. */
#define LONGEST 4
/* After so long, an old loss counts no more. */
#define FORGET_US 3600000000

void routers_done(struct routers *routers)
{
	free(routers->v);
	free(routers->turns);
	*routers = (struct routers){};
}

static bool is_same(struct router_id a, struct router_id b)
{
	return a.wan == b.wan && a.family == b.family && addr_cmp(a.via, b.via) == 0;
}

static const struct router *find_router(const struct facts *facts, struct router_id id)
{
	const struct router_list *list = &facts->wans[id.wan].routers[id.family];

	for (size_t i = 0; i < list->n; i++)
		if (addr_cmp(list->v[i].gateway.via, id.via) == 0)
			return &list->v[i];
	return NULL;
}

/* The router's entry, a new one if need be; NULL: no memory. */
static struct routers_entry *entry_of(struct routers *routers, struct router_id id)
{
	for (size_t i = 0; i < routers->n; i++)
		if (is_same(routers->v[i].id, id))
			return &routers->v[i];
	if (APPEND(routers->v, routers->n, (struct routers_entry){ .id = id }) < 0)
		return NULL;
	return &routers->v[routers->n - 1];
}

static int leave(struct routers *routers, struct router_id id, bool gone, uint64_t now_us)
{
	struct routers_entry *entry = entry_of(routers, id);

	if (!entry)
		return -ENOMEM;
	if (now_us > entry->left_us + FORGET_US)
		entry->losses = 0;
	entry->losses++;
	entry->left_us = now_us;
	entry->avoided = true;
	entry->gone = gone;
	return 0;
}

static int leave_used(struct routers *routers, const struct facts *facts, struct router_id used,
		      uint64_t now_us)
{
	const struct router_list *list = &facts->wans[used.wan].routers[used.family];
	size_t avoided = 0;
	int r = leave(routers, used, false, now_us);

	for (size_t i = 0; i < routers->n; i++)
		avoided += routers->v[i].avoided && routers->v[i].id.wan == used.wan &&
			   routers->v[i].id.family == used.family;
	/* Where all have been left, they have their turns again. */
	for (size_t i = 0; i < routers->n && avoided >= list->n; i++)
		if (routers->v[i].id.wan == used.wan && routers->v[i].id.family == used.family &&
		    !is_same(routers->v[i].id, used))
			routers->v[i].avoided = false;
	return r;
}

/* NULL: no memory. */
static struct routers_turn *turn_of(struct routers *routers, struct routers_turn now)
{
	for (size_t i = 0; i < routers->n_turns; i++)
		if (routers->turns[i].wan == now.wan && routers->turns[i].family == now.family)
			return &routers->turns[i];
	/* Failures from before are not those of the router that is used now. */
	if (APPEND(routers->turns, routers->n_turns, now) < 0)
		return NULL;
	return &routers->turns[routers->n_turns - 1];
}

int routers_judge(struct routers *routers, const struct facts *facts, struct routers_turn now,
		  unsigned threshold, uint64_t now_us)
{
	const struct gateway_fact *used = &facts->wans[now.wan].gateway[now.family];
	struct routers_turn *turn = turn_of(routers, now);
	unsigned patience = threshold > 2 ? threshold - 1 : 1;
	int r;

	if (!turn)
		return -ENOMEM;
	if (now.failures < turn->failures || now.failures == 0)
		turn->failures = turn->turns = 0;
	if (!used->present ||
	    now.failures - turn->failures < patience << (turn->turns < 4 ? turn->turns / 2 : 2))
		return 0;
	r = leave_used(routers, facts, (struct router_id){ now.wan, now.family, used->via },
		       now_us);
	turn->failures = now.failures;
	turn->turns++;
	return r < 0 ? r : 1;
}

static uint64_t end_us(const struct routers_entry *entry)
{
	unsigned doubled = entry->losses - 1 < LONGEST ? entry->losses - 1 : LONGEST;

	return entry->left_us + ((entry->gone ? FIRST_RETURN_US : FIRST_RETRY_US) << doubled);
}

/* A preferred one that nobody answers for was left by the choice itself. */
static int note_silent(struct routers *routers, struct router_id id, const struct router *router,
		       uint64_t now_us)
{
	struct routers_entry *entry = router->silent ? entry_of(routers, id) : NULL;

	if (!router->silent)
		return 0;
	if (!entry)
		return -ENOMEM;
	entry->gone = true;
	return entry->avoided ? 0 : leave(routers, id, true, now_us);
}

static int note_all_silent(struct routers *routers, const struct facts *facts, uint64_t now_us)
{
	int r = 0;

	for (size_t i = 0; i < facts->n_wans * N_FAMILIES; i++) {
		struct router_id id = { .wan = i / N_FAMILIES, .family = i % N_FAMILIES };
		const struct router *router;

		for (size_t n = 0; r == 0; n++) {
			router = facts_passed_over(facts, id.wan, id.family, n);
			if (!router)
				break;
			id.via = router->gateway.via;
			r = note_silent(routers, id, router, now_us);
		}
	}
	return r;
}

int routers_review(struct routers *routers, const struct facts *facts, uint64_t now_us,
		   uint64_t *again_us)
{
	int r = note_all_silent(routers, facts, now_us), taken_back = 0;

	for (size_t i = 0; i < routers->n && r == 0; i++) {
		struct routers_entry *entry = &routers->v[i];
		const struct router *router = find_router(facts, entry->id);

		if (!entry->avoided || (router && router->silent))
			continue;
		if (!router || now_us >= end_us(entry)) {
			entry->avoided = false;
			taken_back |= router != NULL;
		} else if (end_us(entry) < *again_us) {
			*again_us = end_us(entry);
		}
	}
	return r < 0 ? r : taken_back;
}

int routers_avoided(const struct routers *routers, struct router_ids *ret)
{
	int r = 0;

	for (size_t i = 0; i < routers->n && r == 0; i++)
		if (routers->v[i].avoided)
			r = APPEND(ret->v, ret->n, routers->v[i].id);
	return r;
}

int routers_recall(struct routers *routers, struct router_id id, uint64_t now_us)
{
	return leave(routers, id, false, now_us);
}
