// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Having systemd-networkd put back what a link's DHCPv4 lease has given, when somebody has removed
 * it. networkd does not by itself until it renews the lease, which may be hours later.
 */
#pragma once

#include "networkd/bus.h"

enum renew_how {
	RENEW_LEASE,	/* it asks the DHCP server it knows; nothing is lost meanwhile */
	RENEW_ALL_ANEW, /* it gives up what the link has in both families, and begins anew */
};

/*
 * Does so if networkd has given the link a DHCPv4 address that is still there, and says so in the
 * log, with the WAN's name. Nothing is waited for. 0 or a negative errno; -ENOTCONN: no bus.
 */
int networkd_renew(struct networkd_bus *bus, unsigned ifindex, const char *wan, enum renew_how how);
