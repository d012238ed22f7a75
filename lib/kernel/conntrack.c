// SPDX-License-Identifier: GPL-2.0-or-later
// Flows in the kernel's table: which are misplaced, how many there are, and deleting them.
// A flow is judged by its mark and by the addresses of its two directions.

#include "kernel/conntrack.h"

#include "model/conflict.h"
#include "plan/hairpin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <stdbool.h>
#include <string.h>

#define MESSAGE(name) (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_##name)

static const struct nfgenmsg any_family = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };

/* True for an address of the LAN side that is not the router's own. */
static bool is_inside(const struct site *site, struct addr addr)
{
	return config_inside_of(site->config, addr).len > 0 &&
	       !link_has_address(&site->facts.lan, addr);
}

/* True when packets of that WAN may have the address as their outside one. */
static bool is_outside(const struct site *site, size_t wan, struct addr addr)
{
	const struct config *config = site->config;
	bool mapped = false; /* but not usable there */

	if (!addr.family)
		return false;
	for (size_t i = 0; i < config->n_map4; i++) {
		if (addr_cmp(map4_public(config, &site->facts, i, wan), addr) != 0)
			continue;
		if (map4_is_usable(config, &site->facts, i, wan))
			return true;
		mapped = true;
	}
	if (mapped)
		return false;
	if (npt_active(config, &site->npt, wan) &&
	    prefix_contains(npt_outside(config, &site->npt, wan), addr))
		return true;
	return link_has_address(&site->facts.wans[wan].link, addr);
}

/* The addresses of one direction of a flow. */
struct flow_ends {
	struct addr source, destination;
};

static struct flow_ends read_ends(struct nlattr *tuple)
{
	struct nlattr *tb[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1];

	if (!tuple || nla_parse_nested(tb, CTA_TUPLE_MAX, tuple, NULL) < 0 || !tb[CTA_TUPLE_IP] ||
	    nla_parse_nested(ip, CTA_IP_MAX, tb[CTA_TUPLE_IP], NULL) < 0)
		return (struct flow_ends){};
	if (ip[CTA_IP_V4_SRC])
		return (struct flow_ends){ netlink_addr(ip[CTA_IP_V4_SRC], AF_INET),
					   netlink_addr(ip[CTA_IP_V4_DST], AF_INET) };
	return (struct flow_ends){ netlink_addr(ip[CTA_IP_V6_SRC], AF_INET6),
				   netlink_addr(ip[CTA_IP_V6_DST], AF_INET6) };
}

/* True for a flow from inside to this machine's address there, to a neighbour, or to many. */
static bool stays_inside(const struct site *site, struct flow_ends there)
{
	return is_inside(site, there.source) &&
	       (config_inside_of(site->config, there.destination).len > 0 ||
		link_has_address(&site->facts.lan, there.destination) ||
		!addr_is_host(there.destination));
}

/*
 * True for a flow that is turned round on the LAN as it would be now, or ends at the router. One
 * that shows the router's own address goes on, also when its host has got one on that WAN.
 */
static bool is_turned(const struct site *site, struct flow_ends there, struct flow_ends back)
{
	const struct hairpin *hairpin = hairpins_find(&site->hairpins, there.destination);

	if (!hairpin || !hairpin->inside.addr.family)
		return hairpin != NULL;
	return addr_cmp(hairpin_inside(hairpin, there.destination), back.source) == 0 &&
	       (addr_cmp(hairpin_source(site, hairpin, there.source), back.destination) == 0 ||
		link_has_address(&site->facts.lan, back.destination) ||
		addr_is_linklocal(back.destination));
}

static bool is_misplaced(const struct site *site, struct nlattr **flow)
{
	struct flow_ends there = read_ends(flow[CTA_TUPLE_ORIG]);
	struct flow_ends back = read_ends(flow[CTA_TUPLE_REPLY]);
	uint32_t mark = ntohl(netlink_u32(flow[CTA_MARK]));

	if (stays_inside(site, there))
		return false;
	if (mark == 0)
		return is_inside(site, there.source) && !is_turned(site, there, back) &&
		       !config_direct_of(site->config, there.destination);
	if (is_inside(site, there.source) && hairpins_find(&site->hairpins, there.destination))
		return true;
	for (size_t i = 0; i < site->config->n_wans; i++)
		if (site->config->wans[i].mark == mark)
			/* From inside, answers go to it. From outside, it is the destination. */
			return !is_outside(site, i, back.destination) &&
			       !is_outside(site, i, there.destination);
	return true;
}

/* Which flows to delete; without `keeps` and `again`, the misplaced ones. */
struct conntrack_search {
	const struct site *site;
	/* Those from inside over a WAN that are not kept; they are added to `released`. */
	conntrack_keeps keeps;
	size_t wan;
	struct released_flows *released;
	/* Those that an answer to one of these has begun anew. */
	const struct released_flows *again;
	struct nlmsghdr **found; /* owned; the kernel's own messages name the flows exactly */
	size_t n_found;
};

static bool is_released(const struct conntrack_search *search, struct nlattr **flow)
{
	const struct site *site = search->site;
	uint32_t mark = ntohl(netlink_u32(flow[CTA_MARK]));

	return mark == site->config->wans[search->wan].mark &&
	       is_inside(site, read_ends(flow[CTA_TUPLE_ORIG]).source) &&
	       !search->keeps(site, search->wan, flow[CTA_TUPLE_ORIG]);
}

static bool is_sought(const struct conntrack_search *search, struct nlattr **flow)
{
	struct flow_tuple there;

	if (search->keeps)
		return is_released(search, flow);
	if (!search->again)
		return is_misplaced(search->site, flow);
	there = flow_tuple_read(flow[CTA_TUPLE_ORIG]);
	return search->again->n > 0 &&
	       bsearch(&there, search->again->v, search->again->n, sizeof(there), flow_tuple_cmp);
}

static int on_flow(struct nlmsghdr *message, void *arg)
{
	struct nlattr *tb[CTA_MAX + 1];
	struct conntrack_search *search = arg;
	struct nlmsghdr *copy;

	if (nlmsg_parse(message, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0)
		return 0;
	if (!is_sought(search, tb))
		return 0;
	if (search->released && APPEND(search->released->v, search->released->n,
				       flow_tuple_read(tb[CTA_TUPLE_REPLY])) < 0)
		return -ENOMEM;

	copy = netlink_copy(message);
	if (copy && APPEND(search->found, search->n_found, copy) == 0)
		return 0;
	free(copy);
	return -ENOMEM;
}

static int delete_flow(struct nl_sock *sk, struct nlmsghdr *flow)
{
	static const int types[] = { CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID };
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(MESSAGE(DELETE), 0, nlmsg_data(flow), sizeof(struct nfgenmsg));
	struct nlattr *tb[CTA_MAX + 1];

	if (!msg || nlmsg_parse(flow, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct nlattr *attr = tb[types[i]];

		if (attr && nla_put(msg, attr->nla_type, nla_len(attr), nla_data(attr)) < 0)
			return -ENOMEM;
	}
	return netlink_request(sk, msg, NULL);
}

static int dump_flows(struct nl_sock *nfnl, const struct nfgenmsg *header, netlink_each each,
		      void *arg)
{
	int r = netlink_dump(nfnl, MESSAGE(GET), header, sizeof(*header), each, arg);

	/* Flows come and go while they are listed: an interrupted dump is good enough. */
	return r == -EAGAIN ? 0 : r;
}

int conntrack_dump(struct nl_sock *nfnl, netlink_each each, void *arg)
{
	return dump_flows(nfnl, &any_family, each, arg);
}

static int on_stats(struct nlmsghdr *message, void *arg)
{
	struct nlattr *entries =
		nlmsg_find_attr(message, sizeof(struct nfgenmsg), CTA_STATS_GLOBAL_ENTRIES);

	if (entries)
		*(uint32_t *)arg = ntohl(netlink_u32(entries));
	return 0;
}

/* True when there are flows at all. Even to list none, the kernel walks its whole table. */
static bool any_flow(struct nl_sock *sk)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(MESSAGE(GET_STATS), 0, &any_family, sizeof(any_family));
	uint32_t count = 1;

	if (msg)
		netlink_get(sk, msg, on_stats, &count);
	return count > 0;
}

/* Deletes the flows of the family that are searched. 0 or a negative errno with a fault. */
static int delete_found(struct nl_sock *nfnl, struct conntrack_search *search, int family,
			unsigned *deleted, struct fault *fault)
{
	struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };
	int r;

	*deleted = 0;
	if (!any_flow(nfnl))
		return 0;

	r = dump_flows(nfnl, &header, on_flow, search);
	for (size_t i = 0; i < search->n_found; i++) {
		if (r == 0)
			r = delete_flow(nfnl, search->found[i]);
		*deleted += r == 0;
		if (r == -ENOENT)
			r = 0; /* it ended by itself meanwhile */
		free(search->found[i]);
	}
	free(search->found);
	return r < 0 ? fault_set(fault, r, "conntrack: %s", strerror(-r)) : 0;
}

int conntrack_audit(struct nl_sock *nfnl, const struct site *site, unsigned *deleted,
		    struct fault *fault)
{
	struct conntrack_search search = { .site = site };

	return delete_found(nfnl, &search, AF_UNSPEC, deleted, fault);
}

int conntrack_release(struct nl_sock *nfnl, const struct site *site, size_t wan, enum family family,
		      conntrack_keeps keeps, unsigned *deleted, struct released_flows *released,
		      struct fault *fault)
{
	struct conntrack_search search = {
		.site = site, .keeps = keeps, .wan = wan, .released = released
	};
	int r = delete_found(nfnl, &search, family_af(family), deleted, fault);

	if (released->n > 0)
		qsort(released->v, released->n, sizeof(*released->v), flow_tuple_cmp);
	return r;
}

int conntrack_release_again(struct nl_sock *nfnl, const struct released_flows *released,
			    struct fault *fault)
{
	struct conntrack_search search = { .again = released };
	unsigned deleted;

	return delete_found(nfnl, &search, AF_UNSPEC, &deleted, fault);
}

/* ---- counting ---- */

struct conntrack_counting {
	const struct site *site;
	struct flow_census *census;
};

/*
 * True for a flow from inside to this machine, and for one from a neighbour, such as an ISP's
 * DHCPv6 server. They need no WAN, whatever their mark says.
 */
static bool is_to_router(const struct site *site, struct flow_ends there)
{
	bool local = false;

	for (size_t i = 0; i < site->config->n_wans; i++)
		local |= is_outside(site, i, there.destination);
	return (local && is_inside(site, there.source)) || addr_is_linklocal(there.source);
}

static int on_counted_flow(struct nlmsghdr *message, void *arg)
{
	struct conntrack_counting *counting = arg;
	const struct config *config = counting->site->config;
	struct flow_census *census = counting->census;
	struct nfgenmsg *header = nlmsg_data(message);
	struct nlattr *tb[CTA_MAX + 1];
	struct flow_ends there;
	uint32_t mark;

	if (nlmsg_parse(message, sizeof(*header), tb, CTA_MAX, NULL) < 0)
		return 0;
	mark = ntohl(netlink_u32(tb[CTA_MARK]));
	for (size_t i = 0; i < config->n_wans; i++)
		if (config->wans[i].mark == mark)
			census->of[i][family_of_af(header->nfgen_family)]++;
	there = read_ends(tb[CTA_TUPLE_ORIG]);
	if (is_misplaced(counting->site, tb) && !is_to_router(counting->site, there) &&
	    census->n_misplaced++ == 0) {
		census->mark = mark;
		census->source = there.source;
		census->outside = read_ends(tb[CTA_TUPLE_REPLY]).destination;
	}
	return 0;
}

int conntrack_count(struct nl_sock *nfnl, const struct site *site, struct flow_census *ret,
		    struct fault *fault)
{
	_cleanup_(flow_census_done) struct flow_census census = {
		.of = calloc(site->config->n_wans, sizeof(*census.of))
	};
	struct conntrack_counting counting = { site, &census };
	int r;

	if (!census.of)
		return -ENOMEM;
	r = conntrack_dump(nfnl, on_counted_flow, &counting);
	if (r < 0)
		return fault_set(fault, r, "conntrack: %s", strerror(-r));
	*ret = TAKE(census);
	return 0;
}

int conntrack_flush(struct nl_sock *nfnl, uint32_t mark, enum family family, struct fault *fault)
{
	/* In version 0, the kernel deletes the flows of both families. */
	struct nfgenmsg header = { .nfgen_family = family_af(family), .version = 1 };
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(MESSAGE(DELETE), 0, &header, sizeof(header));
	struct netlink_reason why;
	int r;

	if (!msg || nla_put_u32(msg, CTA_MARK, htonl(mark)) < 0 ||
	    nla_put_u32(msg, CTA_MARK_MASK, htonl(UINT32_MAX)) < 0)
		return -ENOMEM;
	r = netlink_request(nfnl, msg, &why);
	return r < 0 ? fault_set(fault, r, "conntrack: %s%s", strerror(-r), why.text) : 0;
}

/* One of the kernel's CTA_FILTER_F_…, which no header has. */
#define FILTER_IP_DST (1U << 1)

/* What the answers of a flow go to. */
static int put_destination(struct nl_msg *msg, struct addr outside)
{
	struct nlattr *tuple = nla_nest_start(msg, CTA_TUPLE_REPLY | NLA_F_NESTED);
	struct nlattr *ip = tuple ? nla_nest_start(msg, CTA_TUPLE_IP | NLA_F_NESTED) : NULL;
	int type = outside.family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST;

	if (!ip || nla_put(msg, type, (int)addr_size(outside.family), outside.bytes) < 0)
		return -ENOMEM;
	nla_nest_end(msg, ip);
	nla_nest_end(msg, tuple);
	return 0;
}

int conntrack_forget(struct nl_sock *nfnl, uint32_t mark, struct addr outside)
{
	struct nfgenmsg header = { .nfgen_family = outside.family, .version = NFNETLINK_V0 };
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(MESSAGE(DELETE), 0, &header, sizeof(header));
	struct nlattr *filter;

	if (!msg || nla_put_u32(msg, CTA_MARK, htonl(mark)) < 0 ||
	    nla_put_u32(msg, CTA_MARK_MASK, htonl(UINT32_MAX)) < 0 ||
	    put_destination(msg, outside) < 0)
		return -ENOMEM;
	filter = nla_nest_start(msg, CTA_FILTER | NLA_F_NESTED);
	if (!filter || nla_put_u32(msg, CTA_FILTER_ORIG_FLAGS, 0) < 0 ||
	    nla_put_u32(msg, CTA_FILTER_REPLY_FLAGS, FILTER_IP_DST) < 0)
		return -ENOMEM;
	nla_nest_end(msg, filter);
	return netlink_request(nfnl, msg, NULL);
}
