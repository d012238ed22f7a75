#include "observe_net.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

struct look {
	const struct facts *facts;
	struct object_set set;
};

static int keep(struct look *look, struct object object, struct nlmsghdr *message)
{
	object.raw = malloc(message->nlmsg_len);
	if (!object.raw)
		return -ENOMEM;
	memcpy(object.raw, message, message->nlmsg_len);
	return object_set_add(&look->set, object);
}

/* Of the site's links the name is known: asking for each of many routes takes its time. */
static struct link_ref link_ref(const struct look *look, unsigned index)
{
	const struct facts *facts = look->facts;
	struct link_ref link = { .index = index };

	if (facts->lan.link.index == index)
		return facts->lan.link;
	for (size_t i = 0; i < facts->n_wans; i++)
		if (facts->wans[i].link.link.index == index)
			return facts->wans[i].link.link;
	if (!if_indextoname(index, link.name))
		snprintf(link.name, sizeof(link.name), "if%u", index);
	return link;
}

/* True when an attribute stands there that none of ours has. */
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
	    nla_get_u8(tb[IFA_PROTO]) != RTPROT_MWAN)
		return 0;

	object.prefix.addr =
		netlink_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], info->ifa_family);
	object.prefix.len = info->ifa_prefixlen;
	object.link = link_ref(arg, info->ifa_index);
	/* Deprecated: somebody gave it a lifetime. */
	object.odd = info->ifa_flags & (IFA_F_DEPRECATED | IFA_F_DADFAILED);
	return keep(arg, object, message);
}

static int on_route(struct nlmsghdr *message, void *arg)
{
	static const int ours[] = { RTA_TABLE, RTA_DST,	    RTA_OIF,	   RTA_PRIORITY,
				    RTA_VIA,   RTA_GATEWAY, RTA_CACHEINFO, RTA_PREF };
	struct rtmsg *info = nlmsg_data(message);
	struct nlattr *tb[RTA_MAX + 1];
	struct object object = { .kind = OBJECT_ROUTE, .family = info->rtm_family };

	/* Older kernels don't filter by protocol. */
	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_protocol != RTPROT_MWAN)
		return 0;
	if (nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0)
		return 0;

	object.table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : info->rtm_table;
	object.type = info->rtm_type;
	object.prefix.addr = netlink_addr(tb[RTA_DST], info->rtm_family);
	object.prefix.addr.family = info->rtm_family;
	object.prefix.len = info->rtm_dst_len;
	object.metric = tb[RTA_PRIORITY] ? nla_get_u32(tb[RTA_PRIORITY]) : 0;
	object.onlink = info->rtm_flags & RTNH_F_ONLINK;
	/* The kernel hangs IPv6 routes without a link on lo. */
	if (tb[RTA_OIF] && info->rtm_type == RTN_UNICAST)
		object.link = link_ref(arg, nla_get_u32(tb[RTA_OIF]));
	if (tb[RTA_GATEWAY])
		object.via = netlink_addr(tb[RTA_GATEWAY], info->rtm_family);
	else if (tb[RTA_VIA] && nla_len(tb[RTA_VIA]) >= 2 + 16)
		memcpy(object.via.bytes, (char *)nla_data(tb[RTA_VIA]) + 2, 16),
			object.via.family = AF_INET6;
	uint8_t scope =
		info->rtm_family == AF_INET && info->rtm_type == RTN_UNICAST && !object.via.family
			? RT_SCOPE_LINK
			: RT_SCOPE_UNIVERSE;

	object.odd = info->rtm_scope != scope || has_other(tb, RTA_MAX, ours, ARRAY_SIZE(ours)) ||
		     info->rtm_tos != 0 || (tb[RTA_PREF] && nla_get_u8(tb[RTA_PREF]) != 0);
	return keep(arg, object, message);
}

static int on_rule(struct nlmsghdr *message, void *arg)
{
	static const int ours[] = {
		FRA_PRIORITY,	       FRA_FWMARK, FRA_FWMASK, FRA_TABLE, FRA_SRC, FRA_PROTOCOL,
		FRA_SUPPRESS_PREFIXLEN
	};
	struct fib_rule_hdr *info = nlmsg_data(message);
	struct nlattr *tb[FRA_MAX + 1];
	struct object object = { .kind = OBJECT_RULE, .family = info->family };

	if (message->nlmsg_type != RTM_NEWRULE ||
	    nlmsg_parse(message, sizeof(*info), tb, FRA_MAX, NULL) < 0)
		return 0;
	if (!tb[FRA_PROTOCOL] || nla_get_u8(tb[FRA_PROTOCOL]) != RTPROT_MWAN)
		return 0;

	object.table = tb[FRA_TABLE] ? nla_get_u32(tb[FRA_TABLE]) : info->table;
	object.pref = tb[FRA_PRIORITY] ? nla_get_u32(tb[FRA_PRIORITY]) : 0;
	object.mark = tb[FRA_FWMARK] ? nla_get_u32(tb[FRA_FWMARK]) : 0;
	object.prefix.addr = netlink_addr(tb[FRA_SRC], info->family);
	object.prefix.len = info->src_len;
	object.odd = has_other(tb, FRA_MAX, ours, ARRAY_SIZE(ours)) || info->dst_len != 0 ||
		     info->action != FR_ACT_TO_TBL || info->tos != 0 ||
		     (info->flags & FIB_RULE_INVERT) ||
		     (tb[FRA_FWMASK] && nla_get_u32(tb[FRA_FWMASK]) != UINT32_MAX) ||
		     (tb[FRA_SUPPRESS_PREFIXLEN] &&
		      nla_get_u32(tb[FRA_SUPPRESS_PREFIXLEN]) != UINT32_MAX);
	return keep(arg, object, message);
}

static int dump_all(struct nl_sock *sk, struct look *look)
{
	struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	static const int families[] = { AF_INET, AF_INET6 };
	int r;

	r = netlink_dump(sk, RTM_GETADDR, &addresses, sizeof(addresses), on_address, look);
	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		struct rtmsg routes = { .rtm_family = families[i], .rtm_protocol = RTPROT_MWAN };
		struct fib_rule_hdr rules = { .family = families[i] };

		r = netlink_dump(sk, RTM_GETROUTE, &routes, sizeof(routes), on_route, look);
		if (r == 0)
			r = netlink_dump(sk, RTM_GETRULE, &rules, sizeof(rules), on_rule, look);
	}
	return r;
}

static void look_done(struct look *look)
{
	object_set_done(&look->set);
}

int observe_net(struct nl_sock *sk, const struct facts *facts, struct object_set *ret,
		struct fault *fault)
{
	_cleanup_(look_done) struct look look = { .facts = facts };
	int r;

	r = dump_all(sk, &look);
	if (r < 0 && r != -EAGAIN)
		return fault_set(fault, r, "our addresses, routes and rules: %s", strerror(-r));
	if (r < 0)
		return r;
	*ret = TAKE(look.set);
	return 0;
}
