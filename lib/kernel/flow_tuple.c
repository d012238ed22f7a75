// SPDX-License-Identifier: GPL-2.0-or-later
// One direction of a flow, as ctnetlink tells it.
// Attributes that are missing leave 0.

#include "kernel/flow_tuple.h"

#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>

static uint16_t read_port(struct nlattr *const tb[], int type)
{
	return ntohs(netlink_u16(tb[type]));
}

static void read_addresses(struct nlattr *attr, struct flow_tuple *ret)
{
	struct nlattr *tb[CTA_IP_MAX + 1];

	if (!attr || nla_parse_nested(tb, CTA_IP_MAX, attr, NULL) < 0)
		return;
	if (tb[CTA_IP_V4_SRC]) {
		ret->source = netlink_addr(tb[CTA_IP_V4_SRC], AF_INET);
		ret->destination = netlink_addr(tb[CTA_IP_V4_DST], AF_INET);
	} else {
		ret->source = netlink_addr(tb[CTA_IP_V6_SRC], AF_INET6);
		ret->destination = netlink_addr(tb[CTA_IP_V6_DST], AF_INET6);
	}
}

static void read_protocol(struct nlattr *attr, struct flow_tuple *ret)
{
	struct nlattr *tb[CTA_PROTO_MAX + 1];

	if (!attr || nla_parse_nested(tb, CTA_PROTO_MAX, attr, NULL) < 0)
		return;
	ret->protocol = netlink_u8(tb[CTA_PROTO_NUM]);
	ret->dport = read_port(tb, CTA_PROTO_DST_PORT);
	if (tb[CTA_PROTO_ICMP_ID])
		ret->sport = read_port(tb, CTA_PROTO_ICMP_ID);
	else if (tb[CTA_PROTO_ICMPV6_ID])
		ret->sport = read_port(tb, CTA_PROTO_ICMPV6_ID);
	else
		ret->sport = read_port(tb, CTA_PROTO_SRC_PORT);
}

struct flow_tuple flow_tuple_read(struct nlattr *attr)
{
	struct nlattr *tb[CTA_TUPLE_MAX + 1];
	struct flow_tuple tuple = {};

	if (attr && nla_parse_nested(tb, CTA_TUPLE_MAX, attr, NULL) == 0) {
		read_addresses(tb[CTA_TUPLE_IP], &tuple);
		read_protocol(tb[CTA_TUPLE_PROTO], &tuple);
	}
	return tuple;
}

int flow_tuple_cmp(const void *a, const void *b)
{
	const struct flow_tuple *x = a, *y = b;
	int order = addr_cmp(x->source, y->source);

	if (order == 0)
		order = addr_cmp(x->destination, y->destination);
	if (order == 0)
		order = x->protocol - y->protocol;
	if (order == 0)
		order = x->sport - y->sport;
	return order != 0 ? order : x->dport - y->dport;
}
