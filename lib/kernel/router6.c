// SPDX-License-Identifier: GPL-2.0-or-later
// OPNsense's link-local address on the LAN link.
// It is the link-local neighbour with the hardware address of router4 or router6; else we ask.

#include "kernel/router6.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <string.h>

const struct neighbour *router6_machine(const struct config *config,
					const struct neighbours *neighbours)
{
	const struct neighbour *router = neighbours_find(neighbours, config->lan.router4);

	return router ? router : neighbours_find(neighbours, config->lan.router6);
}

struct addr router6_linklocal(const struct neighbours *neighbours, const struct neighbour *machine)
{
	struct addr shared = {};
	size_t n_shared = 0;

	if (!machine)
		return shared;
	for (size_t i = 0; i < neighbours->n; i++) {
		const struct neighbour *it = &neighbours->v[i];

		if (it->addr.family != AF_INET6 || !addr_is_linklocal(it->addr))
			continue;
		if (neighbour_same_mac(it, machine))
			return it->addr;
		if (neighbour_is_shared(it)) {
			shared = it->addr;
			n_shared++;
		}
	}
	return neighbour_is_shared(machine) && n_shared == 1 ? shared : (struct addr){};
}

static int open_echo(const struct config *config)
{
	_cleanup_(closep) int fd = -1;
	struct icmp6_filter filter;
	int off = 0;

	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	if (fd < 0 || setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, config->lan.interface,
		       strlen(config->lan.interface)) < 0)
		return -errno;

	return take_fd(&fd);
}

/* Asks all nodes on the link: each answers from its link-local address. */
static void send_echo(int fd, unsigned ifindex, uint16_t id)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = ifindex };
	struct {
		struct icmp6_hdr header;
		char data[56];
	} echo = { .header = { .icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_id = htons(id) } };

	inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
	(void)!sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&to, sizeof(to));
}

static uint64_t now_ms(void)
{
	return clock_us(CLOCK_MONOTONIC) / 1000;
}

/* The source of the next answer to our question; AF_UNSPEC: there is none before the deadline. */
static struct addr next_answer(int fd, uint16_t id, uint64_t deadline)
{
	for (uint64_t now = now_ms(); now < deadline; now = now_ms()) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		struct sockaddr_in6 from = {};
		socklen_t size = sizeof(from);
		struct icmp6_hdr header;
		struct addr addr = { .family = AF_INET6 };

		if (poll(&wait, 1, (int)(deadline - now)) <= 0)
			continue;
		if (recvfrom(fd, &header, sizeof(header), 0, (struct sockaddr *)&from, &size) <
			    (ssize_t)sizeof(header) ||
		    header.icmp6_id != htons(id))
			continue;
		addr.in6 = from.sin6_addr;
		if (addr_is_linklocal(addr))
			return addr;
	}
	return (struct addr){};
}

/*
 * Asks every 250 ms until the deadline. The answer of the machine with OPNsense's addresses counts.
 * When that machine stays unknown, the only one to answer counts. Without `wait`, asks once, waits
 * as long as a machine on the link needs for an answer, and returns 1 if none came: the kernel
 * learns from what comes later. *shared: that machine's address, if several have it, and its
 * link-local address stays unknown.
 */
static int discover(struct nl_sock *sk, const struct config *config, unsigned ifindex, bool wait,
		    struct addr *shared, struct addr *ret)
{
	uint64_t deadline = now_ms() + (wait ? ROUTER6_WAIT_MS : ROUTER6_GLANCE_MS);
	uint16_t id = getpid();
	struct addr only = {};
	bool several = false;
	_cleanup_(closep) int fd = open_echo(config);

	if (fd < 0)
		return fd;
	while (now_ms() < deadline) {
		uint64_t pause = now_ms() + 250;

		neighbour_solicit(config->lan.interface, ifindex, config->lan.router4);
		neighbour_solicit(config->lan.interface, ifindex, config->lan.router6);
		send_echo(fd, ifindex, id);
		for (;;) {
			_cleanup_(neighbours_done) struct neighbours neighbours = {};
			struct addr answer =
				next_answer(fd, id, pause < deadline ? pause : deadline);
			const struct neighbour *machine;
			int r = observe_neighbours(sk, ifindex, &neighbours);

			if (r < 0)
				return r;
			machine = router6_machine(config, &neighbours);
			*ret = router6_linklocal(&neighbours, machine);
			*shared = ret->family || !machine || !neighbour_is_shared(machine)
					  ? (struct addr){}
					  : machine->addr;
			if (ret->family)
				return 0;
			if (!answer.family)
				break;
			/* A neighbour that knows our hardware address does not look it up. */
			neighbour_solicit(config->lan.interface, ifindex, answer);
			several |= only.family && addr_cmp(only, answer) != 0;
			only = answer;
		}
	}
	if (!wait)
		return 1;
	if (several && !shared->family)
		log_event(LOG_WARNING, EVENT_ROUTER6_AMBIGUOUS, NULL,
			  "%s: several machines answer and none has router4 or router6: "
			  "set router6_linklocal",
			  config->lan.interface);
	*ret = several ? (struct addr){} : only;
	return 0;
}

int observe_router6(struct nl_sock *sk, const struct config *config, struct addr current, bool wait,
		    struct facts *facts, struct fault *fault)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	const struct neighbour *router, *known;
	unsigned ifindex = facts->lan.link.index;
	int r;

	facts->router6_linklocal = config->lan.router6_linklocal;
	if (!config_has_router6(config) || facts->router6_linklocal.family)
		return 0;
	facts->router6_linklocal = current;
	if (!facts->lan.up || !facts->lan.carrier)
		return 0;

	r = observe_neighbours(sk, ifindex, &neighbours);
	if (r < 0)
		return fault_set(fault, r, "neighbours of %s: %s", config->lan.interface,
				 strerror(-r));
	router = router6_machine(config, &neighbours);
	known = neighbours_find(&neighbours, current);
	if (current.family && router && known && neighbour_same_mac(known, router))
		return 0; /* OPNsense still has it */

	struct addr found = router6_linklocal(&neighbours, router);

	if (!found.family)
		r = discover(sk, config, ifindex, wait, &facts->shared_router, &found);
	if (r < 0)
		return fault_set(fault, r, "%s: looking for router6_linklocal: %s",
				 config->lan.interface, strerror(-r));
	if (found.family)
		facts->router6_linklocal = found;
	return r;
}
