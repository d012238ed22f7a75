// SPDX-License-Identifier: GPL-2.0-or-later
// Router solicitations.
// A raw socket on the link sends one from its link-local address, with its hardware address.

#include "kernel/solicit.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Receivers drop what may have come from beyond the link. */
#define HOP_LIMIT 255

struct solicitation {
	struct nd_router_solicit header;
	struct nd_opt_hdr option;
	uint8_t mac[ETH_ALEN];
};

/* With the hardware address, a router need not ask for it; a tunnel has none. Its length. */
static size_t make(int fd, const char *interface, struct solicitation *ret)
{
	struct ifreq request = {};

	*ret = (struct solicitation){
		.header = { .nd_rs_type = ND_ROUTER_SOLICIT },
		.option = { ND_OPT_SOURCE_LINKADDR, 1 },
	};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return sizeof(ret->header);
	memcpy(ret->mac, request.ifr_hwaddr.sa_data, sizeof(ret->mac));
	return sizeof(*ret);
}

int router_solicit(const char *interface, unsigned ifindex)
{
	_cleanup_(closep) int fd =
		socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = ifindex };
	struct solicitation it;
	struct icmp6_filter nothing;
	int hops = HOP_LIMIT;
	size_t size;

	ICMP6_FILTER_SETBLOCKALL(&nothing);
	inet_pton(AF_INET6, "ff02::2", &to.sin6_addr);
	if (fd < 0 || setsockopt(fd, SOL_ICMPV6, ICMP6_FILTER, &nothing, sizeof(nothing)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, strlen(interface)) < 0)
		return -errno;
	size = make(fd, interface, &it);
	return sendto(fd, &it, size, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}
