/*
 * Sockets that can leave by one WAN only.
 */
#pragma once

#include "probe.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Its length for the kernel. */
socklen_t address_make(struct addr addr, union address *ret);
struct addr address_addr(const union address *address);

/*
 * Binds the socket to the interface, the mark and the first source that can be bound. 0, or a
 * negative errno with a fault; the socket must not be used then.
 */
int probe_bind(int fd, const struct probe_path *path, enum family family, struct fault *fault);

/* The same for a socket of no use: can one be bound? */
int probe_try_bind(const struct probe_path *path, enum family family, struct fault *fault);

/*
 * A bound raw socket that lets in only what answers echo requests with the id, with room for
 * n of them. Its descriptor, the caller's, or a negative errno with a fault.
 */
int probe_echo_socket(const struct probe_path *path, enum family family, uint16_t id, size_t n,
		      struct fault *fault);
