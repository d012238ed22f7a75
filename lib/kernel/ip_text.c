// SPDX-License-Identifier: GPL-2.0-or-later
// A rule or a route as ip(8) names it, from the kernel's message about it.
// Each attribute by which the kernel tells two objects apart becomes a word of ip(8) and its value.

#include "kernel/ip_text.h"

#include "base/fileio.h"
#include "kernel/netlink.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>

/* RTN_… of routes; FR_ACT_… of rules has the same numbers from RTN_BLACKHOLE on. */
static const char *const types[] = {
	[RTN_LOCAL] = "local",	       [RTN_BROADCAST] = "broadcast",
	[RTN_ANYCAST] = "anycast",     [RTN_MULTICAST] = "multicast",
	[RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable",
	[RTN_PROHIBIT] = "prohibit",   [RTN_THROW] = "throw",
};

static const char *const metrics[] = {
	[RTAX_MTU] = "mtu",	      [RTAX_WINDOW] = "window",
	[RTAX_SSTHRESH] = "ssthresh", [RTAX_CWND] = "cwnd",
	[RTAX_ADVMSS] = "advmss",     [RTAX_REORDERING] = "reordering",
	[RTAX_HOPLIMIT] = "hoplimit", [RTAX_INITCWND] = "initcwnd",
	[RTAX_INITRWND] = "initrwnd", [RTAX_QUICKACK] = "quickack",
};

static void print_number(FILE *f, const char *word, struct nlattr *attr)
{
	if (attr)
		fprintf(f, " %s %u", word, netlink_u32(attr));
}

static void print_name(FILE *f, const char *word, struct nlattr *attr)
{
	if (attr)
		fprintf(f, " %s %s", word, netlink_string(attr));
}

static void print_prefix(FILE *f, const char *word, struct nlattr *attr, int family, unsigned len)
{
	struct prefix prefix = { netlink_addr(attr, family), len };

	if (prefix.addr.family)
		fprintf(f, " %s %s", word, prefix_str(prefix).s);
}

static void print_link(FILE *f, unsigned index)
{
	char name[IFNAMSIZ];

	if (if_indextoname(index, name))
		fprintf(f, " dev %s", name);
}

static void print_realms(FILE *f, struct nlattr *attr)
{
	if (attr)
		fprintf(f, " realms %u/%u", netlink_u32(attr) >> 16, netlink_u32(attr) & 0xffff);
}

static void print_ports(FILE *f, const char *word, struct nlattr *attr)
{
	const struct fib_rule_port_range *range = netlink_data(attr, sizeof(*range));

	if (range)
		fprintf(f, " %s %u-%u", word, range->start, range->end);
}

static void print_rule_action(FILE *f, const struct fib_rule_hdr *info, struct nlattr **tb)
{
	switch (info->action) {
	case FR_ACT_TO_TBL:
		fprintf(f, " lookup %u", tb[FRA_TABLE] ? netlink_u32(tb[FRA_TABLE]) : info->table);
		break;
	case FR_ACT_GOTO:
		print_number(f, "goto", tb[FRA_GOTO]);
		break;
	case FR_ACT_NOP:
		fputs(" nop", f);
		break;
	default:
		if (info->action < ARRAY_SIZE(types) && types[info->action])
			fprintf(f, " %s", types[info->action]);
	}
}

static void print_rule(FILE *f, struct nlmsghdr *message)
{
	const struct fib_rule_hdr *info = nlmsg_data(message);
	const struct fib_rule_uid_range *uids;
	struct nlattr *tb[FRA_MAX + 1];

	if (nlmsg_parse(message, sizeof(*info), tb, FRA_MAX, NULL) < 0)
		return;
	fprintf(f, "pref %u", netlink_u32(tb[FRA_PRIORITY]));
	if (info->flags & FIB_RULE_INVERT)
		fputs(" not", f);
	print_prefix(f, "from", tb[FRA_SRC], info->family, info->src_len);
	print_prefix(f, "to", tb[FRA_DST], info->family, info->dst_len);
	if (info->tos)
		fprintf(f, " tos 0x%x", info->tos);
	if (tb[FRA_FWMARK] || tb[FRA_FWMASK])
		fprintf(f, " fwmark 0x%x/0x%x", netlink_u32(tb[FRA_FWMARK]),
			tb[FRA_FWMASK] ? netlink_u32(tb[FRA_FWMASK]) : UINT32_MAX);
	print_name(f, "iif", tb[FRA_IIFNAME]);
	print_name(f, "oif", tb[FRA_OIFNAME]);
	uids = netlink_data(tb[FRA_UID_RANGE], sizeof(*uids));
	if (uids)
		fprintf(f, " uidrange %u-%u", uids->start, uids->end);
	if (tb[FRA_IP_PROTO])
		fprintf(f, " ipproto %u", netlink_u8(tb[FRA_IP_PROTO]));
	print_ports(f, "sport", tb[FRA_SPORT_RANGE]);
	print_ports(f, "dport", tb[FRA_DPORT_RANGE]);
	if (tb[FRA_L3MDEV] && netlink_u8(tb[FRA_L3MDEV]))
		fputs(" l3mdev", f);
	else
		print_rule_action(f, info, tb);
	if (tb[FRA_SUPPRESS_PREFIXLEN] && netlink_u32(tb[FRA_SUPPRESS_PREFIXLEN]) != UINT32_MAX)
		print_number(f, "suppress_prefixlength", tb[FRA_SUPPRESS_PREFIXLEN]);
	print_number(f, "suppress_ifgroup", tb[FRA_SUPPRESS_IFGROUP]);
	print_realms(f, tb[FRA_FLOW]);
	if (tb[FRA_PROTOCOL])
		fprintf(f, " protocol %u", netlink_u8(tb[FRA_PROTOCOL]));
}

static void print_via(FILE *f, struct nlattr *gateway, struct nlattr *via, int family)
{
	struct addr addr = netlink_gateway(gateway, via, family);

	if (addr.family)
		fprintf(f, " via %s%s", addr.family == family ? "" : "inet6 ", addr_str(addr).s);
}

static void print_hops(FILE *f, struct nlattr *multipath, int family)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);

	for (; netlink_hop_is_whole(hop, left);
	     left -= (int)NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		struct nlattr *tb[RTA_MAX + 1];

		if (nla_parse(tb, RTA_MAX, (struct nlattr *)RTNH_DATA(hop),
			      (int)(hop->rtnh_len - sizeof(*hop)), NULL) < 0)
			return;
		fputs(" nexthop", f);
		print_via(f, tb[RTA_GATEWAY], tb[RTA_VIA], family);
		print_link(f, hop->rtnh_ifindex);
		fprintf(f, " weight %u%s", hop->rtnh_hops + 1,
			hop->rtnh_flags & RTNH_F_ONLINK ? " onlink" : "");
	}
}

static void print_metrics(FILE *f, struct nlattr *attr)
{
	struct nlattr *tb[RTAX_MAX + 1];
	uint32_t locked;

	if (!attr || nla_parse_nested(tb, RTAX_MAX, attr, NULL) < 0)
		return;
	locked = netlink_u32(tb[RTAX_LOCK]);
	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
		if (metrics[i] && tb[i])
			fprintf(f, " %s%s %u", metrics[i], locked & (1U << i) ? " lock" : "",
				netlink_u32(tb[i]));
}

static void print_route(FILE *f, struct nlmsghdr *message)
{
	const struct rtmsg *info = nlmsg_data(message);
	struct nlattr *tb[RTA_MAX + 1];
	struct prefix to = { .len = info->rtm_dst_len };

	if (nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0)
		return;
	to.addr = netlink_addr(tb[RTA_DST], info->rtm_family);
	if (info->rtm_type < ARRAY_SIZE(types) && types[info->rtm_type])
		fprintf(f, "%s ", types[info->rtm_type]);
	fputs(to.addr.family ? prefix_str(to).s : "default", f);
	print_prefix(f, "from", tb[RTA_SRC], info->rtm_family, info->rtm_src_len);
	if (info->rtm_tos)
		fprintf(f, " tos 0x%x", info->rtm_tos);
	if (tb[RTA_NH_ID]) { /* which says where it leads */
		print_number(f, "nhid", tb[RTA_NH_ID]);
	} else if (!tb[RTA_MULTIPATH]) {
		print_via(f, tb[RTA_GATEWAY], tb[RTA_VIA], info->rtm_family);
		if (tb[RTA_OIF])
			print_link(f, netlink_u32(tb[RTA_OIF]));
	}
	fprintf(f, " table %u proto %u",
		tb[RTA_TABLE] ? netlink_u32(tb[RTA_TABLE]) : info->rtm_table, info->rtm_protocol);
	if (info->rtm_family == AF_INET)
		fprintf(f, " scope %u", info->rtm_scope);
	print_number(f, "metric", tb[RTA_PRIORITY]);
	if (tb[RTA_PREFSRC])
		fprintf(f, " src %s", addr_str(netlink_addr(tb[RTA_PREFSRC], info->rtm_family)).s);
	print_realms(f, tb[RTA_FLOW]);
	print_metrics(f, tb[RTA_METRICS]);
	if (tb[RTA_MULTIPATH] && !tb[RTA_NH_ID])
		print_hops(f, tb[RTA_MULTIPATH], info->rtm_family);
	else if (info->rtm_flags & RTNH_F_ONLINK)
		fputs(" onlink", f);
}

char *ip_text(const struct nlmsghdr *message)
{
	struct memory out = {};
	char *text;

	if (memory_open(&out) < 0)
		return NULL;
	if (message->nlmsg_type == RTM_NEWRULE)
		print_rule(out.f, (struct nlmsghdr *)message);
	else
		print_route(out.f, (struct nlmsghdr *)message);
	return memory_close(&out, &text) == 0 ? text : NULL;
}
