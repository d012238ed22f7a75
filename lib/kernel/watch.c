// SPDX-License-Identifier: GPL-2.0-or-later
// Changes in the kernel as they happen.
// Two sockets on the event loop, with filters in the kernel; the rest is sorted by message.

#include "kernel/watch.h"

#include "kernel/netlink.h"
#include "model/object.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* In bytes: a routing daemon may change thousands of routes at once. */
#define RECEIVE_BUFFER (1 << 20)

struct watch {
	const struct watch_handlers *handlers;
	void *arg;
	uint32_t own_port;
	struct nl_sock *route, *netfilter;
	sd_event_source *sources[2];
};

static bool concerns_link(struct watch *watch, struct nlmsghdr *message)
{
	struct ifinfomsg *info = nlmsg_data(message);
	struct netlink_names names = netlink_link_names(message);
	bool concerns = watch->handlers->concerns(info->ifi_index, "", watch->arg);

	for (size_t i = 0; i < names.n && !concerns; i++)
		concerns = watch->handlers->concerns(info->ifi_index, names.v[i], watch->arg);
	return concerns;
}

static bool concerns_address(struct watch *watch, struct nlmsghdr *message)
{
	struct ifaddrmsg *info = nlmsg_data(message);

	if (!watch->handlers->concerns(info->ifa_index, "", watch->arg))
		return false;
	if (message->nlmsg_type == RTM_DELADDR) {
		struct nlattr *local = nlmsg_find_attr(message, sizeof(*info), IFA_LOCAL);
		struct nlattr *address = nlmsg_find_attr(message, sizeof(*info), IFA_ADDRESS);

		watch->handlers->address_gone(
			info->ifa_index, netlink_addr(local ? local : address, info->ifa_family),
			watch->arg);
	}
	return true;
}

/* True when the attribute names a link of the site, or is not there: then it may be any link. */
static bool may_concern(struct watch *watch, struct nlmsghdr *message, int header, int type)
{
	struct nlattr *oif = nlmsg_find_attr(message, header, type);

	return !oif || watch->handlers->concerns(netlink_u32(oif), "", watch->arg);
}

/* Our routes, those from which gateways are learnt, and prefixes that are said to be on a link. */
static enum watch_change classify_a_route(struct watch *watch, struct nlmsghdr *message)
{
	struct rtmsg *info = nlmsg_data(message);
	bool is_default = info->rtm_dst_len == 0;

	if (info->rtm_protocol == RTPROT_MWAN)
		return CHANGE_OURS;
	if (info->rtm_type != RTN_UNICAST || (!is_default && info->rtm_protocol != RTPROT_RA))
		return CHANGE_NONE;
	if (is_default && info->rtm_table != RT_TABLE_MAIN)
		return CHANGE_ROUTE;
	if (!may_concern(watch, message, sizeof(*info), RTA_OIF))
		return CHANGE_NONE;
	return is_default ? CHANGE_GATEWAY : CHANGE_ROUTE;
}

static bool is_own_rule(struct nlmsghdr *message)
{
	struct nlattr *owner = nlmsg_find_attr(message, sizeof(struct fib_rule_hdr), FRA_PROTOCOL);

	return owner && netlink_u8(owner) == RTPROT_MWAN;
}

static bool concerns_neighbour(struct watch *watch, struct nlmsghdr *message)
{
	struct ndmsg *info = nlmsg_data(message);
	struct addr addr =
		netlink_addr(nlmsg_find_attr(message, sizeof(*info), NDA_DST), info->ndm_family);
	bool there = message->nlmsg_type == RTM_NEWNEIGH &&
		     !(info->ndm_state & (NUD_FAILED | NUD_INCOMPLETE));

	return watch->handlers->concerns_neighbour(info->ndm_ifindex, addr, there, watch->arg);
}

static enum watch_change classify_route(struct watch *watch, struct nlmsghdr *message)
{
	if (watch->own_port && message->nlmsg_pid == watch->own_port)
		return CHANGE_NONE;
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return concerns_link(watch, message) ? CHANGE_LINK : CHANGE_NONE;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return concerns_address(watch, message) ? CHANGE_LINK : CHANGE_NONE;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return classify_a_route(watch, message);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return is_own_rule(message) ? CHANGE_OURS : CHANGE_NONE;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return concerns_neighbour(watch, message) ? CHANGE_NEIGHBOUR : CHANGE_NONE;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return may_concern(watch, message, sizeof(struct nhmsg), NHA_OIF) ? CHANGE_GATEWAY
										  : CHANGE_NONE;
	default:
		return CHANGE_NONE;
	}
}

/* Reads all that is there. Returns the greatest change, also for what was lost. */
static enum watch_change drain(struct nl_sock *sk, struct watch *watch,
			       enum watch_change (*classify)(struct watch *, struct nlmsghdr *))
{
	static struct netlink_datagram datagram;
	enum watch_change greatest = CHANGE_NONE;

	for (;;) {
		struct nlmsghdr *message = (struct nlmsghdr *)datagram.data;
		int left = (int)netlink_receive(sk, false, &datagram);

		if (left == -EAGAIN)
			return greatest;
		/* If more is there, the loop calls again. */
		if (left < 0)
			return CHANGE_LINK;
		for (; nlmsg_ok(message, left); message = nlmsg_next(message, &left)) {
			enum watch_change change =
				netlink_is_whole(message) ? classify(watch, message) : CHANGE_NONE;

			if (change > greatest)
				greatest = change;
		}
	}
}

static int on_route(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct watch *watch = arg;
	enum watch_change change = drain(watch->route, watch, classify_route);

	if (change != CHANGE_NONE)
		watch->handlers->changed(change, watch->arg);
	return 0;
}

static enum watch_change classify_generation(struct watch *watch, struct nlmsghdr *message)
{
	struct nlattr *id;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return CHANGE_NONE;
	id = nlmsg_find_attr(message, sizeof(struct nfgenmsg), NFTA_GEN_ID);
	if (!id || watch->handlers->is_own(ntohl(netlink_u32(id)), watch->arg))
		return CHANGE_NONE;
	return CHANGE_NFT;
}

static int on_netfilter(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct watch *watch = arg;

	if (drain(watch->netfilter, watch, classify_generation) != CHANGE_NONE)
		watch->handlers->changed(CHANGE_NFT, watch->arg);
	return 0;
}

/* The filter loads in network byte order; headers of netlink are in the host's. */
#define WIRE16(value)                                                                              \
	(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(value) : (value))
#define LOAD_TYPE BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type))
#define LOAD_ROUTE(member)                                                                         \
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, member))
#define IF(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define PASS BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)
#define DROP BPF_STMT(BPF_RET | BPF_K, 0)

/* Passes only the new generation of a transaction, not its thousands of elements. */
static struct sock_filter generations[] = {
	LOAD_TYPE,
	IF(WIRE16(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN), 0, 1),
	PASS,
	DROP,
};

/* Passes our routes, default routes and advertised ones, not a routing daemon's thousands. */
static struct sock_filter routes[] = {
	LOAD_TYPE,
	IF(WIRE16(RTM_NEWROUTE), 1, 0),
	IF(WIRE16(RTM_DELROUTE), 0, 5),
	LOAD_ROUTE(rtm_protocol),
	IF(RTPROT_MWAN, 3, 0),
	IF(RTPROT_RA, 2, 0),
	LOAD_ROUTE(rtm_dst_len),
	IF(0, 0, 1),
	PASS,
	DROP,
};

static int listen_to(int protocol, const int *groups, size_t n_groups, struct nl_sock **ret,
		     struct fault *fault)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	struct sock_fprog filter =
		protocol == NETLINK_ROUTE
			? (struct sock_fprog){ ARRAY_SIZE(routes), routes }
			: (struct sock_fprog){ ARRAY_SIZE(generations), generations };
	int room = RECEIVE_BUFFER, fd, r;

	r = netlink_open(protocol, &sk, fault);
	if (r < 0)
		return r;
	fd = nl_socket_get_fd(sk);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ? -errno : 0;
	for (size_t i = 0; i < n_groups && r == 0; i++)
		if (nl_socket_add_membership(sk, groups[i]) < 0)
			r = -errno;
	if (r < 0)
		return fault_set(fault, r, "listening to the kernel: %s", strerror(-r));
	*ret = TAKE(sk);
	return 0;
}

static void watch_freep(struct watch **watch)
{
	watch_free(*watch);
}

int watch_new(sd_event *event, const struct watch_handlers *handlers, void *arg, struct watch **ret,
	      struct fault *fault)
{
	static const int route[] = { RTNLGRP_LINK,	 RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
				     RTNLGRP_IPV6_RULE,	 RTNLGRP_NEXTHOP,     RTNLGRP_NEIGH };
	static const int netfilter[] = { NFNLGRP_NFTABLES };
	_cleanup_(watch_freep) struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->handlers = handlers;
	watch->arg = arg;
	r = listen_to(NETLINK_ROUTE, route, ARRAY_SIZE(route), &watch->route, fault);
	if (r == 0)
		r = listen_to(NETLINK_NETFILTER, netfilter, ARRAY_SIZE(netfilter),
			      &watch->netfilter, fault);
	if (r == 0)
		r = sd_event_add_io(event, &watch->sources[0], nl_socket_get_fd(watch->route),
				    EPOLLIN, on_route, watch);
	if (r >= 0)
		r = sd_event_add_io(event, &watch->sources[1], nl_socket_get_fd(watch->netfilter),
				    EPOLLIN, on_netfilter, watch);
	if (r < 0)
		return r;
	*ret = TAKE(watch);
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(watch->sources); i++)
		sd_event_source_unref(watch->sources[i]);
	nl_socket_free(watch->route);
	nl_socket_free(watch->netfilter);
	free(watch);
}

void watch_set_own_port(struct watch *watch, uint32_t port)
{
	watch->own_port = port;
}
