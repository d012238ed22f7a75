// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink sockets, dumps and requests.
// An exchange is one message out, and answers of its number in until DONE or the ack.

#include "kernel/netlink.h"

#include "base/family.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/socket.h>

/* After so many errors of receiving in a row, an exchange gives up to empty the socket. */
#define MOST_FAILURES 16

int netlink_open(int protocol, struct nl_sock **ret, struct fault *fault)
{
	static const int options[] = { NETLINK_GET_STRICT_CHK, NETLINK_EXT_ACK, NETLINK_CAP_ACK };
	_cleanup_(nl_sock_freep) struct nl_sock *sk = nl_socket_alloc();
	int on = 1, r;

	if (!sk)
		return -ENOMEM;
	r = nl_connect(sk, protocol);
	if (r < 0)
		return fault_set(fault, -EIO, "netlink: %s", nl_geterror(r));

	nl_socket_disable_auto_ack(sk);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, options[i], &on, sizeof(on));
	*ret = TAKE(sk);
	return 0;
}

struct nl_msg *netlink_message(int type, int flags, const void *header, size_t size)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, (void *)header, size, NLMSG_ALIGNTO) < 0)
		return NULL;
	return TAKE(msg);
}

/* One request and its answers. r: 0, or the negative errno of the kernel or of `each`. */
struct netlink_exchange {
	netlink_each each;
	void *arg;
	struct netlink_reason *why;
	uint32_t number; /* of the request; its answers carry it */
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
	/* With capped acks, only the header of our request comes back. */
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		skip += (int)(error->msg.nlmsg_len - sizeof(error->msg));
	attr = nlmsg_find_attr(message, skip, NLMSGERR_ATTR_MSG);
	if (attr)
		snprintf(why->text, sizeof(why->text), ": %s", netlink_string(attr));
}

ssize_t netlink_receive(struct nl_sock *sk, bool wait, struct netlink_datagram *ret)
{
	struct sockaddr_nl from = {};
	socklen_t size = sizeof(from);
	ssize_t n;

	do
		n = recvfrom(nl_socket_get_fd(sk), ret->data, sizeof(ret->data),
			     MSG_TRUNC | (wait ? 0 : MSG_DONTWAIT), (struct sockaddr *)&from,
			     &size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : -ENOBUFS;
	if ((size_t)n > sizeof(ret->data))
		return -ENOBUFS;
	return from.nl_pid == 0 ? n : 0; /* else not from the kernel */
}

/* 1: it was the last answer; 0: more are to come. */
static int take_answer(struct netlink_exchange *x, struct nlmsghdr *message)
{
	struct nlmsgerr *error = nlmsg_data(message);
	bool done = message->nlmsg_type == NLMSG_DONE;

	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		x->interrupted = true;
	if (!done && message->nlmsg_type != NLMSG_ERROR) {
		if (x->each && x->r == 0 && netlink_is_whole(message))
			x->r = x->each(message, x->arg);
		return 0;
	}
	/* Both begin with an errno. DONE has that of a dump that has failed half-way. */
	if (nlmsg_datalen(message) >= (int)sizeof(error->error) && error->error < 0) {
		x->r = error->error;
		if (!done)
			read_reason(error, message, x->why);
	}
	return 1;
}

/* Reads one datagram. 1: the exchange is over; 0: more is to come; or a negative errno. */
static int read_some(struct nl_sock *sk, struct netlink_exchange *x)
{
	struct netlink_datagram datagram;
	struct nlmsghdr *message = (struct nlmsghdr *)datagram.data;
	int n = (int)netlink_receive(sk, true, &datagram), r = 0;

	if (n < 0)
		return n;
	for (; nlmsg_ok(message, n) && r == 0; message = nlmsg_next(message, &n))
		if (message->nlmsg_seq == x->number)
			r = take_answer(x, message);
	return r;
}

/*
 * Throws away what is left of an exchange that has failed. The kernel refuses to begin a dump on a
 * socket while it is not at the end of the one before.
 */
static void drain(struct nl_sock *sk)
{
	struct netlink_datagram datagram;
	unsigned failures = 0;
	ssize_t n;

	do
		n = netlink_receive(sk, false, &datagram);
	while (n != -EAGAIN && (n >= 0 || failures++ < MOST_FAILURES));
}

static int exchange(struct nl_sock *sk, struct nl_msg *request, int flags,
		    struct netlink_exchange x)
{
	struct nlmsghdr *header = nlmsg_hdr(request);
	int r = 0;

	header->nlmsg_flags |= flags;
	nl_complete_msg(sk, request);
	x.number = header->nlmsg_seq;
	if (send(nl_socket_get_fd(sk), header, header->nlmsg_len, 0) < 0)
		return -errno;
	while (r == 0)
		r = read_some(sk, &x);
	if (r == 1)
		r = x.r == 0 && x.interrupted ? -EAGAIN : x.r;
	if (r < 0)
		drain(sk);
	return r;
}

int netlink_dump_msg(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg)
{
	return exchange(sk, request, NLM_F_DUMP, (struct netlink_exchange){ each, arg });
}

int netlink_get(struct nl_sock *sk, struct nl_msg *request, netlink_each each, void *arg)
{
	/* The ack ends the exchange, as DONE ends that of a dump. */
	return exchange(sk, request, NLM_F_ACK, (struct netlink_exchange){ each, arg });
}

int netlink_dump(struct nl_sock *sk, int type, const void *header, size_t size, netlink_each each,
		 void *arg)
{
	_cleanup_(nl_msg_freep) struct nl_msg *request = netlink_message(type, 0, header, size);

	return request ? netlink_dump_msg(sk, request, each, arg) : -ENOMEM;
}

/* With RTA_OIF the kernel skips other routes, which is much faster than to report a full table. */
int netlink_dump_routes(struct nl_sock *sk, unsigned oif, netlink_each each, void *arg)
{
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		struct rtmsg header = {
			.rtm_family = family_af(family),
			.rtm_table = RT_TABLE_MAIN,
			.rtm_type = RTN_UNICAST,
		};
		_cleanup_(nl_msg_freep) struct nl_msg *msg =
			netlink_message(RTM_GETROUTE, 0, &header, sizeof(header));

		if (!msg || nla_put_u32(msg, RTA_OIF, oif) < 0)
			return -ENOMEM;
		r = netlink_dump_msg(sk, msg, each, arg);
		if (r == -ENODEV) /* the link has gone meanwhile */
			r = -EAGAIN;
	}
	return r;
}

int netlink_request(struct nl_sock *sk, struct nl_msg *request, struct netlink_reason *why)
{
	if (why)
		*why = (struct netlink_reason){};
	return exchange(sk, request, NLM_F_ACK, (struct netlink_exchange){ .why = why });
}

struct nlmsghdr *netlink_copy(const struct nlmsghdr *message)
{
	struct nlmsghdr *copy = malloc(message->nlmsg_len);

	return copy ? memcpy(copy, message, message->nlmsg_len) : NULL;
}

struct netlink_names netlink_link_names(struct nlmsghdr *message)
{
	struct nlattr *name = nlmsg_find_attr(message, sizeof(struct ifinfomsg), IFLA_IFNAME);
	struct nlattr *others = nlmsg_find_attr(message, sizeof(struct ifinfomsg), IFLA_PROP_LIST);
	struct netlink_names names = {};
	struct nlattr *attr;
	int rest;

	if (name)
		names.v[names.n++] = netlink_string(name);
	if (!name || !others)
		return names;
	nla_for_each_nested (attr, others, rest)
		if (nla_type(attr) == IFLA_ALT_IFNAME && names.n < ARRAY_SIZE(names.v))
			names.v[names.n++] = netlink_string(attr);
	return names;
}

static int on_index(struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *info = nlmsg_data(message);
	unsigned *index = arg;

	*index = (unsigned)info->ifi_index;
	return 0;
}

int netlink_find_link(const char *name, unsigned *ret)
{
	const struct ifinfomsg header = {};
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(RTM_GETLINK, 0, &header, sizeof(header));
	struct fault fault = {};
	int r;

	*ret = 0;
	/* The kernel compares it with all names. */
	if (!msg || nla_put_string(msg, IFLA_ALT_IFNAME, name) < 0)
		return -ENOMEM;
	r = netlink_open(NETLINK_ROUTE, &sk, &fault);
	if (r == 0)
		r = netlink_get(sk, msg, on_index, ret);
	return r == -ENODEV || r == -ERANGE ? 0 : r;
}

unsigned netlink_link_index(const char *name)
{
	unsigned index;

	return netlink_find_link(name, &index) < 0 ? 0 : index;
}

/* `last`: the last that anybody here reads, or a later one. */
static const void *conf_values(struct nlmsghdr *link, int family, int kind, int last)
{
	struct nlattr *spec = nlmsg_find_attr(link, sizeof(struct ifinfomsg), IFLA_AF_SPEC);
	struct nlattr *of = spec ? nla_find(nla_data(spec), nla_len(spec), family) : NULL;
	struct nlattr *conf = of ? nla_find(nla_data(of), nla_len(of), kind) : NULL;

	return conf && nla_len(conf) > last * (int)sizeof(int32_t) ? nla_data(conf) : NULL;
}

const uint32_t *netlink_inet4_conf(struct nlmsghdr *link)
{
	return conf_values(link, AF_INET, IFLA_INET_CONF, IPV4_DEVCONF_SRC_VMARK);
}

const int32_t *netlink_inet6_conf(struct nlmsghdr *link)
{
	return conf_values(link, AF_INET6, IFLA_INET6_CONF, DEVCONF_DISABLE_IPV6);
}

const void *netlink_data(const struct nlattr *attr, size_t size)
{
	return attr && (unsigned)nla_len(attr) >= size ? nla_data(attr) : NULL;
}

uint8_t netlink_u8(const struct nlattr *attr)
{
	const uint8_t *value = netlink_data(attr, sizeof(*value));

	return value ? *value : 0;
}

uint16_t netlink_u16(const struct nlattr *attr)
{
	const uint16_t *value = netlink_data(attr, sizeof(*value));

	return value ? *value : 0;
}

uint32_t netlink_u32(const struct nlattr *attr)
{
	const uint32_t *value = netlink_data(attr, sizeof(*value));

	return value ? *value : 0;
}

/* Attributes are aligned to 4 bytes only. */
uint64_t netlink_u64(const struct nlattr *attr)
{
	const void *data = netlink_data(attr, sizeof(uint64_t));
	uint64_t value = 0;

	if (data)
		memcpy(&value, data, sizeof(value));
	return value;
}

const char *netlink_string(const struct nlattr *attr)
{
	const char *text = netlink_data(attr, 1);

	return text && memchr(text, '\0', nla_len(attr)) ? text : "";
}

bool netlink_hop_is_whole(const struct rtnexthop *hop, int left)
{
	return left >= (int)sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) && hop->rtnh_len <= left;
}

bool netlink_is_whole(const struct nlmsghdr *message)
{
	/* Of rtnetlink, by the kinds of objects, each of which has four types. */
	static const size_t sizes[] = {
		sizeof(struct ifinfomsg), sizeof(struct ifaddrmsg),    sizeof(struct rtmsg),
		sizeof(struct ndmsg),	  sizeof(struct fib_rule_hdr),
	};
	size_t size = sizeof(struct nfgenmsg), kind;

	if (message->nlmsg_type < RTM_BASE)
		return true;
	if (message->nlmsg_type <= RTM_MAX) {
		kind = (message->nlmsg_type - RTM_BASE) / 4;
		size = kind < ARRAY_SIZE(sizes) ? sizes[kind] : sizeof(struct nhmsg);
	}
	return nlmsg_datalen(message) >= (int)size;
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

struct addr netlink_gateway(const struct nlattr *gateway, const struct nlattr *via, int family)
{
	struct addr addr = {};
	struct rtvia *rtvia;
	size_t size;

	if (gateway)
		return netlink_addr(gateway, family);
	if (!via || nla_len(via) < (int)sizeof(*rtvia))
		return addr;
	rtvia = nla_data(via);
	size = addr_size(rtvia->rtvia_family);
	if (nla_len(via) < (int)(sizeof(*rtvia) + size))
		return addr;
	addr.family = rtvia->rtvia_family;
	memcpy(addr.bytes, rtvia->rtvia_addr, size);
	return addr;
}
