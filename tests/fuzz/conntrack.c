// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes dumps of conntrack's flows and of nftables' counters.
// The input is what the kernel holds; flows are audited, released, counted, found and measured.

#include "nlbag.h"

#include "config/load.h"
#include "kernel/conntrack.h"
#include "kernel/known_flows.h"
#include "kernel/nft.h"
#include "kernel/traffic.h"

#include <string.h>

static bool keeps_none(const struct site *site, size_t wan, struct nlattr *there)
{
	return false;
}

static void release(const struct site *site, size_t wan, enum family family)
{
	_cleanup_(released_flows_done) struct released_flows released = {};
	struct fault fault = {};
	unsigned deleted;

	if (conntrack_release(nlbag_socket(), site, wan, family, keeps_none, &deleted, &released,
			      &fault) == 0)
		(void)conntrack_release_again(nlbag_socket(), &released, &fault);
}

static void find(const char *source, const char *destination)
{
	_cleanup_(known_flows_done) struct known_flows flows = {};
	struct flow_query query = {};
	struct fault fault = {};

	FUZZ_CHECK(addr_parse(source, AF_UNSPEC, &query.flow.source) == 0 &&
		   addr_parse(destination, AF_UNSPEC, &query.flow.destination) == 0);
	if (known_flows_find(nlbag_socket(), &query, &flows, &fault) < 0)
		return;
	for (size_t i = 0; i < flows.n; i++)
		known_flow_outside(&flows.v[i]);
}

static void count(const struct site *site)
{
	_cleanup_(flow_census_done) struct flow_census census = {};
	struct fault fault = {};
	unsigned deleted;

	(void)conntrack_audit(nlbag_socket(), site, &deleted, &fault);
	(void)conntrack_count(nlbag_socket(), site, &census, &fault);
}

static void measure(void)
{
	_cleanup_(traffic_done) struct traffic traffic = {};
	struct wan_report wans[] = { { .mark = 1 }, { .mark = 2 } };
	const struct report report = { .wans = wans, .n_wans = ARRAY_SIZE(wans) };
	struct fault fault = {};

	(void)observe_traffic(&report, &traffic, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	static struct site site;
	uint32_t generation = 0;
	struct fault fault = {};

	if (!config.path) {
		FUZZ_CHECK(fuzz_config(fuzz_usual_config, &config) == 0);
		fuzz_site(&config, &site);
	}
	nlbag_fill(data, size);
	count(&site);
	for (size_t i = 0; i < config.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			release(&site, i, family);
	find("10.250.250.2", "198.51.100.9");
	find("fd06:bad:b01:1::5", "2001:db8:aaaa::25");
	measure();
	(void)nft_generation(nlbag_socket(), &generation, &fault);
	return 0;
}
