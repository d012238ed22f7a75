// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Asking a link's routers to advertise themselves (RFC 4861, 6.3.7).
 */
#pragma once

/*
 * Sends one router solicitation. What answers is systemd-networkd's or the kernel's to read, as
 * every advertisement. 0 or a negative errno. Takes CAP_NET_RAW.
 */
int router_solicit(const char *interface, unsigned ifindex);
