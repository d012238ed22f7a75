#include "conntrack.h"

#include "nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <stdbool.h>
#include <string.h>

struct search {
	const struct config *config;
	const struct facts *facts;
	const struct npt_state *npt;
	/* The flows to delete: the kernel's own messages, to name them exactly. */
	struct nlmsghdr **found;
	size_t n_found;
};

/* True for an address of the LAN side, but for the router's own. */
static bool is_inside(const struct search *search, struct addr addr)
{
	const struct config *config = search->config;

	return addr.family && !link_has_address(&search->facts->lan, addr) &&
	       (prefix_contains(config->lan.prefix4, addr) ||
		(config->lan.prefix6.len > 0 && prefix_contains(config->lan.prefix6, addr)) ||
		(config->lan.router6.family && addr_cmp(config->lan.router6, addr) == 0));
}

/* True when packets of this WAN may have that address as their outside one. */
static bool is_outside(const struct search *search, size_t wan, struct addr addr)
{
	const struct config *config = search->config;

	if (!addr.family)
		return false;
	for (size_t i = 0; i < config->n_map4; i++)
		if (addr_cmp(config->map4[i].public[wan], addr) == 0)
			return true;
	if (npt_active(config, search->npt, wan) &&
	    prefix_contains(npt_outside(config, search->npt, wan), addr))
		return true;
	return link_has_address(&search->facts->wans[wan].link, addr);
}

/* The addresses of one direction of a flow. */
struct ends {
	struct addr source, destination;
};

static struct ends read_ends(struct nlattr *tuple)
{
	struct nlattr *tb[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1];

	if (!tuple || nla_parse_nested(tb, CTA_TUPLE_MAX, tuple, NULL) < 0 || !tb[CTA_TUPLE_IP] ||
	    nla_parse_nested(ip, CTA_IP_MAX, tb[CTA_TUPLE_IP], NULL) < 0)
		return (struct ends){};
	if (ip[CTA_IP_V4_SRC])
		return (struct ends){ netlink_addr(ip[CTA_IP_V4_SRC], AF_INET),
				      netlink_addr(ip[CTA_IP_V4_DST], AF_INET) };
	return (struct ends){ netlink_addr(ip[CTA_IP_V6_SRC], AF_INET6),
			      netlink_addr(ip[CTA_IP_V6_DST], AF_INET6) };
}

static bool is_misplaced(const struct search *search, struct nlattr **flow)
{
	struct ends there = read_ends(flow[CTA_TUPLE_ORIG]);
	struct ends back = read_ends(flow[CTA_TUPLE_REPLY]);
	uint32_t mark = flow[CTA_MARK] ? ntohl(nla_get_u32(flow[CTA_MARK])) : 0;

	if (mark == 0)
		return is_inside(search, there.source);
	for (size_t i = 0; i < search->config->n_wans; i++)
		if (search->config->wans[i].mark == mark)
			/* What answers go to, of a flow from inside; what it was sent to, else. */
			return !is_outside(search, i, back.destination) &&
			       !is_outside(search, i, there.destination);
	return true;
}

static int on_flow(struct nlmsghdr *message, void *arg)
{
	struct nlattr *tb[CTA_MAX + 1];
	struct search *search = arg;
	struct nlmsghdr **v;

	if (nlmsg_parse(message, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0)
		return 0;
	if (!is_misplaced(search, tb))
		return 0;

	v = reallocarray(search->found, search->n_found + 1, sizeof(struct nlmsghdr *));
	if (!v)
		return -ENOMEM;
	search->found = v;
	v[search->n_found] = malloc(message->nlmsg_len);
	if (!v[search->n_found])
		return -ENOMEM;
	memcpy(v[search->n_found++], message, message->nlmsg_len);
	return 0;
}

static int delete_flow(struct nl_sock *sk, struct nlmsghdr *flow)
{
	static const int names[] = { CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID };
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	struct nlattr *tb[CTA_MAX + 1];
	struct netlink_reason why;

	msg = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0);
	if (!msg ||
	    nlmsg_append(msg, nlmsg_data(flow), sizeof(struct nfgenmsg), NLMSG_ALIGNTO) < 0 ||
	    nlmsg_parse(flow, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (tb[names[i]] && nla_put(msg, tb[names[i]]->nla_type, nla_len(tb[names[i]]),
					    nla_data(tb[names[i]])) < 0)
			return -ENOMEM;
	return netlink_request(sk, msg, &why);
}

static int dump_flows(struct nl_sock *sk, netlink_each each, void *arg)
{
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	int r;

	/* Which flows there are changes while they are listed; what is missed is not interrupted.
	 */
	r = netlink_dump(sk, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, &header,
			 sizeof(header), each, arg);
	return r == -EAGAIN ? 0 : r;
}

static int on_stats(struct nlmsghdr *message, void *arg)
{
	struct nlattr *entries =
		nlmsg_find_attr(message, sizeof(struct nfgenmsg), CTA_STATS_GLOBAL_ENTRIES);

	if (entries)
		*(uint32_t *)arg = ntohl(nla_get_u32(entries));
	return 0;
}

/* True when there are flows at all: to list none, the kernel walks its whole table. */
static bool any_flow(struct nl_sock *sk)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	uint32_t count = 1;

	msg = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS, 0);
	if (msg && nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) == 0)
		netlink_get(sk, msg, on_stats, &count);
	return count > 0;
}

int conntrack_audit(struct nl_sock *nfnl, const struct config *config, const struct facts *facts,
		    const struct npt_state *npt, unsigned *deleted, struct fault *fault)
{
	struct search search = { .config = config, .facts = facts, .npt = npt };
	int r;

	*deleted = 0;
	if (!any_flow(nfnl))
		return 0;

	r = dump_flows(nfnl, on_flow, &search);
	for (size_t i = 0; i < search.n_found; i++) {
		if (r == 0 && delete_flow(nfnl, search.found[i]) == 0)
			++*deleted; /* else it ended by itself meanwhile */
		free(search.found[i]);
	}
	free(search.found);
	return r < 0 ? fault_set(fault, r, "conntrack: %s", strerror(-r)) : 0;
}

/* ---- only to look ---- */

struct census_look {
	const struct search *search;
	struct flow_census *census;
};

/*
 * From inside to this machine, or from a neighbour, such as an ISP's DHCPv6 server: such a flow
 * needs no WAN, whatever its mark says.
 */
static bool is_to_router(const struct search *search, struct ends there)
{
	bool local = link_has_address(&search->facts->lan, there.destination);

	for (size_t i = 0; i < search->config->n_wans; i++)
		local |= is_outside(search, i, there.destination);
	return (local && is_inside(search, there.source)) || addr_is_linklocal(there.source);
}

static int on_counted_flow(struct nlmsghdr *message, void *arg)
{
	struct census_look *look = arg;
	const struct config *config = look->search->config;
	struct flow_census *census = look->census;
	struct nfgenmsg *header = nlmsg_data(message);
	struct nlattr *tb[CTA_MAX + 1];
	struct ends there;
	uint32_t mark;

	if (nlmsg_parse(message, sizeof(*header), tb, CTA_MAX, NULL) < 0)
		return 0;
	mark = tb[CTA_MARK] ? ntohl(nla_get_u32(tb[CTA_MARK])) : 0;
	for (size_t i = 0; i < config->n_wans; i++)
		if (config->wans[i].mark == mark)
			census->of[i][header->nfgen_family == AF_INET ? IPV4 : IPV6]++;
	there = read_ends(tb[CTA_TUPLE_ORIG]);
	if (is_misplaced(look->search, tb) && !is_to_router(look->search, there) &&
	    census->n_misplaced++ == 0) {
		census->mark = mark;
		census->source = there.source;
		census->outside = read_ends(tb[CTA_TUPLE_REPLY]).destination;
	}
	return 0;
}

int conntrack_count(struct nl_sock *nfnl, const struct config *config, const struct facts *facts,
		    const struct npt_state *npt, struct flow_census *ret, struct fault *fault)
{
	_cleanup_(flow_census_done) struct flow_census census = {
		.of = calloc(config->n_wans, sizeof(*census.of))
	};
	const struct search search = { .config = config, .facts = facts, .npt = npt };
	struct census_look look = { &search, &census };
	int r;

	if (!census.of)
		return -ENOMEM;
	r = dump_flows(nfnl, on_counted_flow, &look);
	if (r < 0)
		return fault_set(fault, r, "conntrack: %s", strerror(-r));
	*ret = TAKE(census);
	return 0;
}

int conntrack_flush(struct nl_sock *nfnl, uint32_t mark, enum family family, struct fault *fault)
{
	/* Of version 0, the kernel takes any family for both. */
	struct nfgenmsg header = { .nfgen_family = family_af(family), .version = 1 };
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	struct netlink_reason why;
	int r;

	msg = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0);
	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, CTA_MARK, htonl(mark)) < 0 ||
	    nla_put_u32(msg, CTA_MARK_MASK, htonl(UINT32_MAX)) < 0)
		return -ENOMEM;
	r = netlink_request(nfnl, msg, &why);
	return r < 0 ? fault_set(fault, r, "conntrack: %s%s", strerror(-r), why.text) : 0;
}
