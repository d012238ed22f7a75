// SPDX-License-Identifier: GPL-2.0-or-later
// Our addresses, routes and rules as the kernel has them.
// Each message becomes an object; one with something that we never set is odd, and equals none.

#include "kernel/observe_net.h"

#include "kernel/ip_text.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

struct net_dump {
	const struct facts *facts;
	struct object_set *set;
};

static int keep(struct net_dump *dump, struct object object, struct nlmsghdr *message)
{
	bool needs_text = object.odd && object.kind != OBJECT_ADDRESS;

	object.raw = netlink_copy(message);
	object.text = needs_text ? ip_text(message) : NULL;
	if (object.raw && (object.text || !needs_text))
		return object_set_add(dump->set, object);
	free(object.raw);
	/* -Wanalyzer-double-free: both may be NULL */
	free(object.text);
	return -ENOMEM;
}

/* The names of the site's links are known: asking the kernel for each route takes long. */
static struct link_ref link_ref(const struct net_dump *dump, unsigned index)
{
	const struct link_fact *known = facts_link(dump->facts, index);
	struct link_ref link = { .index = index };

	if (known)
		return known->link;
	if (!if_indextoname(index, link.name))
		snprintf(link.name, sizeof(link.name), "if%u", index);
	return link;
}

/* True when there is an attribute that none of ours has. */
static bool has_other(struct nlattr **tb, int max, const int *ours, size_t n)
{
	for (int type = 1; type <= max; type++) {
		bool known = false;

		for (size_t i = 0; i < n; i++)
			known |= ours[i] == type;
		if (tb[type] && !known)
			return true;
	}
	return false;
}

static int on_address(struct nlmsghdr *message, void *arg)
{
	struct ifaddrmsg *info = nlmsg_data(message);
	struct nlattr *tb[IFA_MAX + 1];
	struct object object = { .kind = OBJECT_ADDRESS, .family = info->ifa_family };

	if (message->nlmsg_type != RTM_NEWADDR ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return 0;
	if (nlmsg_parse(message, sizeof(*info), tb, IFA_MAX, NULL) < 0 || !tb[IFA_PROTO] ||
	    netlink_u8(tb[IFA_PROTO]) != RTPROT_MWAN)
		return 0;

	object.prefix.addr =
		netlink_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], info->ifa_family);
	object.prefix.len = info->ifa_prefixlen;
	object.link = link_ref(arg, info->ifa_index);
	/* A deprecated one got a lifetime from somebody. */
	object.odd = info->ifa_flags & (IFA_F_DEPRECATED | IFA_F_DADFAILED);
	return keep(arg, object, message);
}

static int on_route(struct nlmsghdr *message, void *arg)
{
	static const int ours[] = { RTA_TABLE,	 RTA_DST,	RTA_OIF,  RTA_PRIORITY, RTA_VIA,
				    RTA_GATEWAY, RTA_CACHEINFO, RTA_PREF, RTA_PREFSRC };
	struct rtmsg *info = nlmsg_data(message);
	struct nlattr *tb[RTA_MAX + 1];
	struct object object = { .kind = OBJECT_ROUTE, .family = info->rtm_family };

	/* Older kernels don't filter by protocol. */
	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_protocol != RTPROT_MWAN)
		return 0;
	if (nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0)
		return 0;

	object.table = tb[RTA_TABLE] ? netlink_u32(tb[RTA_TABLE]) : info->rtm_table;
	object.type = info->rtm_type;
	object.prefix.addr = netlink_addr(tb[RTA_DST], info->rtm_family);
	object.prefix.addr.family = info->rtm_family;
	object.prefix.len = info->rtm_dst_len;
	object.metric = netlink_u32(tb[RTA_PRIORITY]);
	object.onlink = info->rtm_flags & RTNH_F_ONLINK;
	/* The kernel puts IPv6 routes without a link on lo. */
	if (tb[RTA_OIF] && info->rtm_type == RTN_UNICAST)
		object.link = link_ref(arg, netlink_u32(tb[RTA_OIF]));
	object.via = netlink_gateway(tb[RTA_GATEWAY], tb[RTA_VIA], info->rtm_family);
	object.source = netlink_addr(tb[RTA_PREFSRC], info->rtm_family);
	object.odd = info->rtm_scope != object_scope(&object) ||
		     has_other(tb, RTA_MAX, ours, ARRAY_SIZE(ours)) || info->rtm_tos != 0 ||
		     (tb[RTA_PREF] && netlink_u8(tb[RTA_PREF]) != 0);
	return keep(arg, object, message);
}

static bool is_our_action(uint8_t action)
{
	return action == FR_ACT_TO_TBL || action == FR_ACT_GOTO || action == FR_ACT_BLACKHOLE ||
	       action == FR_ACT_NOP;
}

static int on_rule(struct nlmsghdr *message, void *arg)
{
	static const int ours[] = {
		FRA_PRIORITY, FRA_FWMARK, FRA_FWMASK,  FRA_TABLE,    FRA_SRC,
		FRA_DST,      FRA_GOTO,	  FRA_IIFNAME, FRA_PROTOCOL, FRA_SUPPRESS_PREFIXLEN,
	};
	struct fib_rule_hdr *info = nlmsg_data(message);
	struct nlattr *tb[FRA_MAX + 1];
	struct object object = { .kind = OBJECT_RULE, .family = info->family };

	if (message->nlmsg_type != RTM_NEWRULE ||
	    nlmsg_parse(message, sizeof(*info), tb, FRA_MAX, NULL) < 0)
		return 0;
	if (!tb[FRA_PROTOCOL] || netlink_u8(tb[FRA_PROTOCOL]) != RTPROT_MWAN)
		return 0;

	object.table = tb[FRA_TABLE] ? netlink_u32(tb[FRA_TABLE]) : info->table;
	object.pref = netlink_u32(tb[FRA_PRIORITY]);
	object.mark = netlink_u32(tb[FRA_FWMARK]);
	object.to = info->dst_len > 0;
	object.prefix.addr = netlink_addr(tb[object.to ? FRA_DST : FRA_SRC], info->family);
	object.prefix.len = object.to ? info->dst_len : info->src_len;
	object.own = tb[FRA_IIFNAME];
	object.unmarked = tb[FRA_FWMASK] && !tb[FRA_FWMARK];
	object.drops = info->action == FR_ACT_BLACKHOLE;
	object.skip_to = netlink_u32(tb[FRA_GOTO]);
	object.odd = has_other(tb, FRA_MAX, ours, ARRAY_SIZE(ours)) ||
		     (object.to && info->src_len != 0) || !is_our_action(info->action) ||
		     (object.own && strcmp(netlink_string(tb[FRA_IIFNAME]), "lo") != 0) ||
		     info->tos != 0 || (info->flags & FIB_RULE_INVERT) ||
		     (tb[FRA_FWMASK] && netlink_u32(tb[FRA_FWMASK]) != UINT32_MAX) ||
		     (tb[FRA_SUPPRESS_PREFIXLEN] &&
		      netlink_u32(tb[FRA_SUPPRESS_PREFIXLEN]) != UINT32_MAX);
	return keep(arg, object, message);
}

int observe_net(struct nl_sock *sk, const struct facts *facts, struct object_set *ret,
		struct fault *fault)
{
	_cleanup_(object_set_done) struct object_set set = {};
	struct net_dump dump = { facts, &set };
	struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	int r = netlink_dump(sk, RTM_GETADDR, &addresses, sizeof(addresses), on_address, &dump);

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		struct rtmsg routes = { .rtm_family = family_af(family),
					.rtm_protocol = RTPROT_MWAN };
		struct fib_rule_hdr rules = { .family = family_af(family) };

		r = netlink_dump(sk, RTM_GETROUTE, &routes, sizeof(routes), on_route, &dump);
		if (r == 0)
			r = netlink_dump(sk, RTM_GETRULE, &rules, sizeof(rules), on_rule, &dump);
	}
	if (r == -EAGAIN)
		return r;
	if (r < 0)
		return fault_set(fault, r, "our addresses, routes and rules: %s", strerror(-r));
	*ret = TAKE(set);
	return 0;
}
