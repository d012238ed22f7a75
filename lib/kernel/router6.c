// SPDX-License-Identifier: GPL-2.0-or-later
// OPNsense's link-local address on the LAN link.
// It answers from the hardware address that answers for router4 or router6.

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

/* The link-local address that the next answer to our echo request comes from; AF_UNSPEC: none. */
static struct addr take_echo(int fd, uint16_t id)
{
	struct sockaddr_in6 from = {};
	socklen_t size = sizeof(from);
	struct icmp6_hdr header;
	struct addr addr = { .family = AF_INET6 };

	while (recvfrom(fd, &header, sizeof(header), 0, (struct sockaddr *)&from, &size) >= 0) {
		addr.in6 = from.sin6_addr;
		if (header.icmp6_id == htons(id) && addr_is_linklocal(addr))
			return addr;
	}
	return (struct addr){};
}

/* What is known while the link is asked. */
struct search {
	struct nl_sock *sk;
	const struct config *config;
	unsigned ifindex;
	struct addr current; /* what our routes use, or AF_UNSPEC */
	struct asker *asker; /* NULL: the link has no hardware addresses that could be asked for */
	int echo;
	uint16_t id;
	struct addr only; /* the last machine that has answered an echo request */
	bool several;	  /* another one has */
	struct addr found, shared;
};

/* The n-th answer of a machine that is OPNsense: it has router4, or router6 if none has router4. */
static const struct neighbour *machine_that_answers(const struct search *search, size_t n)
{
	const struct neighbours *answers = asker_answers(search->asker);
	const struct config *config = search->config;
	struct addr wanted = neighbours_find(answers, config->lan.router4) ? config->lan.router4
									   : config->lan.router6;

	for (size_t i = 0; wanted.family && i < answers->n; i++)
		if (addr_cmp(answers->v[i].addr, wanted) == 0 && n-- == 0)
			return &answers->v[i];
	return NULL;
}

static bool machine_has(const struct search *search, const struct neighbour *machine,
			struct addr linklocal)
{
	const struct neighbours *answers = asker_answers(search->asker);

	for (size_t i = 0; i < answers->n; i++)
		if (addr_cmp(answers->v[i].addr, linklocal) == 0 &&
		    neighbour_same_mac(&answers->v[i], machine))
			return true;
	return false;
}

/*
 * What the answers say. If several claim to have router4, the one whose link-local address we use
 * has it, as long as it answers for both.
 */
static void judge(struct search *search)
{
	const struct neighbour *machine;

	search->found = search->shared = (struct addr){};
	for (size_t n = 0; (machine = machine_that_answers(search, n)); n++) {
		if (!machine_has(search, machine, search->current))
			continue;
		search->found = search->current;
		return;
	}
	for (size_t n = 0; (machine = machine_that_answers(search, n)); n++) {
		search->found = router6_linklocal(asker_answers(search->asker), machine);
		if (search->found.family)
			return;
		if (neighbour_is_shared(machine))
			search->shared = machine->addr;
	}
}

/* Asks the kernel to ask as well: it forgets those that it has no use for. */
static void ask(const struct search *search)
{
	const struct config *config = search->config;
	const struct addr known[] = { config->lan.router4, config->lan.router6, search->current };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		neighbour_solicit(config->lan.interface, search->ifindex, known[i]);
		if (search->asker)
			asker_ask(search->asker, known[i]);
	}
	if (search->asker)
		asker_repeat(search->asker);
	send_echo(search->echo, search->ifindex, search->id);
}

static void take(struct search *search)
{
	for (;;) {
		struct addr answer = take_echo(search->echo, search->id);

		if (!answer.family)
			break;
		if (search->asker)
			asker_ask(search->asker, answer);
		search->several |= search->only.family && addr_cmp(search->only, answer) != 0;
		search->only = answer;
	}
	if (!search->asker)
		return;
	asker_take(search->asker);
	judge(search);
}

/*
 * Those that the kernel takes to be OPNsense's may be anybody's: they have to answer, too. It may
 * get to know them only now.
 */
static void suspect(struct search *search)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	const struct neighbour *machine;

	if (!search->asker || observe_neighbours(search->sk, search->ifindex, &neighbours) < 0)
		return;
	machine = router6_machine(search->config, &neighbours);
	for (size_t i = 0; machine && i < neighbours.n; i++) {
		const struct neighbour *it = &neighbours.v[i];

		if (it->addr.family == AF_INET6 && addr_is_linklocal(it->addr) &&
		    (neighbour_same_mac(it, machine) || neighbour_is_shared(it)))
			asker_ask(search->asker, it->addr);
	}
}

/* Asks every 250 ms until it is found, or until the deadline. */
static void ask_until(struct search *search, uint64_t deadline)
{
	while (!search->found.family && now_ms() < deadline) {
		uint64_t pause = now_ms() + 250;

		suspect(search);
		ask(search);
		for (uint64_t now = now_ms(); now < pause && now < deadline; now = now_ms()) {
			struct pollfd wait[] = {
				{ .fd = search->echo, .events = POLLIN },
				{ .fd = search->asker ? asker_fd(search->asker) : -1,
				  .events = POLLIN },
			};

			poll(wait, ARRAY_SIZE(wait),
			     (int)((pause < deadline ? pause : deadline) - now));
			take(search);
			if (search->found.family)
				break;
		}
	}
}

/* Where nobody can be asked, *asker is NULL: then nobody is taken for OPNsense. 0 or -ENOMEM. */
static int open_asker(struct nl_sock *sk, const struct config *config, unsigned ifindex,
		      struct asker **asker)
{
	if (asker_is_fresh(*asker, ifindex))
		return 0;
	asker_free(*asker);
	*asker = NULL;
	return asker_new(sk, config, ifindex, asker) == -ENOMEM ? -ENOMEM : 0;
}

/*
 * The answer of the machine with OPNsense's addresses counts. When nobody has those, the only one
 * to answer counts. Without `wait`, waits as long as a machine on the link needs for an answer, and
 * returns 1 if none came: the next look takes what comes later.
 */
static int search_link(struct search *search, bool wait, struct facts *facts)
{
	_cleanup_(closep) int echo = open_echo(search->config);

	if (echo < 0)
		return echo;
	search->echo = echo;
	search->id = (uint16_t)getpid();
	ask_until(search, now_ms() + (wait ? ROUTER6_WAIT_MS : ROUTER6_GLANCE_MS));
	facts->shared_router = search->shared;
	if (search->found.family) {
		facts->router6_linklocal = search->found;
		return 0;
	}
	if (!wait)
		return 1;
	if (search->several && !search->shared.family)
		log_event(LOG_WARNING, EVENT_ROUTER6_AMBIGUOUS, NULL,
			  "%s: several machines answer and none has router4 or router6: "
			  "set router6_linklocal",
			  search->config->lan.interface);
	if (search->only.family && !search->several)
		facts->router6_linklocal = search->only;
	return 0;
}

/* True when it is wrong about who has the address that we use: nothing reaches OPNsense there. */
static bool kernel_is_wrong(const struct neighbour *router, const struct neighbour *known,
			    const struct search *search)
{
	return router && known && addr_cmp(search->found, search->current) == 0;
}

int observe_router6(struct nl_sock *sk, const struct config *config, struct addr current, bool wait,
		    struct asker **asker, struct facts *facts, struct fault *fault)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	struct search search = {
		.sk = sk, .config = config, .ifindex = facts->lan.link.index, .current = current
	};
	const struct neighbour *router, *known;
	bool wrong;
	int r;

	facts->router6_linklocal = config->lan.router6_linklocal;
	if (!config_has_router6(config) || facts->router6_linklocal.family)
		return 0;
	facts->router6_linklocal = current;
	if (!facts->lan.up || !facts->lan.carrier)
		return 0;

	r = observe_neighbours(sk, search.ifindex, &neighbours);
	if (r < 0)
		return fault_set(fault, r, "neighbours of %s: %s", config->lan.interface,
				 strerror(-r));
	router = router6_machine(config, &neighbours);
	known = neighbours_find(&neighbours, current);
	if (router && known &&
	    (neighbour_same_mac(known, router) ||
	     addr_cmp(router6_linklocal(&neighbours, router), current) == 0)) {
		asker_free(*asker);
		*asker = NULL;
		return 0; /* OPNsense still has it */
	}

	r = open_asker(sk, config, search.ifindex, asker);
	if (r == 0) {
		search.asker = *asker;
		r = search_link(&search, wait, facts);
	}
	if (r < 0)
		return fault_set(fault, r, "%s: looking for router6_linklocal: %s",
				 config->lan.interface, strerror(-r));
	wrong = kernel_is_wrong(router, known, &search);
	if (search.found.family && !wrong) {
		asker_free(*asker);
		*asker = NULL;
	}
	return wrong && !wait ? 1 : r;
}
