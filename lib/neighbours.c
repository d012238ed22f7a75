#include "neighbours.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>
#include <sys/socket.h>

/* Who is there answers the first time; what the kernel has given up meanwhile is asked for again.
 */
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
	struct neighbour *v;
	int mac_len;

	if (message->nlmsg_type != RTM_NEWNEIGH ||
	    (info->ndm_state & (NUD_FAILED | NUD_INCOMPLETE)) ||
	    nlmsg_parse(message, sizeof(*info), tb, NDA_MAX, NULL) < 0 ||
	    (!tb[NDA_LLADDR] && !(info->ndm_state & NUD_NOARP)))
		return 0;
	mac_len = tb[NDA_LLADDR] ? nla_len(tb[NDA_LLADDR]) : 0;
	if (mac_len > 8)
		return 0;

	v = reallocarray(neighbours->v, neighbours->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	neighbours->v = v;
	v[neighbours->n] = (struct neighbour){
		.addr = netlink_addr(tb[NDA_DST], info->ndm_family),
		.mac_len = mac_len,
	};
	if (mac_len > 0)
		memcpy(v[neighbours->n].mac, nla_data(tb[NDA_LLADDR]), mac_len);
	neighbours->n++;
	return 0;
}

int observe_neighbours(struct nl_sock *sk, unsigned ifindex, struct neighbours *ret)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	static const int families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(families) && r == 0; i++) {
		_cleanup_(nl_msg_freep) struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, 0);
		struct ndmsg header = { .ndm_family = families[i] };

		if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
		    nla_put_u32(msg, NDA_IFINDEX, ifindex) < 0)
			return -ENOMEM;
		r = netlink_dump_msg(sk, msg, on_neighbour, &neighbours);
		/* Neighbours come and go all the time; any set of them will do. */
		if (r == -EAGAIN)
			r = 0;
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
	/* Whether it arrives does not matter. */
	if (addr.family == AF_INET6)
		(void)!sendto(fd, "", 0, 0, (struct sockaddr *)&to6, sizeof(to6));
	else
		(void)!sendto(fd, "", 0, 0, (struct sockaddr *)&to4, sizeof(to4));
}

static int look(struct nl_sock *sk, struct sought *sought)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	int r = observe_neighbours(sk, sought->ifindex, &neighbours);

	sought->answers = neighbours_find(&neighbours, sought->addr);
	return r;
}

int neighbours_seek(struct nl_sock *sk, struct sought *sought, size_t n, struct fault *fault)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + WAIT_US;
	int r = 0;

	for (unsigned step = 0;; step++) {
		size_t silent = 0;

		for (size_t i = 0; i < n && r == 0; i++) {
			if (!sought[i].addr.family || sought[i].answers)
				continue;
			r = look(sk, &sought[i]);
			if (!sought[i].answers && step % STEPS_ASKED == 0)
				neighbour_solicit(sought[i].interface, sought[i].ifindex,
						  sought[i].addr);
			silent += !sought[i].answers;
		}
		if (r < 0)
			return fault_set(fault, r, "neighbours: %s", strerror(-r));
		if (silent == 0 || clock_us(CLOCK_MONOTONIC) >= end_us)
			return 0;
		usleep(STEP_US);
	}
}
