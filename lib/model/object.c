// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses, routes and rules as plain values: order, sets, and ip(8) syntax.
// A set stays sorted by insertion, so that two sets compare in one walk.

#include "model/object.h"

#include "base/util.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define COMPARE(a, b)                                                                              \
	do {                                                                                       \
		if ((a) != (b))                                                                    \
			return (a) < (b) ? -1 : 1;                                                 \
	} while (0)

int object_cmp(const struct object *a, const struct object *b)
{
	int r;

	COMPARE(a->kind, b->kind);
	COMPARE(a->family, b->family);
	COMPARE(a->table, b->table);
	/* What drops comes last and goes first: what must not meet it is led past it before. */
	COMPARE(a->drops, b->drops);
	COMPARE(a->pref, b->pref);
	r = prefix_cmp(a->prefix, b->prefix);
	if (r != 0)
		return r;
	COMPARE(a->metric, b->metric);
	COMPARE(a->type, b->type);
	COMPARE(a->link.index, b->link.index);
	r = addr_cmp(a->via, b->via);
	if (r != 0)
		return r;
	r = addr_cmp(a->source, b->source);
	if (r != 0)
		return r;
	COMPARE(a->mark, b->mark);
	COMPARE(a->to, b->to);
	COMPARE(a->own, b->own);
	COMPARE(a->unmarked, b->unmarked);
	COMPARE(a->skip_to, b->skip_to);
	COMPARE(a->odd, b->odd);
	return 0;
}

bool object_same_route(const struct object *a, const struct object *b)
{
	return a->kind == OBJECT_ROUTE && b->kind == OBJECT_ROUTE && a->family == b->family &&
	       a->table == b->table && a->metric == b->metric &&
	       prefix_cmp(a->prefix, b->prefix) == 0;
}

uint8_t object_scope(const struct object *route)
{
	bool on_link = route->family == AF_INET && route->type == RTN_UNICAST && !route->via.family;

	return on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

int object_set_add(struct object_set *set, struct object object)
{
	size_t at = set->n;
	struct object *v;

	v = reallocarray(set->v, set->n + 1, sizeof(*v));
	if (!v) {
		free(object.raw);
		free(object.text);
		return -ENOMEM;
	}
	set->v = v;

	while (at > 0 && object_cmp(&v[at - 1], &object) > 0)
		at--;
	/* A desired object of two WANs is one; two odd ones are two. */
	if (at > 0 && !object.raw && object_cmp(&v[at - 1], &object) == 0)
		return 0;
	memmove(&v[at + 1], &v[at], (set->n - at) * sizeof(*v));
	v[at] = object;
	set->n++;
	return 0;
}

void object_set_done(struct object_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		free(set->v[i].raw);
		free(set->v[i].text);
	}
	free(set->v);
	*set = (struct object_set){};
}

static void print_route(const struct object *o, FILE *f)
{
	static const char *const types[] = {
		[RTN_LOCAL] = "local ",		[RTN_BROADCAST] = "broadcast ",
		[RTN_ANYCAST] = "anycast ",	[RTN_MULTICAST] = "multicast ",
		[RTN_BLACKHOLE] = "blackhole ", [RTN_UNREACHABLE] = "unreachable ",
		[RTN_PROHIBIT] = "prohibit ",	[RTN_THROW] = "throw ",
	};

	if (o->type < ARRAY_SIZE(types) && types[o->type])
		fputs(types[o->type], f);
	if (o->prefix.len == 0)
		fputs("default", f);
	else
		fputs(prefix_str(o->prefix).s, f);
	if (o->via.family)
		fprintf(f, " via %s%s", o->via.family == o->family ? "" : "inet6 ",
			addr_str(o->via).s);
	if (o->link.index)
		fprintf(f, " dev %s", o->link.name);
	fprintf(f, " table %u proto %d", o->table, RTPROT_MWAN);
	if (o->metric)
		fprintf(f, " metric %u", o->metric);
	if (o->source.family)
		fprintf(f, " src %s", addr_str(o->source).s);
	if (o->onlink)
		fputs(" onlink", f);
}

static void print_rule(const struct object *o, FILE *f)
{
	fprintf(f, "pref %u", o->pref);
	if (o->prefix.addr.family)
		fprintf(f, " %s %s", o->to ? "to" : "from", prefix_str(o->prefix).s);
	if (o->mark)
		fprintf(f, " fwmark %u", o->mark);
	if (o->unmarked)
		fputs(" fwmark 0/0xffffffff", f);
	if (o->own)
		fputs(" iif lo", f);
	if (o->drops)
		fputs(" blackhole", f);
	else if (o->skip_to)
		fprintf(f, " goto %u", o->skip_to);
	else if (o->table)
		fprintf(f, " lookup %u", o->table);
	else
		fputs(" nop", f);
	fprintf(f, " proto %d", RTPROT_MWAN);
}

void object_print(const struct object *o, bool add, FILE *f)
{
	if (o->text) {
		fputs(o->text, f);
		return;
	}
	switch (o->kind) {
	case OBJECT_ADDRESS:
		fprintf(f, "%s dev %s", prefix_str(o->prefix).s, o->link.name);
		if (add)
			fprintf(f, " proto %d%s", RTPROT_MWAN,
				o->family == AF_INET6 ? " nodad" : "");
		break;
	case OBJECT_ROUTE:
		print_route(o, f);
		break;
	case OBJECT_RULE:
		print_rule(o, f);
		break;
	}
}
