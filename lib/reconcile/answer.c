// SPDX-License-Identifier: GPL-2.0-or-later
// What --explain answers, for people: KEY: VALUE in each line.
// A flow that is there comes first; what a new one would get explains it, or not.

#include "reconcile/answer.h"

#include "base/duration.h"
#include "base/protocol.h"

/* Of many flows, so many are named. */
#define FLOWS_SHOWN 8

const struct wan_conf *answer_wan_of(const struct answer *answer, const struct known_flow *flow)
{
	const struct config *config = answer->site->config;

	for (size_t i = 0; i < config->n_wans; i++)
		if (flow->mark != 0 && config->wans[i].mark == flow->mark)
			return &config->wans[i];
	return NULL;
}

static int add_if(struct answer *answer, size_t wan)
{
	struct what_if it = { .wan = wan };
	int r = explain_without(answer->site, answer->query, wan, &it.then);

	if (r == 0)
		r = APPEND(answer->ifs, answer->n_ifs, it);
	if (r < 0)
		explanation_done(&it.then);
	return r;
}

int answer_decide(struct answer *answer)
{
	const struct wan_conf *wan = answer->one ? answer_wan_of(answer, answer->one) : NULL;
	struct explanation *now = &answer->now;
	int r = explain(answer->site, answer->query, now);

	if (answer->stopped && (now->kind == EXPLAIN_OUT || now->kind == EXPLAIN_IN))
		explanation_done(now);
	if (r == 0 && wan)
		return add_if(answer, wan - answer->site->config->wans);
	for (size_t i = 0; i < now->n_ways && r == 0; i++)
		r = add_if(answer, now->ways[i].wan);
	return r;
}

bool answer_has_way(const struct answer *answer)
{
	return !answer->stopped && (answer->one || answer->now.kind != EXPLAIN_REFUSED);
}

/* ---- the first lines ---- */

static const struct wan_conf *wan_of(const struct answer *answer, const struct explain_way *way)
{
	return &answer->site->config->wans[way->wan];
}

static void print_wans(const struct answer *answer, const struct explanation *of, FILE *f)
{
	for (size_t i = 0; i < of->n_ways; i++) {
		fprintf(f, "%s%s", i ? ", " : "", wan_of(answer, &of->ways[i])->name);
		if (of->ways[i].slots < SLOTS)
			fprintf(f, " %g %%", of->ways[i].slots * 100.0 / SLOTS);
	}
	if (of->n_ways == 0)
		fputs("none", f);
}

static void print_sources(const struct explanation *of, FILE *f)
{
	for (size_t i = 0; i < of->n_ways; i++)
		fprintf(f, "%s%s", i ? ", " : "", addr_str(of->ways[i].source).s);
	if (of->n_ways == 0)
		fputs(of->source.family ? addr_str(of->source).s : "none", f);
}

static void print_marks(const struct answer *answer, FILE *f)
{
	const struct explanation *now = &answer->now;

	for (size_t i = 0; now->kind == EXPLAIN_OUT && i < now->n_ways; i++)
		fprintf(f, "%s%u", i ? ", " : "", wan_of(answer, &now->ways[i])->mark);
	if (now->kind != EXPLAIN_OUT)
		fprintf(f, "%u", now->mark);
}

static void print_tables(const struct answer *answer, FILE *f)
{
	const struct explanation *now = &answer->now;

	for (size_t i = 0; now->kind == EXPLAIN_OUT && i < now->n_ways; i++)
		fprintf(f, "%s%u", i ? ", " : "", wan_of(answer, &now->ways[i])->table);
	if (now->kind != EXPLAIN_OUT && now->table)
		fprintf(f, "%u", now->table);
	else if (now->kind != EXPLAIN_OUT)
		fputs("none", f);
}

static const char *name_of_rule(const struct answer *answer)
{
	return answer->now.rule ? answer->now.rule->name : "none";
}

static void print_new(const struct answer *answer, FILE *f)
{
	fputs("wan: ", f);
	print_wans(answer, &answer->now, f);
	fputs("\nsource: ", f);
	print_sources(&answer->now, f);
	fprintf(f, "\nrule: %s\nmark: ", name_of_rule(answer));
	print_marks(answer, f);
	fputs("\ntable: ", f);
	print_tables(answer, f);
	fputc('\n', f);
	if (answer->now.inside.family)
		fprintf(f, "inside: %s\n", addr_str(answer->now.inside).s);
}

static void print_existing(const struct answer *answer, FILE *f)
{
	const struct known_flow *flow = answer->one;
	const struct wan_conf *wan = answer_wan_of(answer, flow);

	fprintf(f, "wan: %s\nsource: %s\nrule: %s\nmark: %u\n", wan ? wan->name : "none",
		addr_str(known_flow_outside(flow)).s, name_of_rule(answer), flow->mark);
	if (wan)
		fprintf(f, "table: %u\n", wan->table);
	else
		fputs("table: none\n", f);
}

/* ---- flows ---- */

static void print_end(struct addr addr, uint16_t port, bool has_port, FILE *f)
{
	if (!has_port)
		fputs(addr_str(addr).s, f);
	else
		fprintf(f, addr.family == AF_INET6 ? "[%s]:%u" : "%s:%u", addr_str(addr).s, port);
}

static void print_flow(const struct answer *answer, const struct known_flow *flow, FILE *f)
{
	const struct wan_conf *wan = answer_wan_of(answer, flow);
	const struct flow_tuple *there = &flow->there;
	bool ports = protocol_has_ports(there->protocol);
	uint64_t now = clock_us(CLOCK_REALTIME) / 1000000;

	fprintf(f, "flow: %s ", protocol_str(there->protocol).s);
	print_end(there->source, there->sport, ports, f);
	fputs(" > ", f);
	print_end(there->destination, there->dport, ports, f);
	if (there->protocol == IPPROTO_ICMP || there->protocol == IPPROTO_ICMPV6)
		fprintf(f, " id %u", there->sport);
	fprintf(f, ", on %s as %s, %s", wan ? wan->name : "no WAN",
		addr_str(known_flow_outside(flow)).s, flow->answered ? "answered" : "not answered");
	if (flow->zone)
		fprintf(f, ", in zone %u", flow->zone);
	if (flow->begin_ns)
		fprintf(f, ", begun %s ago", age_str(flow->begin_ns / 1000000000, now).s);
	fprintf(f, "; without a packet, it ends in %s\n", duration_str(flow->timeout_s).s);
}

static void print_flows(const struct answer *answer, FILE *f)
{
	for (size_t i = 0; i < answer->flows.n && i < FLOWS_SHOWN; i++)
		print_flow(answer, &answer->flows.v[i], f);
	if (answer->flows.n > FLOWS_SHOWN)
		fprintf(f, "flow: and %zu more\n", answer->flows.n - FLOWS_SHOWN);
}

/* ---- why ---- */

static bool would_be_same(const struct answer *answer)
{
	const struct wan_conf *wan = answer_wan_of(answer, answer->one);

	return answer->now.n_ways == 1 && wan && wan_of(answer, &answer->now.ways[0]) == wan;
}

/* Why a flow that is there has what it has. */
static void print_why_existing(const struct answer *answer, FILE *f)
{
	if (answer->now.kind == EXPLAIN_TURNED && answer->one->mark == 0)
		fputs("why: this flow exists, and is on no WAN\n", f);
	else if (!answer_wan_of(answer, answer->one))
		fprintf(f, "why: this flow exists, and mark %u is no WAN's\n", answer->one->mark);
	else
		fputs("why: this flow exists: it keeps the WAN of its first packet\n", f);
	if (!answer->one->begin_ns)
		fputs("why: since when is not known: `sysctl "
		      "net.netfilter.nf_conntrack_timestamp=1` keeps it of new flows\n",
		      f);
	fputs("why: a new flow like it would get ", f);
	print_wans(answer, &answer->now, f);
	fputs(would_be_same(answer) ? ", too\n" : "\n", f);
}

/* "if att were down: webpass as 136.25.91.242". */
static void print_if(const struct answer *answer, const struct what_if *it, FILE *f)
{
	const struct wan_conf *wan = &answer->site->config->wans[it->wan];

	fprintf(f, "if %s were down: ", wan->name);
	if (answer->one && answer_wan_of(answer, answer->one))
		fputs(wan->flush_down ? "it would be removed (down_flows = flush), and a new flow: "
				      : "it would stay (down_flows = drain), and a new flow: ",
		      f);
	print_wans(answer, &it->then, f);
	if (it->then.n_ways == 1) {
		fputs(" as ", f);
		print_sources(&it->then, f);
	}
	fputc('\n', f);
}

void answer_print(const struct answer *answer, FILE *f)
{
	if (answer->one)
		print_existing(answer, f);
	else
		print_new(answer, f);
	print_flows(answer, f);
	if (answer->stopped)
		fprintf(f, "why: nothing is forwarded: %s\n", answer->stopped);
	if (answer->one)
		print_why_existing(answer, f);
	for (size_t i = 0; i < answer->now.why.n; i++)
		fprintf(f, "why: %s\n", answer->now.why.v[i]);
	for (size_t i = 0; i < answer->n_ifs; i++)
		print_if(answer, &answer->ifs[i], f);
	if (*answer->flaw)
		fprintf(f, "note: %s\n", answer->flaw);
	if (answer->due)
		fputs("note: the kernel is not like this yet: `update-routes --dry-run` shows what "
		      "a run changes\n",
		      f);
}
