// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes mwan.conf and the @FILEs of its rules, and all that is decided by them.
// A line "== NAME" ends mwan.conf; what follows is a file of that name.

#include "fuzz.h"

#include "config/load.h"
#include "plan/desired.h"
#include "plan/explain.h"
#include "plan/plan.h"

#include <string.h>

static void check_selection(const struct site *site, const struct selection *selection)
{
	unsigned next = 0, sum = 0;

	for (size_t i = 0; i < selection->n_ranges; i++) {
		FUZZ_CHECK(selection->ranges[i].first == next);
		next = selection->ranges[i].last + 1;
	}
	FUZZ_CHECK(selection->n_ranges == 0 || next == SLOTS);
	for (size_t i = 0; i < site->config->n_wans; i++) {
		FUZZ_CHECK(selection->eligible[i] || selection->slots[i] == 0);
		sum += selection->slots[i];
	}
	FUZZ_CHECK(sum == (selection->n_ranges ? SLOTS : 0));
}

static void check_explained(const struct site *site, struct flow_query query)
{
	_cleanup_(explanation_done) struct explanation it = {};
	unsigned slots = 0;

	FUZZ_CHECK(explain(site, &query, &it) == 0 && it.why.n > 0);
	for (size_t i = 0; i < it.n_ways; i++)
		slots += it.ways[i].slots;
	FUZZ_CHECK(it.kind != EXPLAIN_OUT || (it.n_ways > 0 && slots == SLOTS));
}

static void explain_some(const struct site *site)
{
	static const char *const addrs[][2] = {
		{ "10.250.250.2", "192.0.2.25" },
		{ "203.0.113.20", "198.51.100.1" },
		{ "192.0.2.9", "104.57.226.193" },
		{ "fd06:bad:b01:1::5", "2001:db8:aaaa::25" },
		{ "2001:db8:aaaa::1", "2001:db8:ff00::1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		struct flow_query query = {
			.flow = { .protocol = IPPROTO_UDP, .sport = 4000, .dport = 5060 }
		};

		addr_parse(addrs[i][0], AF_UNSPEC, &query.flow.source);
		addr_parse(addrs[i][1], AF_UNSPEC, &query.flow.destination);
		query.flow.family = family_of_af(query.flow.source.family);
		check_explained(site, query);
		query.has_protocol = query.has_sport = query.has_dport = true;
		check_explained(site, query);
	}
}

static void decide(const struct config *config)
{
	_cleanup_(object_set_done) struct object_set none = {};
	_cleanup_(desired_done) struct desired desired = {};
	_cleanup_(plan_done) struct plan plan = {};
	_cleanup_(site_done) struct site site = {};

	fuzz_site(config, &site);
	for (size_t i = 0; i < site.selections.n; i++)
		check_selection(&site, &site.selections.v[i]);
	FUZZ_CHECK(desired_make(&site, &desired) == 0);
	FUZZ_CHECK(plan_net(&desired.objects, &none, &plan) == 0);
	plan_print(&plan, fuzz_sink());
	explain_some(&site);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_text(data, size);
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	int r;

	fuzz_split(text, "mwan.conf");
	r = config_load("/etc/mwan/mwan.conf", &config, &fault);
	if (r == 0)
		decide(&config);
	else /* names the file and the line */
		FUZZ_CHECK(r == -EINVAL && strncmp(fault.text, "/etc/mwan/mwan.conf:", 20) == 0);
	return 0;
}
