// SPDX-License-Identifier: GPL-2.0-or-later
// The neighbours on a link, and asking for one.
// The kernel looks up a neighbour when we send to it, so a datagram to the discard port asks.

#include "kernel/neighbours.h"

#include "base/family.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/socket.h>

/* A neighbour that is there answers the first time. If the kernel gives up, we ask again. */
#define WAIT_US 1200000
#define STEP_US 50000
#define STEPS_ASKED 6

void neighbours_done(struct neighbours *neighbours)
{
	free(neighbours->v);
	*neighbours = (struct neighbours){};
}

static int on_neighbour(struct nlmsghdr *message, void *arg)
{
	struct ndmsg *info = nlmsg_data(message);
	struct nlattr *tb[NDA_MAX + 1];
	struct neighbours *neighbours = arg;
	struct neighbour neighbour = {};

	if (message->nlmsg_type != RTM_NEWNEIGH ||
	    (info->ndm_state & (NUD_FAILED | NUD_INCOMPLETE)) ||
	    nlmsg_parse(message, sizeof(*info), tb, NDA_MAX, NULL) < 0 ||
	    (!tb[NDA_LLADDR] && !(info->ndm_state & NUD_NOARP)))
		return 0;
	neighbour.addr = netlink_addr(tb[NDA_DST], info->ndm_family);
	neighbour.mac_len = tb[NDA_LLADDR] ? nla_len(tb[NDA_LLADDR]) : 0;
	if (neighbour.mac_len > (int)sizeof(neighbour.mac))
		return 0;
	if (neighbour.mac_len > 0)
		memcpy(neighbour.mac, nla_data(tb[NDA_LLADDR]), neighbour.mac_len);
	return APPEND(neighbours->v, neighbours->n, neighbour);
}

int observe_neighbours(struct nl_sock *sk, unsigned ifindex, struct neighbours *ret)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		struct ndmsg header = { .ndm_family = family_af(family) };
		_cleanup_(nl_msg_freep) struct nl_msg *msg =
			netlink_message(RTM_GETNEIGH, 0, &header, sizeof(header));

		if (!msg || nla_put_u32(msg, NDA_IFINDEX, ifindex) < 0)
			return -ENOMEM;
		r = netlink_dump_msg(sk, msg, on_neighbour, &neighbours);
		if (r == -EAGAIN)
			r = 0; /* they come and go: an interrupted dump is good enough */
	}
	if (r == 0)
		*ret = TAKE(neighbours);
	return r;
}

const struct neighbour *neighbours_find(const struct neighbours *neighbours, struct addr addr)
{
	for (size_t i = 0; addr.family && i < neighbours->n; i++)
		if (addr_cmp(neighbours->v[i].addr, addr) == 0)
			return &neighbours->v[i];
	return NULL;
}

bool neighbour_same_mac(const struct neighbour *a, const struct neighbour *b)
{
	return a->mac_len > 0 && a->mac_len == b->mac_len &&
	       memcmp(a->mac, b->mac, a->mac_len) == 0;
}

bool neighbour_is_shared(const struct neighbour *neighbour)
{
	/* RFC 9568, 7.3, with the last byte for the group. CARP has the first for both families. */
	static const uint8_t four[] = { 0, 0, 0x5e, 0, 1 }, six[] = { 0, 0, 0x5e, 0, 2 };

	return neighbour->mac_len == 6 && (memcmp(neighbour->mac, four, sizeof(four)) == 0 ||
					   memcmp(neighbour->mac, six, sizeof(six)) == 0);
}

static int on_state(struct nlmsghdr *message, void *arg)
{
	struct ndmsg *info = nlmsg_data(message);
	enum neighbour_state *state = arg;

	if (message->nlmsg_type != RTM_NEWNEIGH)
		return 0;
	if (info->ndm_state & NUD_FAILED)
		*state = NEIGHBOUR_LOST;
	else if (info->ndm_state & (NUD_STALE | NUD_DELAY | NUD_PROBE))
		*state = NEIGHBOUR_QUIET;
	else if (info->ndm_state & NUD_REACHABLE)
		*state = NEIGHBOUR_THERE;
	else if (info->ndm_state & (NUD_PERMANENT | NUD_NOARP))
		*state = NEIGHBOUR_FIXED;
	return 0;
}

static struct nl_msg *about(int type, int flags, struct ndmsg header, struct addr addr)
{
	struct nl_msg *msg = netlink_message(type, flags, &header, sizeof(header));

	if (msg && nla_put(msg, NDA_DST, (int)addr_size(addr.family), addr.bytes) == 0)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

enum neighbour_state neighbour_look(struct nl_sock *sk, unsigned ifindex, struct addr addr)
{
	const struct ndmsg header = { .ndm_family = addr.family, .ndm_ifindex = (int)ifindex };
	_cleanup_(nl_msg_freep) struct nl_msg *msg = about(RTM_GETNEIGH, 0, header, addr);
	enum neighbour_state state = NEIGHBOUR_NONE;

	/* -ENOENT: there is none. */
	if (msg)
		(void)netlink_get(sk, msg, on_state, &state);
	return state;
}

/* Whatever the kernel makes of it: without it, traffic finds out. */
static void tell(struct nl_sock *sk, int flags, struct ndmsg header, struct addr addr)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = about(RTM_NEWNEIGH, flags, header, addr);

	if (msg)
		(void)netlink_request(sk, msg, NULL);
}

void neighbour_confirm(struct nl_sock *sk, unsigned ifindex, struct addr addr)
{
	tell(sk, NLM_F_CREATE,
	     (struct ndmsg){
		     .ndm_family = addr.family, .ndm_ifindex = (int)ifindex, .ndm_flags = NTF_USE },
	     addr);
}

void neighbour_doubt(struct nl_sock *sk, unsigned ifindex, struct addr addr)
{
	/* One that the kernel does not know is not taken to be there. */
	tell(sk, NLM_F_REPLACE,
	     (struct ndmsg){ .ndm_family = addr.family,
			     .ndm_ifindex = (int)ifindex,
			     .ndm_state = NUD_PROBE },
	     addr);
}

void neighbour_solicit(const char *interface, unsigned ifindex, struct addr addr)
{
	_cleanup_(closep) int fd = -1;
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
				    .sin6_addr = addr.in6,
				    .sin6_port = htons(9),
				    .sin6_scope_id = ifindex };
	struct sockaddr_in to4 = { .sin_family = AF_INET,
				   .sin_addr = addr.in,
				   .sin_port = htons(9) };

	if (!addr.family)
		return;
	fd = socket(addr.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, strlen(interface)) < 0)
		return;
	/* The kernel asks before it sends: whether this arrives does not matter. */
	if (addr.family == AF_INET6)
		(void)!sendto(fd, "", 0, 0, (struct sockaddr *)&to6, sizeof(to6));
	else
		(void)!sendto(fd, "", 0, 0, (struct sockaddr *)&to4, sizeof(to4));
}

int neighbours_seek(struct nl_sock *sk, struct sought *sought, size_t n, struct fault *fault)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + WAIT_US;
	int r = 0;

	for (unsigned step = 0;; step++) {
		size_t silent = 0;

		for (size_t i = 0; i < n && r == 0; i++) {
			_cleanup_(neighbours_done) struct neighbours neighbours = {};
			struct sought *it = &sought[i];

			if (!it->addr.family || it->answers)
				continue;
			r = observe_neighbours(sk, it->ifindex, &neighbours);
			it->answers = neighbours_find(&neighbours, it->addr);
			if (!it->answers && step % STEPS_ASKED == 0)
				neighbour_solicit(it->interface, it->ifindex, it->addr);
			silent += !it->answers;
		}
		if (r < 0)
			return fault_set(fault, r, "neighbours: %s", strerror(-r));
		if (silent == 0 || clock_us(CLOCK_MONOTONIC) >= end_us)
			return 0;
		usleep(STEP_US);
	}
}
