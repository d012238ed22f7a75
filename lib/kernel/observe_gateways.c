// SPDX-License-Identifier: GPL-2.0-or-later
// The gateways of each WAN, from the default routes over its link, however they are written.
// Routes come link by link; where a link has several routers, its neighbours say who answers.

#include "kernel/observe_gateways.h"

#include "base/log.h"

#include <errno.h>
#include <linux/icmpv6.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <unistd.h>

struct gateways_dump {
	const struct config *config;
	struct facts *facts;
	struct nl_sock *sk;
	/* Default routes that name a nexthop object by its id only. */
	struct gateways_unresolved {
		uint32_t id;
		struct gateway_fact found; /* all but `via` */
		enum family family;
	} * unresolved;
	size_t n_unresolved;
};

static int add_gateway(struct gateways_dump *dump, unsigned oif, enum family family,
		       struct gateway_fact found)
{
	int r = 0;

	for (size_t i = 0; i < dump->facts->n_wans && r == 0; i++) {
		struct wan_facts *wan = &dump->facts->wans[i];

		if (wan->link.link.index == oif &&
		    dump->config->wans[i].gateway_mode[family] != GATEWAY_NONE)
			r = router_list_add(&wan->routers[family], found);
	}
	return r;
}

/* found: all but `via`, which each hop has. */
static int add_multipath(struct gateways_dump *dump, struct nlattr *multipath, enum family family,
			 struct gateway_fact found)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath), r = 0;

	while (r == 0 && netlink_hop_is_whole(hop, left)) {
		struct nlattr *tb[RTA_MAX + 1];

		if (nla_parse(tb, RTA_MAX, (struct nlattr *)RTNH_DATA(hop),
			      (int)(hop->rtnh_len - sizeof(*hop)), NULL) == 0) {
			found.via =
				netlink_gateway(tb[RTA_GATEWAY], tb[RTA_VIA], family_af(family));
			r = add_gateway(dump, hop->rtnh_ifindex, family, found);
		}
		left -= (int)NLMSG_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return r;
}

/* A lifetime is told by what is left of it. */
static uint64_t read_end(struct nlattr *attr)
{
	const struct rta_cacheinfo *info = netlink_data(attr, sizeof(*info));
	uint64_t now_us = clock_us(CLOCK_MONOTONIC);
	int64_t left_us;

	if (!info || info->rta_expires == 0)
		return 0;
	left_us = (int64_t)info->rta_expires * 1000000 / sysconf(_SC_CLK_TCK);
	return left_us > 0 ? now_us + left_us : now_us;
}

/* What the route says of its gateways, all but `via`. */
static struct gateway_fact read_default(const struct rtmsg *info, struct nlattr **tb)
{
	struct gateway_fact found = { .present = true };
	uint8_t preference = netlink_u8(tb[RTA_PREF]);

	found.metric = netlink_u32(tb[RTA_PRIORITY]);
	found.source = netlink_addr(tb[RTA_PREFSRC], info->rtm_family);
	found.end_us = read_end(tb[RTA_CACHEINFO]);
	if (tb[RTA_METRICS]) {
		struct nlattr *mtu =
			nla_find(nla_data(tb[RTA_METRICS]), nla_len(tb[RTA_METRICS]), RTAX_MTU);

		found.mtu = netlink_u32(mtu);
	}
	if (preference == ICMPV6_ROUTER_PREF_HIGH || preference == ICMPV6_ROUTER_PREF_LOW)
		found.preference = preference == ICMPV6_ROUTER_PREF_HIGH ? 1 : -1;
	return found;
}

static int on_default(struct gateways_dump *dump, const struct rtmsg *info, struct nlattr **tb)
{
	enum family family = family_of_af(info->rtm_family);
	struct gateway_fact found = read_default(info, tb);

	if (tb[RTA_MULTIPATH])
		return add_multipath(dump, tb[RTA_MULTIPATH], family, found);
	if (tb[RTA_OIF]) {
		found.via = netlink_gateway(tb[RTA_GATEWAY], tb[RTA_VIA], info->rtm_family);
		return add_gateway(dump, netlink_u32(tb[RTA_OIF]), family, found);
	}
	if (!tb[RTA_NH_ID])
		return 0;
	return APPEND(dump->unresolved, dump->n_unresolved,
		      (struct gateways_unresolved){ netlink_u32(tb[RTA_NH_ID]), found, family });
}

/* A router advertises that its hosts are on the link, or an address of ours says so. */
static int on_prefix(struct gateways_dump *dump, const struct rtmsg *info, struct nlattr **tb)
{
	struct onlink6 to = { { netlink_addr(tb[RTA_DST], AF_INET6), info->rtm_dst_len },
			      info->rtm_protocol == RTPROT_RA };
	int r = 0;

	if (tb[RTA_GATEWAY] || tb[RTA_MULTIPATH] || !tb[RTA_OIF] ||
	    addr_is_linklocal(to.prefix.addr))
		return 0;
	for (size_t i = 0; i < dump->facts->n_wans && r == 0; i++) {
		struct wan_facts *wan = &dump->facts->wans[i];

		if (wan->link.link.index == netlink_u32(tb[RTA_OIF]))
			r = APPEND(wan->onlink6, wan->n_onlink6, to);
	}
	return r;
}

static bool is_of_link(const struct rtmsg *info)
{
	return info->rtm_family == AF_INET6 && info->rtm_dst_len < 128 &&
	       (info->rtm_protocol == RTPROT_RA || info->rtm_protocol == RTPROT_KERNEL);
}

static int on_route(struct nlmsghdr *message, void *arg)
{
	struct rtmsg *info = nlmsg_data(message);
	struct nlattr *tb[RTA_MAX + 1];
	struct gateways_dump *dump = arg;

	/* Other routes over the link need no parsing. */
	if (message->nlmsg_type != RTM_NEWROUTE || (info->rtm_dst_len != 0 && !is_of_link(info)) ||
	    info->rtm_type != RTN_UNICAST || info->rtm_protocol == RTPROT_MWAN ||
	    info->rtm_table != RT_TABLE_MAIN ||
	    nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0)
		return 0;
	return info->rtm_dst_len == 0 ? on_default(dump, info, tb) : on_prefix(dump, info, tb);
}

/*
 * The kernel reports the gateways of routes over nexthop objects too, unless
 * net.ipv4.nexthop_compat_mode is 0. Then the object is asked for, and the members of a group.
 */
struct nexthop_request {
	struct gateways_dump *dump;
	const struct gateways_unresolved *route;
	uint32_t members[64];
	size_t n_members;
};

static int on_nexthop(struct nlmsghdr *message, void *arg)
{
	struct nhmsg *info = nlmsg_data(message);
	struct nexthop_request *request = arg;
	struct nlattr *tb[NHA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWNEXTHOP ||
	    nlmsg_parse(message, sizeof(*info), tb, NHA_MAX, NULL) < 0)
		return 0;
	if (tb[NHA_GROUP]) {
		struct nexthop_grp *group = nla_data(tb[NHA_GROUP]);

		for (size_t i = 0; i < nla_len(tb[NHA_GROUP]) / sizeof(*group) &&
				   request->n_members < ARRAY_SIZE(request->members);
		     i++)
			request->members[request->n_members++] = group[i].id;
	} else if (tb[NHA_OIF]) {
		struct gateway_fact found = request->route->found;

		found.via = netlink_addr(tb[NHA_GATEWAY], info->nh_family);
		return add_gateway(request->dump, netlink_u32(tb[NHA_OIF]), request->route->family,
				   found);
	}
	return 0;
}

static int get_nexthop(struct nexthop_request *request, uint32_t id)
{
	struct nhmsg header = {};
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(RTM_GETNEXTHOP, 0, &header, sizeof(header));
	int r;

	if (!msg || nla_put_u32(msg, NHA_ID, id) < 0)
		return -ENOMEM;
	r = netlink_get(request->dump->sk, msg, on_nexthop, request);
	/* When the object has gone meanwhile, so has its route. */
	return r == -ENOENT ? 0 : r;
}

static int resolve_nexthop(struct gateways_dump *dump, const struct gateways_unresolved *route)
{
	struct nexthop_request request = { .dump = dump, .route = route };
	int r = get_nexthop(&request, route->id);

	for (size_t i = 0; i < request.n_members && r == 0; i++)
		r = get_nexthop(&request, request.members[i]);
	return r;
}

/* True when no other machine can have the address: it is ours, or an end of a prefix. */
static bool is_no_gateway(const struct facts *facts, const struct link_fact *link, struct addr addr)
{
	for (size_t i = 0; i < facts->n_wans; i++)
		if (link_has_address(&facts->wans[i].link, addr))
			return true;
	for (size_t i = 0; i < link->n_addresses; i++) {
		struct prefix at = link->addresses[i];

		if (addr.family == AF_INET && at.len <= 30 && prefix_contains(at, addr) &&
		    !prefix_has_host(at, addr))
			return true;
	}
	return link_has_address(&facts->lan, addr);
}

/* The best of the kernel's own default routes; metric UINT32_MAX: there is none. */
static struct gateway_fact best_own(const struct router_list *routers)
{
	struct gateway_fact best = { .metric = UINT32_MAX };

	for (size_t i = 0; i < routers->n; i++)
		if (routers->v[i].gateway.metric < best.metric)
			best = routers->v[i].gateway;
	return best;
}

static int use_fixed_gateway(struct gateways_dump *dump, size_t wan, enum family family)
{
	const struct wan_conf *conf = &dump->config->wans[wan];
	struct wan_facts *fact = &dump->facts->wans[wan];
	struct router_list *routers = &fact->routers[family];
	struct gateway_fact found = { .present = true, .via = conf->gateway[family] };

	if (conf->gateway_mode[family] != GATEWAY_FIXED)
		return 0;
	/* What else the kernel's own route says, counts with a fixed gateway too. */
	found.source = best_own(routers).source;
	found.mtu = best_own(routers).mtu;
	routers->n = 0;
	if (!fact->link.up)
		return 0;
	/* Whether the kernel refuses such a gateway depends on the table: we always do. */
	if (!is_no_gateway(dump->facts, &fact->link, found.via))
		return router_list_add(routers, found);
	log_event(LOG_WARNING, EVENT_GATEWAY_BAD, FIELDS(LOG_WAN(conf->name, family)),
		  "%s: gateway%c can't be %s: it is no other machine's", conf->name,
		  family_digit(family), addr_str(found.via).s);
	return 0;
}

static int dump_gateways(struct gateways_dump *dump)
{
	int r = 0;

	for (size_t i = 0; i < dump->facts->n_wans && r == 0; i++)
		if (dump->facts->wans[i].link.link.index)
			r = netlink_dump_routes(dump->sk, dump->facts->wans[i].link.link.index,
						on_route, dump);
	for (size_t i = 0; i < dump->n_unresolved && r == 0; i++)
		r = resolve_nexthop(dump, &dump->unresolved[i]);
	for (size_t i = 0; i < dump->facts->n_wans && r == 0; i++)
		for (enum family family = 0; family < N_FAMILIES && r == 0; family++)
			r = use_fixed_gateway(dump, i, family);
	return r;
}

/* ---- several routers on a link ---- */

/* The kernel has asked for the router, and has no answer yet, or will not get one. */
static int on_neighbour(struct nlmsghdr *message, void *arg)
{
	struct ndmsg *info = nlmsg_data(message);
	struct nlattr *address = nlmsg_find_attr(message, sizeof(*info), NDA_DST);
	struct router_list *routers = arg;

	if (message->nlmsg_type != RTM_NEWNEIGH || !address ||
	    !(info->ndm_state & (NUD_FAILED | NUD_INCOMPLETE)))
		return 0;
	for (size_t i = 0; i < routers->n; i++)
		if (addr_cmp(routers->v[i].gateway.via, netlink_addr(address, info->ndm_family)) ==
		    0)
			routers->v[i].silent = true;
	return 0;
}

static int find_silent(struct nl_sock *sk, unsigned ifindex, enum family family,
		       struct router_list *routers)
{
	struct ndmsg header = { .ndm_family = family_af(family) };
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(RTM_GETNEIGH, 0, &header, sizeof(header));
	int r;

	if (!msg || nla_put_u32(msg, NDA_IFINDEX, ifindex) < 0)
		return -ENOMEM;
	r = netlink_dump_msg(sk, msg, on_neighbour, routers);
	/* They come and go: an interrupted dump is good enough. */
	return r == -EAGAIN ? 0 : r;
}

int observe_gateways(struct nl_sock *sk, const struct config *config,
		     const struct router_opinions *opinions, struct facts *facts)
{
	struct gateways_dump dump = { .config = config, .facts = facts, .sk = sk };
	int r = dump_gateways(&dump);

	free(dump.unresolved);
	for (size_t i = 0; i < facts->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES && r == 0; family++)
			/* A single one is used, whether it answers or not. */
			if (facts->wans[i].routers[family].n > 1)
				r = find_silent(sk, facts->wans[i].link.link.index, family,
						&facts->wans[i].routers[family]);
	facts_choose_gateways(facts, opinions);
	return r;
}
