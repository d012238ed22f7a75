#include "nl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define MESSAGE_ROOM 32768

int netlink_open(int protocol, struct nl_sock **ret, struct fault *fault)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = nl_socket_alloc();
	int on = 1, r;

	if (!sk)
		return -ENOMEM;
	r = nl_connect(sk, protocol);
	if (r < 0)
		return fault_set(fault, -EIO, "netlink: %s", nl_geterror(r));

	nl_socket_disable_seq_check(sk);
	nl_socket_disable_auto_ack(sk);
	/* The kernel fills no more than this at once; asking for sizes first costs a call each. */
	nl_socket_disable_msg_peek(sk);
	r = nl_socket_set_msg_buf_size(sk, MESSAGE_ROOM);
	if (r < 0)
		return -ENOMEM;
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	*ret = TAKE(sk);
	return 0;
}

/* One exchange; r is what it came to. */
struct exchange {
	netlink_each each;
	void *arg;
	struct netlink_reason *why;
	int r;
	bool interrupted;
};

static void read_reason(struct nlmsgerr *error, struct nlmsghdr *message,
			struct netlink_reason *why)
{
	int skip = sizeof(*error);
	struct nlattr *attr;

	if (!why || !(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	/* With capped acks only the header of our request comes back. */
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		skip += (int)(error->msg.nlmsg_len - sizeof(error->msg));
	attr = nlmsg_find_attr(message, skip, NLMSGERR_ATTR_MSG);
	if (attr)
		snprintf(why->text, sizeof(why->text), ": %s", nla_get_string(attr));
}

/* Reads one datagram; 1: the exchange is over. */
static int read_some(struct nl_sock *sk, struct exchange *x)
{
	_cleanup_(freep) unsigned char *data = NULL;
	struct sockaddr_nl from;
	struct nlmsghdr *message;
	int n;

	n = nl_recv(sk, &from, &data, NULL);
	if (n < 0)
		return n == -NLE_NOMEM ? -ENOBUFS : n == -NLE_INTR ? 0 : -EIO;
	if (from.nl_pid != 0) /* not from the kernel */
		return 0;

	message = (struct nlmsghdr *)data;
	for (; nlmsg_ok(message, n); message = nlmsg_next(message, &n)) {
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			x->interrupted = true;
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR) {
			struct nlmsgerr *error = nlmsg_data(message);

			x->r = error->error;
			if (error->error < 0)
				read_reason(error, message, x->why);
			return 1;
		}
		if (x->each && x->r == 0)
			x->r = x->each(message, x->arg);
	}
	return 0;
}

static int exchange(struct nl_sock *sk, struct nl_msg *request, struct exchange *x)
{
	int r;

	r = nl_send_auto(sk, request);
	if (r < 0)
		return -EIO;
	do
		r = read_some(sk, x);
	while (r == 0);
	if (r < 0)
		return r;
	return x->r == 0 && x->interrupted ? -EAGAIN : x->r;
}

int netlink_dump_msg(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg)
{
	struct exchange x = { .each = each, .arg = arg };

	nlmsg_hdr(request)->nlmsg_flags |= NLM_F_DUMP;
	return exchange(sk, request, &x);
}

int netlink_get(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg)
{
	struct exchange x = { .each = each, .arg = arg };

	/* The ack ends the exchange, as DONE ends a dump. */
	nlmsg_hdr(request)->nlmsg_flags |= NLM_F_ACK;
	return exchange(sk, request, &x);
}

int netlink_dump(struct nl_sock *sk, int type, const void *header, size_t size, netlink_each each,
		 void *arg)
{
	_cleanup_(nl_msg_freep) struct nl_msg *request = nlmsg_alloc_simple(type, 0);

	if (!request || nlmsg_append(request, (void *)header, size, NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	return netlink_dump_msg(sk, request, each, arg);
}

int netlink_request(struct nl_sock *sk, struct nl_msg *request, struct netlink_reason *why)
{
	struct exchange x = { .why = why };

	*why = (struct netlink_reason){};
	nlmsg_hdr(request)->nlmsg_flags |= NLM_F_ACK;
	return exchange(sk, request, &x);
}

struct addr netlink_addr(const struct nlattr *attr, int family)
{
	struct addr addr = {};

	if (attr && (unsigned)nla_len(attr) >= addr_size(family)) {
		addr.family = family;
		memcpy(addr.bytes, nla_data(attr), addr_size(family));
	}
	return addr;
}
