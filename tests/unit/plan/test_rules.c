// SPDX-License-Identifier: GPL-2.0-or-later
// Rules as maps: whatever they ask for, a look-up finds the first rule that matches.
// Random rules over few values overlap in every way; a model of the kernel looks flows up.

#include "scene.h"
#include "suite.h"

/* It has a macro of a name that scene.h has, too. */
#include "config/written.h"

#include "base/fileio.h"
#include "base/util.h"
#include "config/match.h"
#include "plan/rule_maps.h"

#include <string.h>

#define SITE                                                                                       \
	LAN "prefix6 = 3d06:bad:b01::/60\n" ATT "nat4 = masquerade\n"                              \
	    "[wan webpass]\ninterface = wan1\nmark = 2\ntable = 200\nnat4 = masquerade\n"

static unsigned seed;

static unsigned draw(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return seed >> 16 & 0x7fff ? (seed >> 16 & 0x7fff) % n : 0;
}

/* ---- what the kernel does with the maps ---- */

static bool is_in(const struct range *range, struct point point)
{
	return point_cmp(range->first, point) <= 0 && point_cmp(point, range->last) <= 0;
}

/* The rule of the map's box that the flow is in; n_rules: of none. */
static size_t look_up(const struct config *config, const struct rule_map *map,
		      const struct point *flow, size_t found)
{
	size_t ret = config->n_rules;

	for (unsigned field = 0; field < N_RULE_FIELDS; field++)
		if (map->guards & RULE_BIT(field) &&
		    !ranges_have(&config->rules[map->first].fields[map->family][field],
				 flow[field]))
			return ret;
	for (size_t i = 0; i < map->boxes.n; i++) {
		const struct rule_box *box = &map->boxes.v[i];
		bool in = !map->ranked || rule_rank(box->rule) < rule_rank(found);

		for (unsigned field = 0; field < N_RULE_FIELDS; field++)
			if (map->keys & RULE_BIT(field))
				in = in && is_in(&box->v[field], flow[field]);
		if (!in)
			continue;
		/* A map has no two elements for one packet, whatever its rank. */
		ck_assert_uint_eq(ret, config->n_rules);
		ret = box->rule;
	}
	return ret;
}

static size_t find(const struct config *config, const struct rule_maps *maps,
		   const struct flow *flow)
{
	const struct point point[N_RULE_FIELDS] = {
		point_of_addr(flow->source),	 point_of_addr(flow->destination),
		point_of_number(flow->protocol), point_of_number(flow->sport),
		point_of_number(flow->dport),	 point_of_number(flow->dscp),
	};
	size_t found = config->n_rules;

	for (size_t i = 0; i < maps->n; i++) {
		const struct rule_map *map = &maps->v[i];
		bool begins = i == 0 || map[-1].block != map->block;
		size_t rule;

		if (begins && found < config->n_rules)
			break;
		if (map->family != flow->family)
			continue;
		ck_assert(map->ranked != begins);
		rule = look_up(config, map, point, found);
		if (rule < config->n_rules)
			found = rule;
	}
	return found;
}

/* ---- random rules and flows ---- */

static void write_list(FILE *f, const char *key, const char *const *values, unsigned n)
{
	unsigned first = draw(n), count = 1 + draw(3);

	fprintf(f, "%s = ", key);
	for (unsigned i = 0; i < count; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "", values[(first + i * 3) % n]);
	fputc('\n', f);
}

static const char *const sources[] = { "10.250.250.2",	      "10.250.250.3",
				       "10.250.250.4/31",     "3d06:bad:b01::2",
				       "3d06:bad:b01:1::/64", "10.250.250.0/30",
				       "3d06:bad:b01::/63",   "10.250.250.6" };
static const char *const destinations[] = { "192.0.2.0/30",   "192.0.2.1",   "192.0.2.4",
					    "2001:db8::/126", "2001:db8::1", "192.0.2.0/29",
					    "2001:db8::2/127" };
static const char *const protocols[] = { "tcp", "udp", "icmp", "esp" };
static const char *const ports[] = { "1", "2-3", "2", "1-4", "5-6", "4-5" };
static const char *const classes[] = { "1", "2", "3" };

static void write_rule(FILE *f, unsigned number)
{
	unsigned asks = draw(64), keys;
	/* Few kinds, so that many rules share a map. */
	unsigned few = draw(3);

	asks = few == 0 ? 2 : few == 1 ? 20 : asks;
	keys = asks & 24;
	fprintf(f, "[rule r%u]\nwans = %s\n", number, draw(2) ? "att" : "webpass");
	if (asks & 1)
		write_list(f, "source", sources, ARRAY_SIZE(sources));
	if (asks & 2)
		write_list(f, "destination", destinations, ARRAY_SIZE(destinations));
	if (asks & 4)
		write_list(f, "protocol", protocols, keys ? 2 : ARRAY_SIZE(protocols));
	if (asks & 8)
		write_list(f, "sport", ports, ARRAY_SIZE(ports));
	if (asks & 16)
		write_list(f, "dport", ports, ARRAY_SIZE(ports));
	if (asks & 32)
		write_list(f, "dscp", classes, ARRAY_SIZE(classes));
}

/* A site with so many rules, without those that can never match. */
static void random_site(unsigned n, struct config *ret)
{
	unsigned begin = seed;
	bool *gone = calloc(n, sizeof(*gone));

	ck_assert_ptr_nonnull(gone);
	for (unsigned tries = 0; tries <= n; tries++) {
		struct memory text = {};
		_cleanup_(freep) char *all = NULL;
		struct fault fault = {};
		unsigned hidden;
		const char *at;

		seed = begin;
		ck_assert_int_eq(memory_open(&text), 0);
		fputs(SITE, text.f);
		for (unsigned i = 0; i < n; i++) {
			_cleanup_(freep) char *rule = NULL;
			struct memory one = {};

			ck_assert_int_eq(memory_open(&one), 0);
			write_rule(one.f, i);
			ck_assert_int_eq(memory_close(&one, &rule), 0);
			if (!gone[i])
				fputs(rule, text.f);
		}
		ck_assert_int_eq(memory_close(&text, &all), 0);
		if (load_bytes(all, strlen(all), ret, &fault) == 0)
			break;
		at = strstr(fault.text, "[rule r");
		ck_assert_msg(at != NULL, "%s", fault.text);
		hidden = strtoul(at + strlen("[rule r"), NULL, 10);
		ck_assert_msg(strstr(fault.text, "never matches"), "%s", fault.text);
		gone[hidden] = true;
	}
	free(gone);
}

/* The slow way to find out what the check of a configuration finds out. */
static bool hides(const struct rule_conf *a, const struct rule_conf *b,
		  const struct ranges inside[N_FAMILIES])
{
	for (enum family family = 0; family < N_FAMILIES; family++) {
		if (b->has[family] && !a->has[family])
			return false;
		for (unsigned field = 0; field < N_RULE_FIELDS; field++) {
			const struct ranges *of_a = &a->fields[family][field];
			const struct ranges *of_b = &b->fields[family][field];

			if (of_b->n == 0 && field == RULE_SOURCE)
				of_b = &inside[family];
			if (b->has[family] && of_a->n > 0 &&
			    (of_b->n == 0 || !ranges_contain(of_a, of_b)))
				return false;
		}
	}
	return true;
}

static void expect_none_hidden(const struct config *config)
{
	struct range inside4 = range_of_prefix(config->lan.prefix4);
	struct range inside6 = range_of_prefix(config->lan.prefix6);
	const struct ranges inside[] = { [IPV4] = { &inside4, 1 }, [IPV6] = { &inside6, 1 } };

	for (size_t i = 0; i < config->n_rules; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert(!hides(&config->rules[j], &config->rules[i], inside));
}

static struct flow random_flow(void)
{
	static const uint8_t numbers[] = { 6, 17, 50, 1, 58, 47 };
	struct flow flow = { .family = draw(2) ? IPV6 : IPV4, .dscp = (uint8_t)draw(4) };
	char text[64];

	flow.protocol = numbers[draw(ARRAY_SIZE(numbers))];
	if (protocol_has_ports(flow.protocol)) {
		flow.sport = (uint16_t)(1 + draw(7));
		flow.dport = (uint16_t)(1 + draw(7));
	}
	snprintf(text, sizeof(text), flow.family == IPV4 ? "10.250.250.%u" : "3d06:bad:b01:%u::2",
		 flow.family == IPV4 ? 1 + draw(6) : draw(3));
	flow.source = an_addr(text);
	snprintf(text, sizeof(text), flow.family == IPV4 ? "192.0.2.%u" : "2001:db8::%u", draw(9));
	flow.destination = an_addr(text);
	return flow;
}

START_TEST(a_look_up_finds_the_first_rule_that_matches)
{
	size_t n_found = 0, n_blocks = 0, n_joined = 0;

	for (unsigned round = 0; round < 150; round++) {
		_cleanup_(config_done) struct config config = {};
		_cleanup_(rule_maps_done) struct rule_maps maps = {};

		seed = round;
		random_site(5 + draw(30), &config);
		expect_none_hidden(&config);
		ck_assert_int_eq(rule_maps_make(&config, &maps), 0);
		for (size_t i = 0; i < maps.n; i++) {
			n_blocks += rule_map_shares_block(&maps, &maps.v[i]);
			n_joined += maps.v[i].first != maps.v[i].last;
			for (size_t j = 0; j < i; j++)
				ck_assert_str_ne(maps.v[i].name, maps.v[j].name);
		}
		for (unsigned i = 0; i < 400; i++) {
			struct flow flow = random_flow();
			const struct rule_conf *rule = rule_match(&config, &flow);
			size_t found = find(&config, &maps, &flow);

			n_found += found < config.n_rules;
			ck_assert_uint_eq(found,
					  rule ? (size_t)(rule - config.rules) : config.n_rules);
		}
	}
	/* The rules were worth it. */
	ck_assert_uint_gt(n_found, 10000);
	ck_assert_uint_gt(n_blocks, 100);
	ck_assert_uint_gt(n_joined, 100);
}
END_TEST

/* The maps of both families for these rules, each with how many boxes it has. */
static void expect_maps(const char *rules, const char *expected)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(rule_maps_done) struct rule_maps maps = {};
	_cleanup_(freep) char *text = NULL;
	char seen[1024] = "";

	ck_assert_int_gt(asprintf(&text, SITE "%s", rules), 0);
	config = load_text(text);
	ck_assert_int_eq(rule_maps_make(&config, &maps), 0);
	for (size_t i = 0; i < maps.n; i++)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%.*s %zu\n",
			 (int)strcspn(maps.v[i].name, "."), maps.v[i].name, maps.v[i].boxes.n);
	ck_assert_str_eq(seen, expected);
}

START_TEST(rules_of_one_kind_share_a_map)
{
	expect_maps("[rule a]\nprotocol = tcp\ndport = 80\nwans = att\n"
		    "[rule b]\nprotocol = udp\ndport = 80, 1-10\nwans = webpass\n"
		    "[rule c]\ndport = 1-100\nwans = att\n",
		    "rules4_l4proto_dport 7\nrules6_l4proto_dport 7\n");
}
END_TEST

START_TEST(kinds_that_alternate_cost_one_look_up_each)
{
	struct memory text = {};
	_cleanup_(freep) char *rules = NULL;

	ck_assert_int_eq(memory_open(&text), 0);
	for (unsigned i = 0; i < 500; i++)
		fprintf(text.f,
			"[rule p%u]\nprotocol = tcp\ndport = %u\nwans = att\n"
			"[rule d%u]\ndestination = 198.51.%u.%u\nwans = webpass\n",
			i, i + 1, i, i / 250, i % 250);
	ck_assert_int_eq(memory_close(&text, &rules), 0);
	expect_maps(
		rules,
		"ranks4_l4proto_dport 500\nranked4_daddr_l4proto 500\nrules6_l4proto_dport 500\n");
}
END_TEST

START_TEST(long_lists_are_not_multiplied)
{
	struct memory text = {};
	_cleanup_(freep) char *rules = NULL;

	ck_assert_int_eq(memory_open(&text), 0);
	fputs("[rule a]\nwans = att\nsource = 10.250.250.1, 10.250.250.3\ndestination =", text.f);
	for (unsigned i = 0; i < 1000; i++)
		fprintf(text.f, "\n\t198.51.%u.%u,", i / 250, i % 250);
	fputs("\ndport =", text.f);
	for (unsigned i = 0; i < 20; i++)
		fprintf(text.f, " %u", 2 * i + 1);
	fputc('\n', text.f);
	ck_assert_int_eq(memory_close(&text, &rules), 0);
	expect_maps(rules, "rules4_daddr 1000\n");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("rules");

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, a_look_up_finds_the_first_rule_that_matches);
	tcase_add_test(tcase, rules_of_one_kind_share_a_map);
	tcase_add_test(tcase, kinds_that_alternate_cost_one_look_up_each);
	tcase_add_test(tcase, long_lists_are_not_multiplied);

	return run_case(tcase, "rules");
}
