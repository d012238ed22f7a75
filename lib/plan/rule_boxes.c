// SPDX-License-Identifier: GPL-2.0-or-later
// Rules as boxes: all combinations of the ranges of their fields.
// A box minus another one leaves at most two slices in each field.

#include "plan/rule_boxes.h"

#include "base/util.h"

void rule_boxes_done(struct rule_boxes *boxes)
{
	free(boxes->v);
	*boxes = (struct rule_boxes){};
}

/* The first field of the set that is `from` or a later one; N_RULE_FIELDS: none. */
static enum rule_field next_field(rule_fields fields, unsigned from)
{
	while (from < N_RULE_FIELDS && !(fields & RULE_BIT(from)))
		from++;
	return (enum rule_field)from;
}

#define EACH_FIELD(field, fields)                                                                  \
	enum rule_field field = next_field(fields, 0);                                             \
	(field) < N_RULE_FIELDS;                                                                   \
	(field) = next_field(fields, (field) + 1)

/* What the rule matches in the field: all values, if it doesn't ask for it. */
static const struct ranges *values_of(const struct rule_conf *rule, enum family family,
				      enum rule_field field)
{
	static struct range address4 = { { 0, 0 }, { 0, UINT32_MAX } };
	static struct range address6 = { { 0, 0 }, { UINT64_MAX, UINT64_MAX } };
	static struct range protocol = { { 0, 0 }, { 0, UINT8_MAX } };
	static struct range port = { { 0, 0 }, { 0, UINT16_MAX } };
	static struct range class = { { 0, 0 }, { 0, 63 } };
	static const struct ranges all[N_FAMILIES][N_RULE_FIELDS] = {
		{ { &address4, 1 },
		  { &address4, 1 },
		  { &protocol, 1 },
		  { &port, 1 },
		  { &port, 1 },
		  { &class, 1 } },
		{ { &address6, 1 },
		  { &address6, 1 },
		  { &protocol, 1 },
		  { &port, 1 },
		  { &port, 1 },
		  { &class, 1 } },
	};
	const struct ranges *own = &rule->fields[family][field];

	return own->n > 0 ? own : &all[family][field];
}

size_t rule_boxes_count(const struct rule_conf *rule, enum family family, rule_fields fields)
{
	size_t n = 1;

	for (EACH_FIELD(field, fields))
		if (__builtin_mul_overflow(n, values_of(rule, family, field)->n, &n))
			return SIZE_MAX;
	return n;
}

int rule_boxes_make(const struct config *config, size_t rule, enum family family,
		    rule_fields fields, struct rule_boxes *ret)
{
	const struct rule_conf *of = &config->rules[rule];
	size_t n = rule_boxes_count(of, family, fields);

	ret->v = calloc(n, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (ret->n = 0; ret->n < n; ret->n++) {
		size_t rest = ret->n;

		ret->v[ret->n].rule = rule;
		for (EACH_FIELD(field, fields)) {
			const struct ranges *values = values_of(of, family, field);

			ret->v[ret->n].v[field] = values->v[rest % values->n];
			rest /= values->n;
		}
	}
	return 0;
}

static struct point before(struct point point)
{
	point.high -= point.low == 0;
	point.low--;
	return point;
}

static struct point after(struct point point)
{
	point.low++;
	point.high += point.low == 0;
	return point;
}

static bool overlap(const struct rule_box *a, const struct rule_box *b, rule_fields fields)
{
	for (EACH_FIELD(field, fields))
		if (point_cmp(a->v[field].last, b->v[field].first) < 0 ||
		    point_cmp(b->v[field].last, a->v[field].first) < 0)
			return false;
	return true;
}

/* Adds what is left of the box without the hole, which overlaps it. 0 or -ENOMEM. */
static int cut(struct rule_box box, const struct rule_box *hole, rule_fields fields,
	       struct rule_boxes *ret)
{
	for (EACH_FIELD(field, fields)) {
		struct range *of = &box.v[field];
		struct rule_box slice = box;

		if (point_cmp(of->first, hole->v[field].first) < 0) {
			slice.v[field].last = before(hole->v[field].first);
			if (APPEND(ret->v, ret->n, slice) < 0)
				return -ENOMEM;
			of->first = hole->v[field].first;
		}
		slice = box;
		if (point_cmp(hole->v[field].last, of->last) < 0) {
			slice.v[field].first = after(hole->v[field].last);
			if (APPEND(ret->v, ret->n, slice) < 0)
				return -ENOMEM;
			of->last = hole->v[field].last;
		}
	}
	return 0;
}

/* The ranges that overlap the one given: *n of them, from the one returned on. */
static const struct range *overlapping(const struct ranges *ranges, const struct range *with,
				       size_t *n)
{
	size_t first = ranges_find(ranges, 0, with->first);
	size_t end = ranges_find(ranges, first, with->last);

	end += end < ranges->n && point_cmp(ranges->v[end].first, with->last) <= 0;
	*n = end - first;
	return ranges->v + first;
}

/* Takes one hole out of pieces. 0, -E2BIG or -ENOMEM. */
static int cut_all(struct rule_boxes *pieces, const struct rule_box *hole, rule_fields fields,
		   size_t most)
{
	_cleanup_(rule_boxes_done) struct rule_boxes left = {};
	int r = 0;

	for (size_t i = 0; i < pieces->n && r == 0; i++) {
		if (overlap(&pieces->v[i], hole, fields))
			r = cut(pieces->v[i], hole, fields, &left);
		else
			r = APPEND(left.v, left.n, pieces->v[i]);
		if (r == 0 && left.n > most)
			r = -E2BIG;
	}
	if (r < 0)
		return r;
	rule_boxes_done(pieces);
	*pieces = TAKE(left);
	return 0;
}

/* Adds what is left of one box without the rule. 0, -E2BIG or -ENOMEM. */
static int subtract_from(const struct rule_box *box, const struct rule_conf *of, enum family family,
			 rule_fields fields, size_t most, struct rule_boxes *ret)
{
	_cleanup_(rule_boxes_done) struct rule_boxes pieces = {};
	const struct range *holes[N_RULE_FIELDS];
	size_t counts[N_RULE_FIELDS], n = 1;
	int r = APPEND(pieces.v, pieces.n, *box);

	for (EACH_FIELD(field, fields)) {
		holes[field] =
			overlapping(values_of(of, family, field), &box->v[field], &counts[field]);
		if (__builtin_mul_overflow(n, counts[field], &n))
			return -E2BIG;
	}
	if (n > most)
		return -E2BIG;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct rule_box hole = {};
		size_t rest = i;

		for (EACH_FIELD(field, fields)) {
			hole.v[field] = holes[field][rest % counts[field]];
			rest /= counts[field];
		}
		r = cut_all(&pieces, &hole, fields, most);
	}
	for (size_t i = 0; i < pieces.n && r == 0; i++)
		r = APPEND(ret->v, ret->n, pieces.v[i]);
	return r == 0 && ret->n > most ? -E2BIG : r;
}

int rule_boxes_subtract(struct rule_boxes *boxes, const struct rule_conf *earlier,
			enum family family, rule_fields fields, size_t most)
{
	_cleanup_(rule_boxes_done) struct rule_boxes left = {};
	int r = 0;

	for (size_t i = 0; i < boxes->n && r == 0; i++)
		r = subtract_from(&boxes->v[i], earlier, family, fields, most, &left);
	if (r < 0)
		return r;
	rule_boxes_done(boxes);
	*boxes = TAKE(left);
	return 0;
}
