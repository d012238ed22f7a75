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
	const struct prefix *prefixes;
	size_t n_prefixes;
	bool (*wants)(const struct search *search, struct nlattr **flow);
	const struct link_fact *self;
	/* The flows to delete: the kernel's own messages, to name them exactly. */
	struct nlmsghdr **found;
	size_t n_found;
};

static bool is_inside(const struct search *search, struct addr addr)
{
	for (size_t i = 0; addr.family && i < search->n_prefixes; i++)
		if (prefix_contains(search->prefixes[i], addr))
			return true;
	return false;
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

static bool is_translated(const struct search *search, struct nlattr **flow)
{
	struct ends there = read_ends(flow[CTA_TUPLE_ORIG]);
	struct ends back = read_ends(flow[CTA_TUPLE_REPLY]);

	return is_inside(search, there.source) || is_inside(search, there.destination) ||
	       is_inside(search, back.source) || is_inside(search, back.destination);
}

static bool is_unmarked(const struct search *search, struct nlattr **flow)
{
	struct addr source = read_ends(flow[CTA_TUPLE_ORIG]).source;

	return (!flow[CTA_MARK] || nla_get_u32(flow[CTA_MARK]) == 0) && is_inside(search, source) &&
	       !link_has_address(search->self, source);
}

static int on_flow(struct nlmsghdr *message, void *arg)
{
	struct nlattr *tb[CTA_MAX + 1];
	struct search *search = arg;
	struct nlmsghdr **v;

	if (nlmsg_parse(message, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0)
		return 0;
	if (!search->wants(search, tb))
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

static int find_flows(struct nl_sock *sk, struct search *search)
{
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	int r;

	/* Which flows there are changes while they are listed; what is missed is not interrupted.
	 */
	r = netlink_dump(sk, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, &header,
			 sizeof(header), on_flow, search);
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

static int delete_found(struct search *search, unsigned *deleted, struct fault *fault)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	int r;

	*deleted = 0;
	r = netlink_open(NETLINK_NETFILTER, &sk, fault);
	if (r < 0)
		return r;
	if (!any_flow(sk))
		return 0;

	r = find_flows(sk, search);
	for (size_t i = 0; i < search->n_found; i++) {
		if (r == 0 && delete_flow(sk, search->found[i]) == 0)
			++*deleted; /* else it ended by itself meanwhile */
		free(search->found[i]);
	}
	free(search->found);
	return r < 0 ? fault_set(fault, r, "conntrack: %s", strerror(-r)) : 0;
}

int conntrack_delete_translated(struct prefix prefix, unsigned *deleted, struct fault *fault)
{
	struct search search = { .prefixes = &prefix, .n_prefixes = 1, .wants = is_translated };

	return delete_found(&search, deleted, fault);
}

int conntrack_delete_unmarked(const struct prefix *prefixes, size_t n, const struct link_fact *self,
			      unsigned *deleted, struct fault *fault)
{
	struct search search = {
		.prefixes = prefixes, .n_prefixes = n, .wants = is_unmarked, .self = self
	};

	return delete_found(&search, deleted, fault);
}

int conntrack_delete_mark(uint32_t mark, struct fault *fault)
{
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	struct netlink_reason why;
	int r;

	r = netlink_open(NETLINK_NETFILTER, &sk, fault);
	if (r < 0)
		return r;
	/* Without a tuple it is a flush, and the kernel looks at the mark. */
	msg = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0);
	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, CTA_MARK, htonl(mark)) < 0 ||
	    nla_put_u32(msg, CTA_MARK_MASK, UINT32_MAX) < 0)
		return -ENOMEM;
	r = netlink_request(sk, msg, &why);
	return r < 0 ? fault_set(fault, r, "conntrack, flows with mark %u: %s", mark, strerror(-r))
		     : 0;
}
