// SPDX-License-Identifier: GPL-2.0-or-later
// Flows that the kernel knows.
// Reads each flow of the table, and keeps those that are asked for.

#include "kernel/known_flows.h"

#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <string.h>

struct known_flows_search {
	const struct flow_query *query;
	struct known_flows found;
};

static uint64_t read_begin(struct nlattr *attr)
{
	struct nlattr *tb[CTA_TIMESTAMP_MAX + 1];

	if (!attr || nla_parse_nested(tb, CTA_TIMESTAMP_MAX, attr, NULL) < 0 ||
	    !tb[CTA_TIMESTAMP_START])
		return 0;
	return be64toh(netlink_u64(tb[CTA_TIMESTAMP_START]));
}

static uint32_t read_number(struct nlattr *const tb[], int type)
{
	return ntohl(netlink_u32(tb[type]));
}

static bool is_asked_for(const struct flow_query *query, const struct flow_tuple *tuple)
{
	const struct flow *flow = &query->flow;

	return addr_cmp(tuple->source, flow->source) == 0 &&
	       addr_cmp(tuple->destination, flow->destination) == 0 &&
	       (!query->has_protocol || tuple->protocol == flow->protocol) &&
	       (!query->has_sport || tuple->sport == flow->sport) &&
	       (!query->has_dport || tuple->dport == flow->dport);
}

static int on_flow(struct nlmsghdr *message, void *arg)
{
	struct nlattr *tb[CTA_MAX + 1];
	struct known_flows_search *search = arg;
	struct known_flow flow = {};

	if (nlmsg_parse(message, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0)
		return 0;
	flow.there = flow_tuple_read(tb[CTA_TUPLE_ORIG]);
	flow.back = flow_tuple_read(tb[CTA_TUPLE_REPLY]);
	if (!is_asked_for(search->query, &flow.there) && !is_asked_for(search->query, &flow.back))
		return 0;
	flow.mark = read_number(tb, CTA_MARK);
	flow.timeout_s = read_number(tb, CTA_TIMEOUT);
	flow.answered = read_number(tb, CTA_STATUS) & IPS_SEEN_REPLY;
	flow.zone = ntohs(netlink_u16(tb[CTA_ZONE]));
	flow.begin_ns = read_begin(tb[CTA_TIMESTAMP]);
	return APPEND(search->found.v, search->found.n, flow);
}

int known_flows_find(struct nl_sock *nfnl, const struct flow_query *query, struct known_flows *ret,
		     struct fault *fault)
{
	struct known_flows_search search = { .query = query };
	int r = conntrack_dump(nfnl, on_flow, &search);

	if (r < 0) {
		known_flows_done(&search.found);
		return fault_set(fault, r, "conntrack: %s", strerror(-r));
	}
	*ret = search.found;
	return 0;
}

struct addr known_flow_outside(const struct known_flow *flow)
{
	/* From outside, the first packet has it as its destination, and only that is translated. */
	if (addr_cmp(flow->there.destination, flow->back.source) != 0 &&
	    addr_cmp(flow->there.source, flow->back.destination) == 0)
		return flow->there.destination;
	return flow->back.destination;
}
