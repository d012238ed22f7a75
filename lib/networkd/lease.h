// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a link has been given, from systemd-networkd's answer to DescribeLink.
 */
#pragma once

#include "base/fault.h"
#include "model/delegation.h"

#include <stdbool.h>

struct lease {
	bool managed;	     /* a .network file matches, and networkd has begun with the link */
	bool unmanaged;	     /* none matches */
	bool refused;	     /* none matches, or networkd has given up */
	bool dhcp4;	     /* an address by DHCPv4 */
	bool bare4;	     /* a lease by DHCPv4, whose address somebody has taken away */
	bool ipv6;	     /* an address or prefix by DHCPv6 or a router's advertisement */
	char addresses[256]; /* neither link-local nor set by somebody else; "": none */
};

/* False when the answer is no JSON object. Pure. */
bool lease_from_json(const char *json, struct lease *ret);

/* What to do when networkd does its part; takes the interface. */
#define LEASE_SILENT                                                                               \
	"the ISP's DHCP does not answer; `journalctl -u systemd-networkd`, `tcpdump -ni %s`"

/* -ENODEV, with why networkd does nothing for a link that is there, and what to do. */
int lease_say_unmanaged(const char *interface, const struct lease *lease, struct fault *fault);

/*
 * The delegation that fits max_len bits: the one in use while it is offered and preferred, else the
 * first preferred one, else the first valid one. When all are longer than max_len, it is the first
 * of them, so that npt_check() can name what it refuses.
 *
 * With carrier but without a DHCPv6 lease, as after a restart of networkd or when it reconfigures
 * the link, nobody has taken away the prefix in use: DELEGATION_UNKNOWN until it ends; also when
 * the answer is no JSON object. now_us: of CLOCK_BOOTTIME. Pure.
 */
struct delegation delegation_from_json(const char *json, uint64_t now_us, struct delegation in_use,
				       unsigned max_len);

/* When the next lifetime in that answer ends, on CLOCK_BOOTTIME; UINT64_MAX: none ends. Pure. */
uint64_t delegation_next_end(const char *json, uint64_t now_us);
