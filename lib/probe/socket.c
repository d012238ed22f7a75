// SPDX-License-Identifier: GPL-2.0-or-later
// Sockets that can leave by one WAN only: bound to its interface, its mark and a source of its own.
// A raw socket for echoes lets in what answers them and nothing else, by a filter in the kernel.

#include "probe/socket.h"

#include "base/flow_table.h"
#include "probe/echo.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <string.h>
#include <sys/socket.h>

socklen_t address_make(struct addr addr, union address *ret)
{
	*ret = (union address){};
	ret->any.sa_family = addr.family;
	if (addr.family == AF_INET) {
		ret->in.sin_addr = addr.in;
		return sizeof(ret->in);
	}
	ret->in6.sin6_addr = addr.in6;
	return sizeof(ret->in6);
}

struct addr address_addr(const union address *address)
{
	struct addr addr = { .family = address->any.sa_family };

	if (addr.family == AF_INET)
		addr.in = address->in.sin_addr;
	else
		addr.in6 = address->in6.sin6_addr;
	return addr;
}

static int bind_source(int fd, const struct probe_path *path, enum family family,
		       struct fault *fault)
{
	struct fault first = {};
	int r = -EADDRNOTAVAIL;

	for (size_t i = 0; i < ARRAY_SIZE(path->sources); i++) {
		union address address;
		socklen_t len;

		if (path->sources[i].family != family_af(family))
			continue;
		len = address_make(path->sources[i], &address);
		if (bind(fd, &address.any, len) == 0)
			return 0;
		r = fault_set(&first, -errno, "cannot bind to %s on %s: %s",
			      addr_str(path->sources[i]).s, path->interface, strerror(errno));
	}
	if (first.text[0])
		return fault_set(fault, r, "%s", first.text);
	return fault_set(fault, r, "no usable %s address on %s", family_name(family),
			 path->interface);
}

int probe_bind(int fd, const struct probe_path *path, enum family family, struct fault *fault)
{
	const char *interface = path->interface;

	/* An empty name would take the binding away. */
	if (!interface[0])
		return fault_set(fault, -ENODEV, "no interface to probe over");
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, strlen(interface)) < 0)
		return errno == ENODEV
			       ? fault_set(fault, -ENODEV, "there is no interface %s", interface)
			       : fault_set(fault, -errno, "cannot bind to %s: %s", interface,
					   strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &path->mark, sizeof(path->mark)) < 0)
		return fault_set(fault, -errno, "cannot mark packets: %s", strerror(errno));
	return bind_source(fd, path, family, fault);
}

int probe_try_bind(const struct probe_path *path, enum family family, struct fault *fault)
{
	_cleanup_(closep) int fd = socket(family_af(family), SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fault_set(fault, -errno, "cannot open a socket: %s", strerror(errno));
	return probe_bind(fd, path, family, fault);
}

struct probe_refusal probe_refusal_of(int error)
{
	struct probe_refusal refusal = { FAILURE_LOCAL, "" };
	struct flow_table table;

	if (error == ENOBUFS || error == ENOMEM || error == EAGAIN)
		refusal.failure = FAILURE_BUSY;
	if (error != EPERM)
		return refusal;
	/* Both netfilter's. It does not say which. */
	table = flow_table_read("");
	refusal.failure = flow_table_is_full(&table) ? FAILURE_FULL : FAILURE_FILTERED;
	if (refusal.failure == FAILURE_FULL)
		snprintf(refusal.words, sizeof(refusal.words),
			 " (conntrack table full: %ju of %ju)", (uintmax_t)table.entries,
			 (uintmax_t)table.max);
	else
		snprintf(refusal.words, sizeof(refusal.words), " (dropped by nftables)");
	return refusal;
}

enum probe_failure probe_failure_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return FAILURE_REFUSED;
	case EACCES: /* of a `prohibit` route, or a router's */
	case ENETUNREACH:
	case EHOSTUNREACH:
		return FAILURE_UNREACHABLE;
	case ETIMEDOUT:
		return FAILURE_SILENT;
	case 0:
		return FAILURE_UNKNOWN;
	default:
		return probe_refusal_of(error).failure;
	}
}

static int set_filters(int fd, enum family family, uint16_t id)
{
	struct icmp6_filter types;
	struct echo_filter filter;

	echo_filter_make(family, id, &filter);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER,
		       &(struct sock_fprog){ ARRAY_SIZE(filter.code), filter.code },
		       sizeof(struct sock_fprog)) < 0)
		return -errno;
	if (family == IPV4)
		return 0;

	/* The kernel drops all other types before it copies a packet for us. */
	ICMP6_FILTER_SETBLOCKALL(&types);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &types);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &types);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &types);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &types, sizeof(types)) < 0 ? -errno : 0;
}

int probe_echo_socket(const struct probe_path *path, enum family family, uint16_t id, size_t n,
		      struct fault *fault)
{
	_cleanup_(closep) int fd =
		socket(family_af(family), SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	int room = (int)(65536 + n * 2048), on = 1, r;
	char early;

	if (fd < 0)
		return fault_set(fault, -errno, "cannot open a raw socket: %s", strerror(errno));
	r = set_filters(fd, family, id);
	if (r < 0)
		return fault_set(fault, r, "cannot filter what comes in: %s", strerror(-r));
	r = probe_bind(fd, path, family, fault);
	if (r < 0)
		return r;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	/* Room for all requests and their answers at once: each takes up to 2 KiB in the kernel. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	/* Drop what came in before the filter and the binding were in place. */
	while (recv(fd, &early, sizeof(early), 0) >= 0)
		;
	return take_fd(&fd);
}

bool probe_finds_no_room(const struct probe_path *path, enum family family, struct addr to)
{
	const struct echo_key key = { .cookie = clock_us(CLOCK_MONOTONIC) };
	struct flow_table table = flow_table_read("");
	_cleanup_(closep) int fd = -1;
	uint8_t packet[ECHO_SIZE];
	struct fault fault = {};
	union address address;
	socklen_t len = address_make(to, &address);

	if (!flow_table_is_full(&table))
		return false;
	fd = probe_echo_socket(path, family, key.id, 1, &fault);
	echo_write(family, &key, packet);
	return fd >= 0 && sendto(fd, packet, sizeof(packet), 0, &address.any, len) < 0 &&
	       errno == EPERM;
}
