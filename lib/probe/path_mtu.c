// SPDX-License-Identifier: GPL-2.0-or-later
// How large a packet may be on the way to the internet and back, over each WAN.
// Asks for the full size first; if that is lost, for many sizes at once, then for those between.

#include "probe/path_mtu.h"

#include "base/machine.h"
#include "probe/echo.h"

#include <linux/errqueue.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>

/* The kernel does not lower them by what it has been told before. Of both, whatever the family. */
#define DISCOVER_PROBE 3
_Static_assert(DISCOVER_PROBE == IP_PMTUDISC_PROBE && DISCOVER_PROBE == IPV6_PMTUDISC_PROBE,
	       "one value for both families");

#define ROUND_US 400000
#define ROUNDS 5
/* A round divides what is not known by this: 220 bytes are found out in three. */
#define SIZES 8
#define LARGEST 65535

/* Of one path. */
struct mtu_search {
	struct path_mtu *path;
	struct echo_key key; /* target: the size of the packet */
	int fd;		     /* -1: it can't be asked, or all is known */
	unsigned sizes[SIZES], n;
	bool answered[SIZES];
	unsigned lost; /* the smallest that was lost */
};

static unsigned header_size(enum family family)
{
	return family == IPV4 ? 20 : 40;
}

static void search_begin(struct mtu_search *search, struct path_mtu *path)
{
	const struct probe_path *way = &path->path;
	int probe = DISCOVER_PROBE, on = 1;
	struct fault ignored = {};

	*search = (struct mtu_search){ .path = path, .fd = -1 };
	path->carried = path->told = 0;
	if (path->mtu > LARGEST)
		path->mtu = LARGEST;
	if (getrandom(&search->key, sizeof(search->key), 0) != sizeof(search->key))
		return;
	/* The ruleset knows our requests by it, and does not track them. */
	memcpy(&search->key.cookie, &(uint32_t){ machine_number() }, sizeof(uint32_t));
	search->fd = probe_echo_socket(way, path->family, search->key.id, SIZES, &ignored);
	if (search->fd < 0)
		return;
	if (path->family == IPV4) {
		setsockopt(search->fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
		setsockopt(search->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	} else {
		setsockopt(search->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof(probe));
		setsockopt(search->fd, IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof(on));
		setsockopt(search->fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	}
}

static void search_end(struct mtu_search *search)
{
	if (search->fd >= 0)
		close(search->fd);
	search->fd = -1;
}

/* The sizes of the next round. False: all is known. */
static bool choose_sizes(struct mtu_search *search, unsigned round)
{
	const struct path_mtu *path = search->path;
	unsigned low = path->carried, high = search->lost;

	search->n = 0;
	memset(search->answered, 0, sizeof(search->answered));
	/* A packet may be lost at any time: the full size has a second chance. */
	if (round < 2) {
		search->sizes[search->n++] = header_size(path->family) + ECHO_SIZE;
		if (path->mtu > PATH_MTU_LEAST)
			search->sizes[search->n++] = PATH_MTU_LEAST;
		if (path->mtu > PATH_MTU_USUAL)
			search->sizes[search->n++] = PATH_MTU_USUAL;
		search->sizes[search->n++] = path->mtu;
		return path->carried < path->mtu;
	}
	if (low < PATH_MTU_LEAST || low + 1 >= high)
		return false;
	for (unsigned i = 1; i < SIZES; i++) {
		unsigned size = low + (high - low) * i / SIZES;

		if (size > low && (search->n == 0 || size > search->sizes[search->n - 1]))
			search->sizes[search->n++] = size;
	}
	/* And more of them. */
	search->sizes[search->n++] = path->mtu;
	return true;
}

static void send_size(struct mtu_search *search, unsigned size, struct addr target)
{
	static uint8_t packet[LARGEST]; /* behind the request, it stays zero, as for its checksum */
	union address to;
	socklen_t len = address_make(target, &to);
	int error;
	socklen_t error_len = sizeof(error);

	search->key.target = size;
	search->key.seq++;
	echo_write(search->path->family, &search->key, packet);
	/* An error about an earlier one would be returned instead. */
	getsockopt(search->fd, SOL_SOCKET, SO_ERROR, &error, &error_len);
	(void)!sendto(search->fd, packet, size - header_size(search->path->family), 0, &to.any,
		      len);
}

static void send_round(struct mtu_search *search)
{
	for (unsigned i = 0; i < search->n; i++)
		for (unsigned k = 0; k < PATH_MTU_TARGETS; k++)
			if (search->path->targets[k].family)
				send_size(search, search->sizes[i], search->path->targets[k]);
}

static void take_answers(struct mtu_search *search)
{
	struct path_mtu *path = search->path;
	struct echo_answer answer;
	uint8_t data[192];
	ssize_t len;

	/* What comes after the key does not matter: some targets return no more. */
	while ((len = recv(search->fd, data, sizeof(data), MSG_DONTWAIT)) >= 0) {
		if (!echo_read(path->family, data, len, &answer) || answer.error ||
		    answer.partial || answer.key.cookie != search->key.cookie)
			continue;
		/* It may be of the round before. */
		if (path->carried < answer.key.target)
			path->carried = answer.key.target;
		for (unsigned i = 0; i < search->n; i++)
			search->answered[i] |= search->sizes[i] == answer.key.target;
	}
}

/* A router's word on what it carries. */
static void take_errors(struct mtu_search *search)
{
	union {
		struct cmsghdr align;
		char room[256];
	} control;
	struct msghdr message = { .msg_control = &control };

	for (;;) {
		message.msg_controllen = sizeof(control);
		if (recvmsg(search->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			struct sock_extended_err error;

			if ((c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) &&
			    (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_RECVERR))
				continue;
			memcpy(&error, CMSG_DATA(c), sizeof(error));
			if (error.ee_errno == EMSGSIZE && (error.ee_origin == SO_EE_ORIGIN_ICMP ||
							   error.ee_origin == SO_EE_ORIGIN_ICMP6))
				search->path->told = error.ee_info ?: 1;
		}
	}
}

static bool is_waiting(const struct mtu_search *search)
{
	bool waiting = false;

	for (unsigned i = 0; i < search->n; i++)
		waiting |= !search->answered[i];
	return search->fd >= 0 && search->n > 0 && waiting &&
	       search->path->carried < search->path->mtu && search->path->told == 0;
}

/* Until all that was sent has come back, or the time is up. */
static void wait_round(struct mtu_search *searches, struct pollfd *waits, size_t n)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), end_us = now_us + ROUND_US;

	for (; now_us < end_us; now_us = clock_us(CLOCK_MONOTONIC)) {
		bool waiting = false;

		for (size_t i = 0; i < n; i++) {
			bool one = is_waiting(&searches[i]);

			waits[i] = (struct pollfd){ one ? searches[i].fd : -1, POLLIN, 0 };
			waiting |= one;
		}
		if (!waiting || poll(waits, n, (int)((end_us - now_us + 999) / 1000)) <= 0)
			return;
		for (size_t i = 0; i < n; i++)
			if (waits[i].revents) {
				take_errors(&searches[i]);
				take_answers(&searches[i]);
			}
	}
}

/* All that is larger than what came back was lost. */
static void judge_round(struct mtu_search *search)
{
	unsigned carried = search->path->carried;

	if (search->lost <= carried)
		search->lost = search->path->mtu;
	for (unsigned i = 0; i < search->n; i++)
		if (search->sizes[i] > carried && search->sizes[i] < search->lost)
			search->lost = search->sizes[i];
}

void path_mtus_find(struct path_mtu *paths, size_t n)
{
	_cleanup_(freep) struct mtu_search *searches = calloc(n + 1, sizeof(*searches));
	_cleanup_(freep) struct pollfd *waits = calloc(n + 1, sizeof(*waits));

	for (size_t i = 0; i < n && searches && waits; i++)
		search_begin(&searches[i], &paths[i]);
	for (unsigned round = 0; round < ROUNDS && searches && waits; round++) {
		for (size_t i = 0; i < n; i++) {
			struct mtu_search *search = &searches[i];

			if (search->fd >= 0 &&
			    (search->path->told > 0 || !choose_sizes(search, round)))
				search_end(search);
			if (search->fd >= 0)
				send_round(search);
		}
		wait_round(searches, waits, n);
		for (size_t i = 0; i < n; i++)
			if (searches[i].fd >= 0)
				judge_round(&searches[i]);
	}
	for (size_t i = 0; i < n && searches && waits; i++)
		search_end(&searches[i]);
}
