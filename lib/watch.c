#include "watch.h"

#include "nl.h"
#include "object.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* A routing daemon may tell thousands of routes at once. */
#define RECEIVE_ROOM (1 << 20)

struct watch {
	const struct watch_handlers *handlers;
	void *arg;
	uint32_t own_port;
	struct nl_sock *route, *netfilter;
	sd_event_source *sources[2];
};

static bool concerns(struct watch *watch, unsigned ifindex, const char *name)
{
	return watch->handlers->concerns(ifindex, name, watch->arg);
}

static bool is_news_of_link(struct watch *watch, struct nlmsghdr *message)
{
	struct ifinfomsg *info = nlmsg_data(message);
	struct nlattr *name = nlmsg_find_attr(message, sizeof(*info), IFLA_IFNAME);

	return concerns(watch, info->ifi_index, name ? nla_get_string(name) : "");
}

static bool is_news_of_address(struct watch *watch, struct nlmsghdr *message)
{
	struct ifaddrmsg *info = nlmsg_data(message);

	return concerns(watch, info->ifa_index, "");
}

/* Ours, and those that gateways are learnt from. */
static bool is_news_of_route(struct nlmsghdr *message)
{
	struct rtmsg *info = nlmsg_data(message);

	return info->rtm_protocol == RTPROT_MWAN ||
	       (info->rtm_dst_len == 0 && info->rtm_type == RTN_UNICAST);
}

static bool is_news_of_rule(struct nlmsghdr *message)
{
	struct nlattr *owner = nlmsg_find_attr(message, sizeof(struct fib_rule_hdr), FRA_PROTOCOL);

	return owner && nla_get_u8(owner) == RTPROT_MWAN;
}

static bool is_news_of_neighbour(struct watch *watch, struct nlmsghdr *message)
{
	struct ndmsg *info = nlmsg_data(message);
	struct addr addr =
		netlink_addr(nlmsg_find_attr(message, sizeof(*info), NDA_DST), info->ndm_family);

	return watch->handlers->concerns_neighbour(info->ndm_ifindex, addr, watch->arg);
}

/* True when the message is news; *moved when a link or an address is what it is about. */
static bool is_news(struct watch *watch, struct nlmsghdr *message, bool *moved)
{
	if (watch->own_port && message->nlmsg_pid == watch->own_port)
		return false;
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return *moved = is_news_of_link(watch, message);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return *moved = is_news_of_address(watch, message);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return is_news_of_route(message);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return is_news_of_rule(message);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return is_news_of_neighbour(watch, message);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return true;
	default:
		return false;
	}
}

/*
 * All that is there; each datagram is read where it lies. True when there was news. What
 * overflowed is news too.
 */
static bool drain(struct nl_sock *sk, bool (*on_message)(struct watch *, struct nlmsghdr *, bool *),
		  struct watch *watch, bool *moved)
{
	static char data[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = {};
	bool news = false;

	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(nl_socket_get_fd(sk), data, sizeof(data), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &size);
		struct nlmsghdr *message = (struct nlmsghdr *)data;
		int left = (int)n;

		if (n < 0 && errno == ENOBUFS) {
			news = *moved = true;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return news;
		for (; from.nl_pid == 0 && nlmsg_ok(message, left);
		     message = nlmsg_next(message, &left)) {
			bool about_link = false;

			news |= on_message(watch, message, &about_link);
			*moved |= about_link;
		}
	}
}

static int on_route(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct watch *watch = arg;
	bool moved = false;

	if (drain(watch->route, is_news, watch, &moved))
		watch->handlers->changed(moved, watch->arg);
	return 0;
}

static bool is_foreign_generation(struct watch *watch, struct nlmsghdr *message, bool *moved)
{
	struct nlattr *id;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return false;
	id = nlmsg_find_attr(message, sizeof(struct nfgenmsg), NFTA_GEN_ID);
	return id && !watch->handlers->is_own(ntohl(nla_get_u32(id)), watch->arg);
}

static int on_netfilter(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct watch *watch = arg;
	bool moved = false;

	if (drain(watch->netfilter, is_foreign_generation, watch, &moved))
		watch->handlers->changed(false, watch->arg);
	return 0;
}

/* Loads are of the network's byte order, the headers are of ours. */
#define WIRE16(value)                                                                              \
	(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(value) : (value))
#define LOAD_TYPE BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type))
#define LOAD_ROUTE(member)                                                                         \
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN + offsetof(struct rtmsg, member))
#define IF(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
#define PASS BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)
#define DROP BPF_STMT(BPF_RET | BPF_K, 0)

/* A transaction of thousands of elements is one piece of news: its new generation. */
static const struct sock_filter generations[] = {
	LOAD_TYPE,
	IF(WIRE16(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN), 0, 1),
	PASS,
	DROP,
};

/* A routing daemon's thousands of routes are none. */
static const struct sock_filter routes[] = {
	LOAD_TYPE,
	IF(WIRE16(RTM_NEWROUTE), 1, 0),
	IF(WIRE16(RTM_DELROUTE), 0, 4),
	LOAD_ROUTE(rtm_protocol),
	IF(RTPROT_MWAN, 2, 0),
	LOAD_ROUTE(rtm_dst_len),
	IF(0, 0, 1),
	PASS,
	DROP,
};

static int attach(int fd, const struct sock_filter *code, size_t n)
{
	struct sock_fprog program = { .len = n, .filter = (struct sock_filter *)code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int listen_to(struct watch *watch, int protocol, const int *groups, size_t n_groups,
		     struct nl_sock **ret, struct fault *fault)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	int room = RECEIVE_ROOM, fd, r;

	r = netlink_open(protocol, &sk, fault);
	if (r < 0)
		return r;
	fd = nl_socket_get_fd(sk);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	r = protocol == NETLINK_NETFILTER ? attach(fd, generations, ARRAY_SIZE(generations))
					  : attach(fd, routes, ARRAY_SIZE(routes));
	for (size_t i = 0; i < n_groups && r == 0; i++)
		if (nl_socket_add_membership(sk, groups[i]) < 0)
			r = -errno;
	if (r < 0)
		return fault_set(fault, r, "listening to the kernel: %s", strerror(-r));
	*ret = TAKE(sk);
	return 0;
}

static int watch_open(struct watch *watch, sd_event *event, struct fault *fault)
{
	static const int route[] = { RTNLGRP_LINK,	 RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
				     RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
				     RTNLGRP_IPV6_RULE,	 RTNLGRP_NEXTHOP,     RTNLGRP_NEIGH };
	static const int netfilter[] = { NFNLGRP_NFTABLES };
	int r;

	r = listen_to(watch, NETLINK_ROUTE, route, ARRAY_SIZE(route), &watch->route, fault);
	if (r == 0)
		r = listen_to(watch, NETLINK_NETFILTER, netfilter, ARRAY_SIZE(netfilter),
			      &watch->netfilter, fault);
	if (r == 0)
		r = sd_event_add_io(event, &watch->sources[0], nl_socket_get_fd(watch->route),
				    EPOLLIN, on_route, watch);
	if (r >= 0)
		r = sd_event_add_io(event, &watch->sources[1], nl_socket_get_fd(watch->netfilter),
				    EPOLLIN, on_netfilter, watch);
	return r < 0 ? r : 0;
}

int watch_new(sd_event *event, const struct watch_handlers *handlers, void *arg, struct watch **ret,
	      struct fault *fault)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->handlers = handlers;
	watch->arg = arg;
	r = watch_open(watch, event, fault);
	if (r < 0) {
		watch_free(watch);
		return r;
	}
	*ret = watch;
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
