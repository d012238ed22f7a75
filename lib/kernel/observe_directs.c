// SPDX-License-Identifier: GPL-2.0-or-later
// The links of [direct] sections, and who else has routes to their networks in main.
// Routes come link by link; of those that hold a network, the one with the longest prefix counts.

#include "kernel/observe_directs.h"

#include <errno.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

static bool is_among(const struct netlink_names *names, const char *written)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], written) == 0)
			return true;
	return false;
}

void observe_direct_link(const struct config *config, struct nlmsghdr *message,
			 const struct netlink_names *names, struct facts *facts)
{
	struct ifinfomsg *info = nlmsg_data(message);

	for (size_t i = 0; i < config->n_directs; i++) {
		struct direct_fact *direct = &facts->directs[i];
		struct nlattr *mtu = nlmsg_find_attr(message, sizeof(*info), IFLA_MTU);
		const int32_t *inet6;

		if (!is_among(names, config->directs[i].written))
			continue;
		inet6 = netlink_inet6_conf(message);
		direct->link.index = info->ifi_index;
		snprintf(direct->link.name, sizeof(direct->link.name), "%s", names->v[0]);
		direct->mtu = netlink_u32(mtu);
		/* WireGuard's has no link-local address. */
		direct->takes[IPV4] = info->ifi_flags & IFF_UP;
		direct->takes[IPV6] =
			direct->takes[IPV4] && inet6 && inet6[DEVCONF_DISABLE_IPV6] == 0;
	}
}

struct directs_dump {
	const struct config *config;
	struct facts *facts;
	unsigned oif; /* whose routes these are */
};

/* The gateway over that link, of a route that has several. */
static struct addr multipath_via(struct nlattr *multipath, unsigned oif, int family)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);

	for (; netlink_hop_is_whole(hop, left);
	     left -= (int)NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		struct nlattr *tb[RTA_MAX + 1];

		if (hop->rtnh_ifindex == (int)oif &&
		    nla_parse(tb, RTA_MAX, (struct nlattr *)RTNH_DATA(hop),
			      (int)(hop->rtnh_len - sizeof(*hop)), NULL) == 0)
			return netlink_gateway(tb[RTA_GATEWAY], tb[RTA_VIA], family);
	}
	return (struct addr){};
}

static void keep_longest(struct direct_route *route, struct prefix network, struct prefix to,
			 struct addr via)
{
	if (to.len <= network.len && prefix_contains(to, network.addr) &&
	    (!route->found || to.len > route->len))
		*route = (struct direct_route){ true, to.len, via };
}

/* A default route says nothing of a network: it is for everything. */
static int on_route(struct nlmsghdr *message, void *arg)
{
	struct rtmsg *info = nlmsg_data(message);
	struct nlattr *tb[RTA_MAX + 1];
	struct directs_dump *dump = arg;
	struct prefix to = { .len = info->rtm_dst_len };
	struct addr via;

	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_dst_len == 0 ||
	    info->rtm_type != RTN_UNICAST || info->rtm_protocol == RTPROT_MWAN ||
	    info->rtm_table != RT_TABLE_MAIN ||
	    nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0)
		return 0;
	to.addr = netlink_addr(tb[RTA_DST], info->rtm_family);
	via = tb[RTA_MULTIPATH] ? multipath_via(tb[RTA_MULTIPATH], dump->oif, info->rtm_family)
				: netlink_gateway(tb[RTA_GATEWAY], tb[RTA_VIA], info->rtm_family);
	for (size_t i = 0; i < dump->config->n_directs; i++) {
		const struct prefix_list *networks = &dump->config->directs[i].networks;
		struct direct_fact *direct = &dump->facts->directs[i];

		for (size_t n = 0; direct->link.index == dump->oif && n < networks->n; n++)
			keep_longest(&direct->routes[n], networks->v[n], to, via);
	}
	return 0;
}

/* True when an earlier section has the link, whose routes are known then. */
static bool is_known(const struct facts *facts, size_t i)
{
	for (size_t other = 0; other < i; other++)
		if (facts->directs[other].link.index == facts->directs[i].link.index)
			return true;
	return false;
}

int observe_direct_routes(struct nl_sock *sk, const struct config *config, struct facts *facts)
{
	int r = 0;

	for (size_t i = 0; i < facts->n_directs && r == 0; i++) {
		struct directs_dump dump = { config, facts, facts->directs[i].link.index };

		/* An alternative name may be that of a WAN's link, or the LAN's. */
		if (dump.oif && facts_link(facts, dump.oif)) {
			facts->directs[i].link.index = dump.oif = 0;
			facts->directs[i].takes[IPV4] = facts->directs[i].takes[IPV6] = false;
		}

		if (dump.oif && !is_known(facts, i))
			r = netlink_dump_routes(sk, dump.oif, on_route, &dump);
	}
	return r;
}
