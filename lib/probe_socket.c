#include "probe_socket.h"

#include "probe_echo.h"

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

static int bind_interface(int fd, const struct probe_path *path, struct fault *fault)
{
	const char *interface = path->interface;

	/* An empty name would take the binding away. */
	if (!interface[0])
		return fault_set(fault, -ENODEV, "no interface to probe over");
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, strlen(interface)) == 0)
		return 0;
	if (errno == ENODEV)
		return fault_set(fault, -ENODEV, "there is no interface %s", interface);
	return fault_set(fault, -errno, "cannot bind to %s: %s", interface, strerror(errno));
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
	return fault_set(fault, r, "no usable %s address on %s", family == IPV4 ? "IPv4" : "IPv6",
			 path->interface);
}

int probe_bind(int fd, const struct probe_path *path, enum family family, struct fault *fault)
{
	int r = bind_interface(fd, path, fault);

	if (r < 0)
		return r;
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

static int set_filters(int fd, enum family family, uint16_t id)
{
	struct icmp6_filter types;
	struct echo_filter filter;

	echo_filter_make(family, id, &filter);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER,
		       &(struct sock_fprog){ filter.len, filter.code },
		       sizeof(struct sock_fprog)) < 0)
		return -errno;
	if (family == IPV4)
		return 0;

	/* These the kernel sorts out before it copies the packet for us. */
	ICMP6_FILTER_SETBLOCKALL(&types);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &types);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &types);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &types);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &types, sizeof(types)) < 0 ? -errno : 0;
}

/* Room for all requests and their answers at once: each takes up to 2 KiB in the kernel. */
static void make_room(int fd, size_t n)
{
	int room = (int)(65536 + n * 2048);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
}

int probe_echo_socket(const struct probe_path *path, enum family family, uint16_t id, size_t n,
		      struct fault *fault)
{
	_cleanup_(closep) int fd = -1;
	int on = 1, r;
	char unwanted;

	fd = socket(family_af(family), SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    family == IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (fd < 0)
		return fault_set(fault, -errno, "cannot open a raw socket: %s", strerror(errno));
	r = set_filters(fd, family, id);
	if (r < 0)
		return fault_set(fault, r, "cannot filter what comes in: %s", strerror(-r));
	r = probe_bind(fd, path, family, fault);
	if (r < 0)
		return r;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	make_room(fd, n);
	/* What had come in before the filter and the binding stood. */
	while (recv(fd, &unwanted, sizeof(unwanted), 0) >= 0)
		;
	return take_fd(&fd);
}
