// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Netlink sockets, dumps and requests. libnl's own types stop here and at the parsers of single
 * messages.
 */
#pragma once

#include "base/fault.h"
#include "base/prefix.h"

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <sys/types.h>

static inline void nl_msg_freep(struct nl_msg **msg)
{
	nlmsg_free(*msg);
}

static inline void nl_sock_freep(struct nl_sock **sk)
{
	nl_socket_free(*sk);
}

/*
 * Opens a connected socket with strict checking: the kernel applies the filters of dump requests.
 * *ret is the caller's. 0 or a negative errno.
 */
int netlink_open(int protocol, struct nl_sock **ret, struct fault *fault);

/*
 * A request with that header, for attributes to be added. flags: NLM_F_…, besides those that the
 * functions below add. The caller's; NULL: no memory.
 */
struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size);

/* Takes one answer. A negative errno ends the exchange with it. */
typedef int (*netlink_each)(struct nlmsghdr *message, void *arg);

/*
 * Sends a dump request and hands each answer to `each`. 0; a negative errno, also that of `each`;
 * -EAGAIN when a change interrupted the dump: the answers are not of one moment, ask again;
 * -ENOBUFS when an answer was lost: ask again, too. Whatever has failed, the next exchange begins
 * with an empty socket, and answers of an earlier one are never taken for its own.
 */
int netlink_dump(struct nl_sock *sk, int type, const void *header, size_t size, netlink_each each,
		 void *arg);
int netlink_dump_msg(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg);
/* The same for main's unicast routes of both families over one link; -EAGAIN if it has gone, too.
 */
int netlink_dump_routes(struct nl_sock *sk, unsigned oif, netlink_each each, void *arg);
/* The same for a request that is answered by one object. */
int netlink_get(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg);

/*
 * Sends one request and waits for its ack. 0 or a negative errno, exactly the kernel's, with its
 * explanation in *why if it gives one. why may be NULL.
 */
struct netlink_reason {
	char text[160];
};
int netlink_request(struct nl_sock *sk, struct nl_msg *request, struct netlink_reason *why);

/* Room for a datagram. The kernel fills no more than this at once. */
struct netlink_datagram {
	unsigned char data[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/*
 * Receives the next datagram; waits for it or not. Its size; 0: it is not from the kernel; -EAGAIN:
 * there is none; -ENOBUFS: one or more were lost.
 */
ssize_t netlink_receive(struct nl_sock *sk, bool wait, struct netlink_datagram *ret);

/* A copy of the message, the caller's; NULL: no memory. */
struct nlmsghdr *netlink_copy(const struct nlmsghdr *message);

/* All names of the link that a message of RTM_NEWLINK is about: the kernel's own comes first. */
struct netlink_names {
	const char *v[16]; /* in the message */
	size_t n;
};
struct netlink_names netlink_link_names(struct nlmsghdr *message);

/*
 * *ret: the index of the link with that name, its own or an alternative one; 0: there is none. For
 * a link that is missing, if_nametoindex() has the kernel wait for modprobe, which looks for a
 * driver called so. 0 or a negative errno.
 */
int netlink_find_link(const char *name, unsigned *ret);
/* The same for those to whom a link that can't be asked for is not there. */
unsigned netlink_link_index(const char *name);

/* The values of net.ipv4.conf, from IPV4_DEVCONF_… - 1, in a link's message; NULL: there are none.
 */
const uint32_t *netlink_inet4_conf(struct nlmsghdr *link);
/* The values of net.ipv6.conf, DEVCONF_…, in a link's message; NULL: IPv6 has none for it. */
const int32_t *netlink_inet6_conf(struct nlmsghdr *link);

/*
 * What an attribute holds; 0, "" or NULL if it is missing, or too short for that. attr: NULL: it is
 * missing.
 */
uint8_t netlink_u8(const struct nlattr *attr);
uint16_t netlink_u16(const struct nlattr *attr);
uint32_t netlink_u32(const struct nlattr *attr);
uint64_t netlink_u64(const struct nlattr *attr);
const char *netlink_string(const struct nlattr *attr);
const void *netlink_data(const struct nlattr *attr, size_t size);

/* True when a whole hop of RTA_MULTIPATH is left. RTNH_OK() looks into what may not be there. */
bool netlink_hop_is_whole(const struct rtnexthop *hop, int left);

/* True when the message has the whole header of its type, which its parser reads at once. */
bool netlink_is_whole(const struct nlmsghdr *message);

/* The address in an attribute, or AF_UNSPEC without one. */
struct addr netlink_addr(const struct nlattr *attr, int family);

/*
 * The gateway of a route of the family: RTA_GATEWAY, or RTA_VIA, for an IPv4 route may lead to an
 * IPv6 gateway (RFC 8950). NULL: not there. AF_UNSPEC without both.
 */
struct addr netlink_gateway(const struct nlattr *gateway, const struct nlattr *via, int family);
