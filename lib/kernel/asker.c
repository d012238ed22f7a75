// SPDX-License-Identifier: GPL-2.0-or-later
// Asks a link who has an address, and notes which hardware address answers.
// Questions and answers are packets of a socket below IP, which has the sender of each frame.

#include "kernel/asker.h"

#include "base/util.h"
#include "kernel/announce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/socket.h>

/* A question to all of them is one packet for each. */
#define MAX_ASKED 32
#define MAX_ANSWERS 64
/* What was so before may be so no longer. The daemon comes back within ten seconds. */
#define FRESH_US 15000000

struct asker {
	int fd;
	struct claim self; /* the link, and who asks on it */
	struct addr asked[MAX_ASKED];
	size_t n_asked;
	struct neighbours answers;
	uint64_t since_us; /* when it began */
};

/* Answers by ARP, and neighbour advertisements; the rest of the link's packets stay outside. */
static int take_answers_only(int fd)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 2),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct arphdr, ar_op)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REPLY, 5, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offsetof(struct ip6_hdr, ip6_nxt)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, sizeof(struct ip6_hdr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { ARRAY_SIZE(steps), steps };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

/* Protocol 0 at first: nothing comes in before the filter is there and the link is chosen. */
static int open_link(unsigned ifindex)
{
	const struct sockaddr_ll link = { .sll_family = AF_PACKET,
					  .sll_protocol = htons(ETH_P_ALL),
					  .sll_ifindex = (int)ifindex };
	_cleanup_(closep) int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? -errno : take_answers_only(fd);

	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *)&link, sizeof(link)) < 0)
		return -errno;
	return take_fd(&fd);
}

static int find_self(struct nl_sock *sk, const struct config *config, unsigned ifindex,
		     struct claim *ret)
{
	_cleanup_(claims_done) struct claims claims = {};
	int r = observe_claims(sk, config, &claims);

	if (r < 0)
		return r;
	for (size_t i = 0; i < claims.n; i++) {
		if (claims.v[i].ifindex != ifindex || claims.v[i].source.family != AF_INET6)
			continue;
		*ret = claims.v[i];
		return 0;
	}
	return -ENETDOWN;
}

int asker_new(struct nl_sock *sk, const struct config *config, unsigned ifindex, struct asker **ret)
{
	struct asker *asker = calloc(1, sizeof(*asker));
	int r;

	if (!asker)
		return -ENOMEM;
	asker->fd = -1;
	asker->since_us = clock_us(CLOCK_MONOTONIC);
	r = find_self(sk, config, ifindex, &asker->self);
	if (r == 0)
		r = asker->fd = open_link(ifindex);
	if (r < 0) {
		asker_free(asker);
		return r;
	}
	*ret = asker;
	return 0;
}

void asker_free(struct asker *asker)
{
	if (!asker)
		return;
	closep(&asker->fd);
	neighbours_done(&asker->answers);
	free(asker);
}

bool asker_is_fresh(const struct asker *asker, unsigned ifindex)
{
	return asker && asker->self.ifindex == ifindex &&
	       clock_us(CLOCK_MONOTONIC) < asker->since_us + FRESH_US;
}

int asker_fd(const struct asker *asker)
{
	return asker->fd;
}

static void send_question(const struct asker *asker, struct addr addr)
{
	struct claim question = asker->self;
	uint8_t packet[ANNOUNCEMENT_SIZE];
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_ifindex = (int)asker->self.ifindex,
				  .sll_halen = ETH_ALEN };
	size_t size;

	question.addr = addr;
	size = question_make(&question, packet, to.sll_addr);
	to.sll_protocol = htons(addr.family == AF_INET ? ETH_P_ARP : ETH_P_IPV6);
	(void)!sendto(asker->fd, packet, size, 0, (const struct sockaddr *)&to, sizeof(to));
}

static bool is_asked(const struct asker *asker, struct addr addr)
{
	for (size_t i = 0; i < asker->n_asked; i++)
		if (addr_cmp(asker->asked[i], addr) == 0)
			return true;
	return false;
}

void asker_ask(struct asker *asker, struct addr addr)
{
	if (!addr.family || is_asked(asker, addr) || asker->n_asked == MAX_ASKED)
		return;
	asker->asked[asker->n_asked++] = addr;
	send_question(asker, addr);
}

void asker_repeat(struct asker *asker)
{
	for (size_t i = 0; i < asker->n_asked; i++)
		send_question(asker, asker->asked[i]);
}

static void note(struct asker *asker, struct addr addr, const uint8_t mac[ETH_ALEN])
{
	struct neighbour answer = { .addr = addr, .mac_len = ETH_ALEN };
	struct neighbours *answers = &asker->answers;

	memcpy(answer.mac, mac, ETH_ALEN);
	for (size_t i = 0; i < answers->n; i++)
		if (addr_cmp(answers->v[i].addr, addr) == 0 &&
		    neighbour_same_mac(&answers->v[i], &answer))
			return;
	/* Without memory, it is as if nobody had answered. */
	if (is_asked(asker, addr) && answers->n < MAX_ANSWERS)
		(void)!APPEND(answers->v, answers->n, answer);
}

/*
 * True when the sender of a frame may say that this hardware address is its own. Of a pair of
 * routers, the one that has a virtual router's names that, and may send from its own (FreeBSD
 * does).
 */
static bool may_claim(const uint8_t mac[ETH_ALEN], const struct sockaddr_ll *from)
{
	struct neighbour claimed = { .mac_len = ETH_ALEN };

	memcpy(claimed.mac, mac, ETH_ALEN);
	return memcmp(mac, from->sll_addr, ETH_ALEN) == 0 || neighbour_is_shared(&claimed);
}

static void take_arp(struct asker *asker, const uint8_t *packet, size_t size,
		     const struct sockaddr_ll *from)
{
	struct addr addr = { .family = AF_INET };
	struct ether_arp arp;

	if (size < sizeof(arp))
		return;
	memcpy(&arp, packet, sizeof(arp));
	memcpy(&addr.in, arp.arp_spa, sizeof(addr.in));
	if (may_claim(arp.arp_sha, from))
		note(asker, addr, arp.arp_sha);
}

/* An answer to a question that named its sender's hardware address need not name its own. */
static void take_advertisement(struct asker *asker, const uint8_t *packet, size_t size,
			       const struct sockaddr_ll *from)
{
	struct addr addr = { .family = AF_INET6 };
	struct {
		struct ip6_hdr ip;
		struct nd_neighbor_advert advert;
		struct nd_opt_hdr option;
		uint8_t mac[ETH_ALEN];
	} it = {};

	if (size < offsetof(__typeof__(it), option))
		return;
	memcpy(&it, packet, size < sizeof(it) ? size : sizeof(it));
	addr.in6 = it.advert.nd_na_target;
	/* The hop limit says that it comes from the link. */
	if (it.ip.ip6_hlim != 255 || !(it.advert.nd_na_flags_reserved & ND_NA_FLAG_SOLICITED))
		return;
	if (it.option.nd_opt_type != ND_OPT_TARGET_LINKADDR)
		note(asker, addr, from->sll_addr);
	else if (may_claim(it.mac, from))
		note(asker, addr, it.mac);
}

void asker_take(struct asker *asker)
{
	uint8_t packet[128];

	for (;;) {
		struct sockaddr_ll from = {};
		socklen_t room = sizeof(from);
		ssize_t size = recvfrom(asker->fd, packet, sizeof(packet), 0,
					(struct sockaddr *)&from, &room);

		if (size < 0)
			return;
		if (from.sll_pkttype != PACKET_HOST || from.sll_halen != ETH_ALEN)
			continue;
		if (from.sll_protocol == htons(ETH_P_ARP))
			take_arp(asker, packet, (size_t)size, &from);
		else
			take_advertisement(asker, packet, (size_t)size, &from);
	}
}

const struct neighbours *asker_answers(const struct asker *asker)
{
	return &asker->answers;
}
