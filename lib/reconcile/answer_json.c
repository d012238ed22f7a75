// SPDX-License-Identifier: GPL-2.0-or-later
// What --explain answers, as JSON.
// Each part is packed into an object or array by a function of its own.

#include "reconcile/answer.h"

#include "base/json_memory.h"
#include "base/protocol.h"

#include <errno.h>
#include <jansson.h>

static const struct wan_conf *wan_of(const struct answer *answer, const struct explain_way *way)
{
	return &answer->site->config->wans[way->wan];
}

/* null for none. */
static json_t *addr_json(struct addr addr)
{
	return addr.family ? json_string(addr_str(addr).s) : json_null();
}

static json_t *ways_json(const struct answer *answer, const struct explanation *of)
{
	json_t *ways = json_array();

	for (size_t i = 0; i < of->n_ways; i++) {
		const struct explain_way *way = &of->ways[i];
		const struct wan_conf *wan = wan_of(answer, way);
		bool out = of->kind == EXPLAIN_OUT;

		json_array_append_new(ways,
				      json_pack("{s:s,s:o,s:I,s:I,s:f}", "wan", wan->name, "source",
						addr_json(way->source), "mark",
						(json_int_t)(out ? wan->mark : of->mark), "table",
						(json_int_t)(out ? wan->table : of->table), "share",
						(double)way->slots / SLOTS));
	}
	return ways;
}

static json_t *flow_json(const struct answer *answer, const struct known_flow *flow)
{
	const struct wan_conf *wan = answer_wan_of(answer, flow);
	const struct flow_tuple *there = &flow->there;
	json_t *json = json_pack(
		"{s:o,s:o,s:o,s:s,s:I,s:b,s:I}", "source", addr_json(there->source), "destination",
		addr_json(there->destination), "outside", addr_json(known_flow_outside(flow)),
		"protocol", protocol_str(there->protocol).s, "mark", (json_int_t)flow->mark,
		"answered", flow->answered, "timeout_s", (json_int_t)flow->timeout_s);

	json_object_set_new(json, "wan", wan ? json_string(wan->name) : json_null());
	if (protocol_has_ports(there->protocol)) {
		json_object_set_new(json, "sport", json_integer(there->sport));
		json_object_set_new(json, "dport", json_integer(there->dport));
	} else if (there->sport) {
		json_object_set_new(json, "id", json_integer(there->sport));
	}
	json_object_set_new(json, "zone", json_integer(flow->zone));
	json_object_set_new(json, "begin_s",
			    flow->begin_ns ? json_integer((json_int_t)(flow->begin_ns / 1000000000))
					   : json_null());
	return json;
}

static json_t *flows_json(const struct answer *answer)
{
	json_t *flows = json_array();

	for (size_t i = 0; i < answer->flows.n; i++)
		json_array_append_new(flows, flow_json(answer, &answer->flows.v[i]));
	return flows;
}

static json_t *why_json(const struct answer *answer)
{
	json_t *why = json_array();

	for (size_t i = 0; i < answer->now.why.n; i++)
		json_array_append_new(why, json_string(answer->now.why.v[i]));
	return why;
}

/* {"att": ["webpass"]}: by the WAN that is down, who takes the flow. */
static json_t *if_down_json(const struct answer *answer)
{
	json_t *if_down = json_object();

	for (size_t i = 0; i < answer->n_ifs; i++) {
		const struct what_if *it = &answer->ifs[i];
		json_t *names = json_array();

		for (size_t k = 0; k < it->then.n_ways; k++)
			json_array_append_new(names,
					      json_string(wan_of(answer, &it->then.ways[k])->name));
		json_object_set_new(if_down, answer->site->config->wans[it->wan].name, names);
	}
	return if_down;
}

/* The members that scripts ask for; null where the flow has none, or may have several. */
static void set_first(const struct answer *answer, json_t *json)
{
	const struct explanation *now = &answer->now;
	const struct wan_conf *wan = now->n_ways == 1 ? wan_of(answer, &now->ways[0]) : NULL;
	struct addr source = wan ? now->ways[0].source : now->source;
	uint32_t mark = now->kind == EXPLAIN_OUT && wan ? wan->mark : now->mark;
	uint32_t table = now->kind == EXPLAIN_OUT && wan ? wan->table : now->table;

	if (answer->one) {
		wan = answer_wan_of(answer, answer->one);
		source = known_flow_outside(answer->one);
		mark = answer->one->mark;
		table = wan ? wan->table : 0;
	}
	json_object_set_new(json, "wan", wan ? json_string(wan->name) : json_null());
	json_object_set_new(json, "source", addr_json(source));
	json_object_set_new(json, "rule", now->rule ? json_string(now->rule->name) : json_null());
	json_object_set_new(json, "mark",
			    now->n_ways > 1 && !answer->one ? json_null() : json_integer(mark));
	json_object_set_new(json, "table", table ? json_integer(table) : json_null());
}

int answer_print_json(const struct answer *answer, FILE *f)
{
	const struct explanation *now = &answer->now;
	json_t *json;
	int r;

	json_memory_watch();
	json = json_object();
	set_first(answer, json);
	json_object_set_new(json, "kind", json_string(explain_kind_name(now->kind)));
	json_object_set_new(json, "exists", json_boolean(answer->one));
	json_object_set_new(json, "inside", addr_json(now->inside));
	json_object_set_new(json, "number", now->drawn ? json_integer(now->number) : json_null());
	json_object_set_new(json, "ways", ways_json(answer, now));
	json_object_set_new(json, "why", why_json(answer));
	json_object_set_new(json, "if_down", if_down_json(answer));
	json_object_set_new(json, "flows", flows_json(answer));
	json_object_set_new(json, "due", json_boolean(answer->due));
	if (*answer->flaw)
		json_object_set_new(json, "flaw", json_string(answer->flaw));
	if (answer->stopped)
		json_object_set_new(json, "stopped", json_string(answer->stopped));
	r = json_memory_lacked() ? -1
				 : json_dumpf(json, f, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
	if (r == 0)
		fputc('\n', f);
	json_decref(json);
	return r == 0 ? 0 : -ENOMEM;
}
