/*
 * Netlink sockets and the two things done with them: dumps and requests.
 * libnl's own types stop here and at the parsers of single messages.
 */
#pragma once

#include "fault.h"
#include "prefix.h"

#include <netlink/msg.h>
#include <netlink/netlink.h>

static inline void nl_msg_freep(struct nl_msg **msg)
{
	nlmsg_free(*msg);
}

static inline void nl_sock_freep(struct nl_sock **sk)
{
	nl_socket_free(*sk);
}

/* Connected, with strict checking: the kernel applies the filters of dump requests. */
int netlink_open(int protocol, struct nl_sock **ret, struct fault *fault);

typedef int (*netlink_each)(struct nlmsghdr *message, void *arg);

/*
 * Sends a dump request and hands each answer to `each`. 0; a negative errno, also
 * `each`'s own; -EAGAIN when the dump was interrupted by a change: what came is
 * then not one state and has to be asked for anew.
 */
int netlink_dump(struct nl_sock *sk, int type, const void *header, size_t size, netlink_each each,
		 void *arg);
int netlink_dump_msg(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg);
/* The same for a request that is answered by one object. */
int netlink_get(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg);

/*
 * Sends one request and waits for the kernel's word on it: 0 or a negative
 * errno, exactly the kernel's, with its explanation in *why if it gives one.
 */
struct netlink_reason {
	char text[160];
};
int netlink_request(struct nl_sock *sk, struct nl_msg *request, struct netlink_reason *why);

/* The address in an attribute; AF_UNSPEC without one. */
struct addr netlink_addr(const struct nlattr *attr, int family);
