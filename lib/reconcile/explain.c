// SPDX-License-Identifier: GPL-2.0-or-later
// update-routes --explain.
// Looks as a run does, decides for one flow, and finds it among those that are there.

#include "reconcile/explain.h"

#include "base/parse.h"
#include "base/protocol.h"
#include "config/load.h"
#include "kernel/forwarding.h"
#include "reconcile/answer.h"
#include "reconcile/reconcile.h"
#include "reconcile/sources.h"

#include <errno.h>

/* ---- the arguments ---- */

static int read_addresses(const struct cli *cli, struct flow_query *ret)
{
	struct flow *flow = &ret->flow;

	if (cli->n_arguments < 2)
		return cli_usage(cli, "--explain needs SRC and DST", "");
	if (addr_parse(cli->arguments[0], AF_UNSPEC, &flow->source) < 0)
		return cli_usage(cli, "SRC is no address: ", cli->arguments[0]);
	if (addr_parse(cli->arguments[1], AF_UNSPEC, &flow->destination) < 0)
		return cli_usage(cli, "DST is no address: ", cli->arguments[1]);
	if (flow->source.family != flow->destination.family)
		return cli_usage(cli, "SRC and DST are not of one family: ", cli->arguments[1]);
	flow->family = family_of_af(flow->source.family);
	return EXIT_DONE;
}

static int read_port(const struct cli *cli, const char *text, uint16_t *ret)
{
	uint32_t number;

	if (parse_count(text, 0, 65535, &number) < 0)
		return cli_usage(cli, "no number from 0 to 65535: ", text);
	*ret = (uint16_t)number;
	return EXIT_DONE;
}

/* [SPORT] DPORT, or the id of echo requests. */
static int read_ports(const struct cli *cli, struct flow_query *ret)
{
	uint8_t protocol = ret->flow.protocol;
	bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
	int n = cli->n_arguments - 3, r = EXIT_DONE;

	if (icmp ? n > 1 : n > 0 && !protocol_has_ports(protocol))
		return cli_usage(cli,
				 icmp ? "ICMP has an id, and no ports: "
				      : "this protocol has no ports: ",
				 cli->arguments[icmp ? 4 : 2]);
	ret->has_sport = icmp ? n == 1 : n == 2;
	ret->has_dport = !icmp && n > 0;
	if (ret->has_sport)
		r = read_port(cli, cli->arguments[3], &ret->flow.sport);
	if (r == EXIT_DONE && ret->has_dport)
		r = read_port(cli, cli->arguments[cli->n_arguments - 1], &ret->flow.dport);
	return r;
}

static int read_query(const struct cli *cli, struct flow_query *ret)
{
	int r = read_addresses(cli, ret);

	if (r != EXIT_DONE || cli->n_arguments < 3)
		return r;
	if (protocol_parse(cli->arguments[2], ret->flow.family, &ret->flow.protocol) < 0)
		return cli_usage(cli, "PROTO is no protocol: ", cli->arguments[2]);
	ret->has_protocol = true;
	return read_ports(cli, ret);
}

/* ---- the answer ---- */

/* All that tells flows apart is said. */
static bool is_whole(const struct flow_query *query)
{
	if (!query->has_protocol)
		return false;
	return query->has_dport ? query->has_sport
				: query->has_sport || !protocol_has_ports(query->flow.protocol);
}

static int look(struct config *config, struct kernel *kernel, struct outcome *outcome,
		struct fault *fault)
{
	struct reconcile request = { .mode = RECONCILE_LOOK, .prefixes.ended = true };
	_cleanup_(prefix_sources_close) struct prefix_sources sources = {};

	if (prefix_sources_open(NULL, &sources) < 0)
		return -ENOMEM;
	request.prefixes.sources = sources.v;
	request.prefixes.n_sources = sources.n;
	return reconcile(config, &request, kernel, outcome, fault);
}

int explain_run(const struct cli *cli, bool json, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(kernel_close) struct kernel kernel = {};
	_cleanup_(outcome_done) struct outcome outcome = {};
	struct flow_query query = {};
	struct fault flaw = {};
	_cleanup_(answer_done) struct answer answer = {
		.site = &outcome.site,
		.query = &query,
		.flaw = flaw.text,
	};
	int r = read_query(cli, &query);

	if (r != EXIT_DONE)
		return r;
	r = config_load(cli->config, &config, fault);
	if (r < 0)
		return cli_bad_input(r, fault);
	r = look(&config, &kernel, &outcome, &flaw);
	/* A prefix that can't be used is no obstacle to all other flows. */
	if (!outcome.planned) {
		*fault = flaw;
		return r;
	}
	answer.due = !plan_is_empty(&outcome.plan);
	answer.stopped = forwarding_stopped();
	r = known_flows_find(kernel.nfnl, &query, &answer.flows, fault);
	if (r < 0)
		return r;
	if (answer.flows.n == 1 && is_whole(&query))
		answer.one = &answer.flows.v[0];
	r = answer_decide(&answer);
	if (r < 0)
		return r;
	if (json)
		r = answer_print_json(&answer, stdout);
	else
		answer_print(&answer, stdout);
	if (r < 0)
		return r;
	return answer_has_way(&answer) ? EXIT_DONE : EXIT_FAILED;
}
