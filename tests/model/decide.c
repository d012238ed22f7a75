// SPDX-License-Identifier: GPL-2.0-or-later
// What the pure stages decide for the flows of a site, for tests/model/compare, which knows better.
// A line of standard input is a site with its flows, as JSON; a line of output has the answers.

#include "config/load.h"
#include "config/match.h"
#include "plan/explain.h"
#include "plan/hairpin.h"
#include "plan/select.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "decide: %s\n", what);
	exit(1);
}

static const char *text_of(json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static struct addr addr_of(json_t *object, const char *key)
{
	const char *text = text_of(object, key);
	struct addr addr = {};

	if (text && addr_parse(text, AF_UNSPEC, &addr) < 0)
		die(text);
	return addr;
}

static struct prefix prefix_of(json_t *object, const char *key)
{
	const char *text = text_of(object, key);
	struct prefix prefix = {};

	if (text && prefix_parse(text, AF_UNSPEC, &prefix) < 0)
		die(text);
	return prefix;
}

static bool is_set(json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* ---- the site ---- */

static int load(const char *text, struct config *ret, struct fault *fault)
{
	int fd = memfd_create("mwan.conf", MFD_CLOEXEC), r;
	char path[64];

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("no memory for mwan.conf");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = config_load(path, ret, fault);
	close(fd);
	return r;
}

static void add_address(struct link_fact *link, struct prefix address)
{
	enum family family = family_of_af(address.addr.family);

	if (!address.addr.family)
		return;
	if (APPEND(link->addresses, link->n_addresses, address) < 0)
		die("no memory");
	link->source[family] = address.addr;
}

static void make_link(struct link_fact *link, unsigned index, const char *name)
{
	link->link.index = index;
	snprintf(link->link.name, sizeof(link->link.name), "%s", name);
	link->up = link->inet6 = true;
	link->mtu[IPV4] = link->mtu[IPV6] = 1500;
}

static void set_family(struct site *site, size_t i, enum family family, json_t *json)
{
	struct addr gateway = addr_of(json, "gateway");
	struct aside *aside = &site->verdicts.aside[i][family];

	site->facts.wans[i].gateway[family] =
		(struct gateway_fact){ .present = gateway.family != 0, .via = gateway };
	add_address(&site->facts.wans[i].link, prefix_of(json, "address"));
	site->verdicts.v[i][family] = is_set(json, "down") ? VERDICT_DOWN : VERDICT_UP;
	aside->held = is_set(json, "held");
	aside->drained = is_set(json, "drained");
}

static void make_wan(struct site *site, size_t i, json_t *json)
{
	struct wan_facts *wan = &site->facts.wans[i];
	struct prefix delegated = prefix_of(json, "delegated");
	struct fault ignored = {};

	make_link(&wan->link, 20 + i, site->config->wans[i].interface);
	wan->link.carrier = is_set(json, "carrier");
	set_family(site, i, IPV4, json_object_get(json, "ipv4"));
	set_family(site, i, IPV6, json_object_get(json, "ipv6"));
	/* A run refuses what can't be used, as if none had come. */
	if (delegated.len > 0 && npt_check(site->config, i, delegated, &ignored) == 0)
		site->npt.delegated[i] = delegated;
}

static void make_site(const struct config *config, json_t *json, struct site *ret)
{
	struct site site = { .config = config };
	size_t n = config->n_wans;

	if (facts_new(config, &site.facts) < 0 || npt_state_new(n, &site.npt) < 0 ||
	    verdicts_new(n, &site.verdicts) < 0)
		die("no memory");
	make_link(&site.facts.lan, 10, config->lan.interface);
	site.facts.lan.carrier = true;
	add_address(&site.facts.lan, prefix_of(json, "lan4"));
	add_address(&site.facts.lan, prefix_of(json, "lan6"));
	site.facts.router4 = site.facts.router6 = PRESENCE_SEEN;
	if (addr_parse("fe80::2", AF_INET6, &site.facts.router6_linklocal) < 0)
		die("fe80::2");
	for (size_t i = 0; i < n; i++)
		make_wan(&site, i,
			 json_object_get(json_object_get(json, "wans"), config->wans[i].name));
	for (size_t i = 0; i < config->n_directs; i++) {
		struct direct_fact *direct = &site.facts.directs[i];

		direct->link.index = 300 + i;
		snprintf(direct->link.name, sizeof(direct->link.name), "%s",
			 config->directs[i].interface);
		direct->takes[IPV4] = direct->takes[IPV6] = true;
	}
	if (selections_make(&site) < 0 || hairpins_make(&site) < 0)
		die("no memory");
	*ret = site;
}

/* ---- the answers ---- */

static bool read_port(json_t *flow, const char *key, uint16_t *ret)
{
	json_t *port = json_object_get(flow, key);

	*ret = (uint16_t)json_integer_value(port);
	return json_is_integer(port);
}

static struct flow_query query_of(json_t *json)
{
	struct flow_query query = { .flow = { .source = addr_of(json, "source"),
					      .destination = addr_of(json, "destination") } };

	query.flow.family = family_of_af(query.flow.source.family);
	query.flow.protocol = (uint8_t)json_integer_value(json_object_get(json, "protocol"));
	query.flow.dscp = (uint8_t)json_integer_value(json_object_get(json, "dscp"));
	query.has_protocol = true;
	query.has_sport = read_port(json, "sport", &query.flow.sport);
	query.has_dport = read_port(json, "dport", &query.flow.dport);
	return query;
}

static json_t *way_json(const struct site *site, const struct explain_way *way)
{
	const struct wan_conf *wan = &site->config->wans[way->wan];

	return json_pack("{s:s, s:i, s:i, s:i, s:s}", "wan", wan->name, "mark", (int)wan->mark,
			 "table", (int)wan->table, "slots", (int)way->slots, "source",
			 addr_str(way->source).s);
}

static json_t *answer(const struct site *site, json_t *flow)
{
	_cleanup_(explanation_done) struct explanation it = {};
	struct flow_query query = query_of(flow);
	json_t *ways = json_array(), *json;
	const struct rule_conf *match;

	if (explain(site, &query, &it) < 0)
		die("no memory");
	for (size_t i = 0; i < it.n_ways; i++)
		json_array_append_new(ways, way_json(site, &it.ways[i]));
	json = json_pack("{s:s, s:s?, s:o, s:s, s:s, s:b}", "kind", explain_kind_name(it.kind),
			 "rule", it.rule ? it.rule->name : NULL, "ways", ways, "inside",
			 addr_str(it.inside).s, "turned", addr_str(it.source).s, "drawn", it.drawn);
	if (it.why.n > 0)
		json_object_set_new(json, "why", json_string(it.why.v[0]));
	match = rule_match(site->config, &query.flow);
	json_object_set_new(json, "match", match ? json_string(match->name) : json_null());
	return json;
}

static json_t *decide(json_t *json)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(site_done) struct site site = {};
	json_t *answers = json_array(), *flow;
	struct fault fault = {};
	size_t i;

	if (load(text_of(json, "conf"), &config, &fault) < 0) {
		json_decref(answers);
		return json_pack("{s:s}", "error", fault.text);
	}
	make_site(&config, json, &site);
	json_array_foreach(json_object_get(json, "flows"), i, flow)
		json_array_append_new(answers, answer(&site, flow));
	return json_pack("{s:o}", "flows", answers);
}

int main(void)
{
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) >= 0) {
		json_t *json = json_loads(line, 0, NULL), *answers;

		if (!json)
			die("this is no JSON");
		answers = decide(json);
		json_dumpf(answers, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(answers);
		json_decref(json);
	}
	return 0;
}
