// SPDX-License-Identifier: GPL-2.0-or-later
// Measures when a router notices what happens to a WAN, and what it does then.
// Listens to netlink, nftables and packets by one clock, in a process that nothing delays.

/*
 *     react ROUTER OUTSIDE INTERFACE
 *
 * ROUTER and OUTSIDE are processes in the two network namespaces, INTERFACE the WAN's
 * in both. "down" and "up" on standard input set the outside end so. Each line that
 * comes out is a time in nanoseconds of CLOCK_MONOTONIC and an event:
 *
 *     call          the outside end is about to be set down or up
 *     lost, back    the router's interface is told to be without IFF_RUNNING, or with it
 *     nft           the router has committed an nftables transaction
 *     route         the router has changed a route that is neither the kernel's nor static
 *     cut           the outside has committed an nftables transaction
 *     probe         an echo request came out of the router's interface
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS, LINKS, CUTS, NFT, ROUTES, PROBES, N_SOURCES };

/* A whole nftables transaction is told in messages of up to this size. */
static char buffer[65536];

static struct pollfd sources[N_SOURCES];
static int control; /* the outside's rtnetlink */
static int outside_index, router_index;
static bool running = true;

static void tell(const struct timespec *t, const char *event)
{
	printf("%lld %s\n", (long long)t->tv_sec * 1000000000 + t->tv_nsec, event);
	fflush(stdout);
}

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

static void enter(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		err(EXIT_FAILURE, "%s", path);
	close(ns);
}

static int index_of(const char *interface)
{
	int index = (int)if_nametoindex(interface);

	if (index == 0)
		err(EXIT_FAILURE, "%s", interface);
	return index;
}

/* Hears the groups given, which end with 0. */
static int listen_to(int protocol, const int *groups)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	/* Without a port of its own a socket is taken for the kernel's, and hears nothing. */
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int size = 4 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		err(EXIT_FAILURE, "netlink");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	for (; *groups; groups++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, groups, sizeof(*groups)) <
		    0)
			err(EXIT_FAILURE, "netlink group %d", *groups);
	return fd;
}

static int listen_to_packets(int index)
{
	/* Every protocol: it then hears what an ingress filter is about to drop. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = index };

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		err(EXIT_FAILURE, "packet socket");
	return fd;
}

static void set_link(bool up)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST },
		.link = { .ifi_index = outside_index,
			  .ifi_flags = up ? IFF_UP : 0,
			  .ifi_change = IFF_UP },
	};
	struct timespec t = now();

	if (send(control, &request, sizeof(request), 0) < 0)
		err(EXIT_FAILURE, "set link");
	tell(&t, "call");
}

/* False at the end of the commands. */
static bool obey(void)
{
	char line[16];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line));

	if (n > 0)
		set_link(line[0] == 'u');
	return n > 0;
}

static void hear_link(const struct nlmsghdr *message, const struct timespec *t)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);

	if (message->nlmsg_type != RTM_NEWLINK || link->ifi_index != router_index ||
	    (link->ifi_flags & IFF_RUNNING) == (running ? IFF_RUNNING : 0))
		return;
	running = !running;
	tell(t, running ? "back" : "lost");
}

/* Those of the kernel and static ones are nobody's reaction. */
static void hear_route(const struct nlmsghdr *message, const struct timespec *t)
{
	const struct rtmsg *route = NLMSG_DATA(message);

	if ((message->nlmsg_type == RTM_NEWROUTE || message->nlmsg_type == RTM_DELROUTE) &&
	    route->rtm_protocol != RTPROT_KERNEL && route->rtm_protocol != RTPROT_STATIC)
		tell(t, "route");
}

static void hear_nft(const struct nlmsghdr *message, const struct timespec *t, const char *event)
{
	if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		tell(t, event);
}

static void hear_netlink(int source, const struct timespec *t)
{
	ssize_t n;

	while ((n = recv(sources[source].fd, buffer, sizeof(buffer), 0)) > 0) {
		size_t left = (size_t)n;

		for (const struct nlmsghdr *m = (struct nlmsghdr *)buffer; NLMSG_OK(m, left);
		     m = NLMSG_NEXT(m, left)) {
			if (source == LINKS)
				hear_link(m, t);
			else if (source == ROUTES)
				hear_route(m, t);
			else
				hear_nft(m, t, source == NFT ? "nft" : "cut");
		}
	}
	if (n < 0 && errno != EAGAIN)
		err(EXIT_FAILURE, "events were lost");
}

static void hear_packets(const struct timespec *t)
{
	const int fd = sources[PROBES].fd;
	struct sockaddr_ll from = {};
	socklen_t size = sizeof(from);
	uint8_t data[64];
	ssize_t n;

	while ((n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &size)) > 0) {
		bool v4 = from.sll_protocol == htons(ETH_P_IP) && n > 20 &&
			  data[9] == IPPROTO_ICMP && data[20] == ICMP_ECHO;
		bool v6 = from.sll_protocol == htons(ETH_P_IPV6) && n > 40 &&
			  data[6] == IPPROTO_ICMPV6 && data[40] == ICMP6_ECHO_REQUEST;

		if (from.sll_pkttype == PACKET_HOST && (v4 || v6))
			tell(t, "probe");
	}
}

int main(int argc, char *argv[])
{
	static const int nft[] = { NFNLGRP_NFTABLES, 0 }, link[] = { RTNLGRP_LINK, 0 };
	static const int routes[] = { RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, 0 };
	static const int none[] = { 0 };
	struct sched_param priority = { .sched_priority = 1 };
	int fds[N_SOURCES] = { [COMMANDS] = STDIN_FILENO };

	if (argc != 4) {
		fputs("usage: react ROUTER OUTSIDE INTERFACE\n", stderr);
		return 2;
	}
	enter(argv[2]);
	outside_index = index_of(argv[3]);
	control = listen_to(NETLINK_ROUTE, none);
	fds[CUTS] = listen_to(NETLINK_NETFILTER, nft);
	fds[PROBES] = listen_to_packets(outside_index);
	enter(argv[1]);
	router_index = index_of(argv[3]);
	fds[LINKS] = listen_to(NETLINK_ROUTE, link);
	fds[ROUTES] = listen_to(NETLINK_ROUTE, routes);
	fds[NFT] = listen_to(NETLINK_NETFILTER, nft);
	for (int i = 0; i < N_SOURCES; i++)
		sources[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };

	/* It only ever waits and tells: whom it measures is not held up for long. */
	sched_setscheduler(0, SCHED_FIFO, &priority);
	puts("0 ready");
	fflush(stdout);
	while (poll(sources, N_SOURCES, -1) > 0) {
		struct timespec t = now();

		for (int i = LINKS; i < PROBES; i++)
			if (sources[i].revents)
				hear_netlink(i, &t);
		if (sources[PROBES].revents)
			hear_packets(&t);
		if (sources[COMMANDS].revents && !obey())
			break;
	}
	return EXIT_SUCCESS;
}
