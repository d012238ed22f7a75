// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes dumps of links, addresses, routes, rules, nexthop objects and neighbours.
// The input is what the kernel holds; a run looks at it, and plans to bring it to what is desired.

#include "nlbag.h"

#include "config/load.h"
#include "kernel/claims.h"
#include "kernel/neighbours.h"
#include "kernel/observe_facts.h"
#include "kernel/observe_net.h"
#include "kernel/router6.h"
#include "plan/desired.h"
#include "plan/hairpin.h"
#include "plan/plan.h"
#include "plan/select.h"

#include <string.h>

static void look_at_neighbours(const struct config *config, unsigned ifindex)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	const struct neighbour *machine;

	if (observe_neighbours(nlbag_socket(), ifindex, &neighbours) < 0)
		return;
	machine = router6_machine(config, &neighbours);
	FUZZ_CHECK(!machine || addr_cmp(machine->addr, config->lan.router4) == 0 ||
		   addr_cmp(machine->addr, config->lan.router6) == 0);
	router6_linklocal(&neighbours, machine);
	for (size_t i = 0; i < neighbours.n; i++)
		neighbour_is_shared(&neighbours.v[i]);
}

static void look_at_claims(const struct config *config)
{
	_cleanup_(claims_done) struct claims claims = {};

	if (observe_claims(nlbag_socket(), config, &claims) < 0)
		return;
	for (size_t i = 0; i < claims.n; i++)
		FUZZ_CHECK(claims_find(&claims, claims.v[i].ifindex, claims.v[i].addr));
}

static void plan(const struct site *site, const struct object_set *observed)
{
	_cleanup_(desired_done) struct desired desired = {};
	_cleanup_(plan_done) struct plan plan = {};

	FUZZ_CHECK(desired_make(site, &desired) == 0);
	FUZZ_CHECK(plan_net(&desired.objects, observed, &plan) == 0);
	plan_print(&plan, fuzz_sink());
}

static void look(const struct config *config)
{
	_cleanup_(object_set_done) struct object_set observed = {};
	struct site site = { .config = config };
	struct fault fault = {};

	look_at_claims(config);
	if (observe_facts(nlbag_socket(), config, NULL, &site.facts, &fault) < 0)
		return;
	look_at_neighbours(config, site.facts.lan.link.index);
	FUZZ_CHECK(npt_state_new(config->n_wans, &site.npt) == 0 &&
		   verdicts_new(config->n_wans, &site.verdicts) == 0 &&
		   selections_make(&site) == 0 && hairpins_make(&site) == 0);
	if (observe_net(nlbag_socket(), &site.facts, &observed, &fault) == 0)
		plan(&site, &observed);
	site_done(&site);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;

	if (!config.path)
		FUZZ_CHECK(fuzz_config(fuzz_usual_config, &config) == 0);
	nlbag_fill(data, size);
	look(&config);
	return 0;
}
