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
	int which;
	/* The flows to delete: the kernel's own messages, to name them exactly. */
	struct nlmsghdr **found;
	size_t n_found;
};

static bool is_inside(const struct search *search, const struct nlattr *attr, int family)
{
	struct addr addr = netlink_addr(attr, family);

	for (size_t i = 0; i < search->n_prefixes; i++)
		if (addr.family && prefix_contains(search->prefixes[i], addr))
			return true;
	return false;
}

static bool tuple_is_inside(const struct search *search, struct nlattr *tuple)
{
	struct nlattr *tb[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1];

	if (!tuple || nla_parse_nested(tb, CTA_TUPLE_MAX, tuple, NULL) < 0 || !tb[CTA_TUPLE_IP] ||
	    nla_parse_nested(ip, CTA_IP_MAX, tb[CTA_TUPLE_IP], NULL) < 0)
		return false;
	return is_inside(search, ip[CTA_IP_V4_SRC], AF_INET) ||
	       is_inside(search, ip[CTA_IP_V4_DST], AF_INET) ||
	       is_inside(search, ip[CTA_IP_V6_SRC], AF_INET6) ||
	       is_inside(search, ip[CTA_IP_V6_DST], AF_INET6);
}

static int on_flow(struct nlmsghdr *message, void *arg)
{
	struct nlattr *tb[CTA_MAX + 1];
	struct search *search = arg;
	struct nlmsghdr **v;

	if (nlmsg_parse(message, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL) < 0)
		return 0;
	if (search->which == FLOWS_UNMARKED && tb[CTA_MARK] && nla_get_u32(tb[CTA_MARK]) != 0)
		return 0;
	if (!tuple_is_inside(search, tb[CTA_TUPLE_ORIG]) &&
	    !tuple_is_inside(search, tb[CTA_TUPLE_REPLY]))
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

int conntrack_delete(const struct prefix *prefixes, size_t n, int which, unsigned *deleted,
		     struct fault *fault)
{
	struct search search = { .prefixes = prefixes, .n_prefixes = n, .which = which };
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	int r;

	*deleted = 0;
	r = netlink_open(NETLINK_NETFILTER, &sk, fault);
	if (r < 0)
		return r;
	if (!any_flow(sk))
		return 0;

	r = find_flows(sk, &search);
	for (size_t i = 0; i < search.n_found; i++) {
		if (r == 0 && delete_flow(sk, search.found[i]) == 0)
			++*deleted; /* else it ended by itself meanwhile */
		free(search.found[i]);
	}
	free(search.found);
	return r < 0 ? fault_set(fault, r, "conntrack: %s", strerror(-r)) : 0;
}
