#include "router6.h"

#include "log.h"
#include "neighbours.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <string.h>

/* The machine that is OPNsense: the one that has its configured addresses. */
static const struct neighbour *find_router(const struct config *config,
					   const struct neighbours *neighbours)
{
	const struct neighbour *router = neighbours_find(neighbours, config->lan.router4);

	return router ? router : neighbours_find(neighbours, config->lan.router6);
}

static struct addr linklocal_of(const struct neighbours *neighbours, const struct neighbour *router)
{
	for (size_t i = 0; router && i < neighbours->n; i++) {
		const struct neighbour *it = &neighbours->v[i];

		if (it->addr.family == AF_INET6 && addr_is_linklocal(it->addr) &&
		    neighbour_same_mac(it, router))
			return it->addr;
	}
	return (struct addr){};
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

/* Asks all nodes on the link; each answer comes from a link-local address. */
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

/* The source of an answer to our question; AF_UNSPEC: none within the time. */
static struct addr next_answer(int fd, uint16_t id, uint64_t deadline)
{
	for (uint64_t now = clock_us(CLOCK_MONOTONIC) / 1000; now < deadline;
	     now = clock_us(CLOCK_MONOTONIC) / 1000) {
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

static void ask(const struct config *config, unsigned ifindex, int fd, uint16_t id)
{
	neighbour_solicit(config->lan.interface, ifindex, config->lan.router4);
	neighbour_solicit(config->lan.interface, ifindex, config->lan.router6);
	send_echo(fd, ifindex, id);
}

/* Whoever answers asks for us first, and so tells its hardware address. */
static int ask_only(const struct config *config, unsigned ifindex)
{
	_cleanup_(closep) int fd = open_echo(config);

	if (fd < 0)
		return fd;
	ask(config, ifindex, fd, getpid());
	return 1;
}

/*
 * Asks again every 250 ms. An answer counts when it comes from the machine with
 * OPNsense's addresses; while that machine is unknown, being the only one
 * to answer is enough in the end.
 */
static int discover(struct nl_sock *sk, const struct config *config, unsigned ifindex,
		    struct addr *ret)
{
	uint64_t deadline = clock_us(CLOCK_MONOTONIC) / 1000 + ROUTER6_WAIT_MS;
	uint16_t id = getpid();
	struct addr only = {};
	bool several = false;
	_cleanup_(closep) int fd = open_echo(config);

	if (fd < 0)
		return fd;
	while (clock_us(CLOCK_MONOTONIC) / 1000 < deadline) {
		uint64_t pause = clock_us(CLOCK_MONOTONIC) / 1000 + 250;

		ask(config, ifindex, fd, id);
		for (;;) {
			_cleanup_(neighbours_done) struct neighbours neighbours = {};
			struct addr answer =
				next_answer(fd, id, pause < deadline ? pause : deadline);
			int r = observe_neighbours(sk, ifindex, &neighbours);

			if (r < 0)
				return r;
			*ret = linklocal_of(&neighbours, find_router(config, &neighbours));
			if (ret->family)
				return 0;
			if (!answer.family)
				break;
			/* Who knows us already does not ask for us. */
			neighbour_solicit(config->lan.interface, ifindex, answer);
			several |= only.family && addr_cmp(only, answer) != 0;
			only = answer;
		}
	}
	if (several)
		log_event(LOG_WARNING, "router6",
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
	if (config->lan.prefix6.len == 0 || facts->router6_linklocal.family)
		return 0;
	facts->router6_linklocal = current;
	if (!facts->lan.up || !facts->lan.carrier)
		return 0;

	r = observe_neighbours(sk, ifindex, &neighbours);
	if (r < 0)
		return fault_set(fault, r, "neighbours of %s: %s", config->lan.interface,
				 strerror(-r));
	router = find_router(config, &neighbours);
	known = neighbours_find(&neighbours, current);
	if (current.family && router && known && neighbour_same_mac(known, router))
		return 0; /* it is where it was */

	struct addr found = linklocal_of(&neighbours, router);

	if (!found.family)
		r = wait ? discover(sk, config, ifindex, &found) : ask_only(config, ifindex);
	if (r < 0)
		return fault_set(fault, r, "%s: looking for router6_linklocal: %s",
				 config->lan.interface, strerror(-r));
	if (found.family)
		facts->router6_linklocal = found;
	return r;
}
