#include "object.h"

#include "util.h"

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
	COMPARE(a->mark, b->mark);
	COMPARE(a->odd, b->odd);
	return 0;
}

bool object_same_route(const struct object *a, const struct object *b)
{
	return a->kind == OBJECT_ROUTE && b->kind == OBJECT_ROUTE && a->family == b->family &&
	       a->table == b->table && a->metric == b->metric &&
	       prefix_cmp(a->prefix, b->prefix) == 0;
}

int object_set_add(struct object_set *set, struct object object)
{
	size_t at = set->n;
	struct object *v;

	v = reallocarray(set->v, set->n + 1, sizeof(*v));
	if (!v) {
		free(object.raw);
		return -ENOMEM;
	}
	set->v = v;

	while (at > 0 && object_cmp(&v[at - 1], &object) > 0)
		at--;
	/* A wanted object that two WANs ask for is one; two odd ones are two. */
	if (at > 0 && !object.raw && object_cmp(&v[at - 1], &object) == 0)
		return 0;
	memmove(&v[at + 1], &v[at], (set->n - at) * sizeof(*v));
	v[at] = object;
	set->n++;
	return 0;
}

void object_set_done(struct object_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->v[i].raw);
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
	if (o->onlink)
		fputs(" onlink", f);
}

void object_print(const struct object *o, FILE *f)
{
	switch (o->kind) {
	case OBJECT_ADDRESS:
		fprintf(f, "%s dev %s proto %d", prefix_str(o->prefix).s, o->link.name,
			RTPROT_MWAN);
		break;
	case OBJECT_ROUTE:
		print_route(o, f);
		break;
	case OBJECT_RULE:
		fprintf(f, "pref %u", o->pref);
		if (o->mark)
			fprintf(f, " fwmark %u", o->mark);
		if (o->prefix.addr.family)
			fprintf(f, " from %s", prefix_str(o->prefix).s);
		fprintf(f, " lookup %u proto %d", o->table, RTPROT_MWAN);
		break;
	}
}
