// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets that can leave by one WAN only.
 */
#pragma once

#include "probe/target.h"

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

/* The same, with a socket that is closed again: can one be bound? */
int probe_try_bind(const struct probe_path *path, enum family family, struct fault *fault);

/* The kind of failure of a connection that did not come about for this errno; 0: none known. */
enum probe_failure probe_failure_of(int error);

/*
 * The kind of failure of a packet that the kernel refuses to send, and what more there is to say of
 * it than the errno's own words: " (dropped by nftables)", or "".
 */
struct probe_refusal {
	enum probe_failure failure;
	char words[64];
};
struct probe_refusal probe_refusal_of(int error);

/*
 * A bound raw socket that lets in only what answers echo requests with the id, with room for
 * n of them. Its descriptor, the caller's, or a negative errno with a fault.
 */
int probe_echo_socket(const struct probe_path *path, enum family family, uint16_t id, size_t n,
		      struct fault *fault);

/*
 * True when the kernel refuses what is sent to the address over the path, for its conntrack table
 * is full. It does so to TCP without a word: an echo request is sent, if the table is full at all.
 */
bool probe_finds_no_room(const struct probe_path *path, enum family family, struct addr to);
