// SPDX-License-Identifier: GPL-2.0-or-later
// The steps from the addresses, routes and rules that are there to the desired ones.
// Both sets are sorted: what one has and the other has not becomes a step.

#include "plan/plan.h"

static int add_step(struct plan *plan, struct step step)
{
	return APPEND(plan->steps, plan->n_steps, step);
}

static int compare(const void *a, const void *b)
{
	return object_cmp(a, b);
}

static bool contains(const struct object_set *set, const struct object *object)
{
	return set->n > 0 && bsearch(object, set->v, set->n, sizeof(*set->v), compare);
}

/*
 * True when `stale`, an IPv6 route, makes way for a desired one of the same key in
 * one operation: a second route of that key would join it as a multipath.
 */
static bool is_replaced(const struct object_set *desired, const struct object_set *observed,
			const struct object *stale)
{
	for (size_t i = 0; i < desired->n && stale->family == AF_INET6; i++)
		if (object_same_route(&desired->v[i], stale) && !contains(observed, &desired->v[i]))
			return true;
	return false;
}

/* The observed route that the desired one takes the place of; NULL: none. */
static const struct object *find_replaced(const struct object_set *observed,
					  const struct object *object)
{
	for (size_t i = 0; i < observed->n && object->family == AF_INET6; i++)
		if (object_same_route(object, &observed->v[i]))
			return &observed->v[i];
	return NULL;
}

/*
 * True when an IPv4 route of the same key goes that names no source. The kernel then deletes the
 * first of that key, whatever source that one has.
 */
static bool goes_behind(const struct object_set *desired, const struct object_set *observed,
			const struct object *object)
{
	for (size_t i = 0; i < observed->n && object->source.family == AF_INET; i++)
		if (object_same_route(object, &observed->v[i]) && !observed->v[i].source.family &&
		    !contains(desired, &observed->v[i]))
			return true;
	return false;
}

int plan_net(const struct object_set *desired, const struct object_set *observed, struct plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < desired->n && r == 0; i++) {
		struct step step = { .kind = STEP_ADD, .object = &desired->v[i] };

		if (contains(observed, step.object))
			continue;
		step.replaced = find_replaced(observed, step.object);
		if (step.replaced)
			step.kind = STEP_REPLACE;
		step.behind = goes_behind(desired, observed, step.object);
		r = add_step(plan, step);
	}
	plan->n_additions = plan->n_steps;

	for (size_t i = observed->v ? observed->n : 0; i > 0 && r == 0; i--) {
		const struct object *object = &observed->v[i - 1];

		if (!contains(desired, object) && !is_replaced(desired, observed, object))
			r = add_step(plan, (struct step){ .kind = STEP_DELETE, .object = object });
	}
	return r;
}

/* True when the kernel may take `there` for it: it skips what a rule's name leaves out. */
static bool covers(const struct object *name, const struct object *there)
{
	return there->kind == OBJECT_RULE && name->family == there->family &&
	       name->pref == there->pref && (name->mark == 0 || name->mark == there->mark) &&
	       (name->prefix.len == 0 ||
		(name->to == there->to && prefix_cmp(name->prefix, there->prefix) == 0));
}

bool plan_may_hit_others(const struct plan *plan, const struct object_set *desired)
{
	for (size_t i = plan->n_additions; i < plan->n_steps; i++)
		for (size_t k = 0; k < desired->n && plan->steps[i].object->kind == OBJECT_RULE;
		     k++)
			if (covers(plan->steps[i].object, &desired->v[k]))
				return true;
	return false;
}

int plan_keep_addresses(const struct plan *plan, struct object_set *set)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_additions && r == 0; i++) {
		struct object object = *plan->steps[i].object;

		object.raw = object.text = NULL;
		if (object.kind == OBJECT_ADDRESS)
			r = object_set_add(set, object);
	}
	return r;
}
