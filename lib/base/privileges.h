// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What root may do is split into capabilities, and a program needs few of them. It gives the others
 * up before it reads anything, for good: for the programs that it starts, too.
 */
#pragma once

#include <linux/capability.h>
#include <stdint.h>

#define PRIVILEGE(capability) (1ULL << (capability))

/* What changes the network: netlink, nftables, marked sockets, /proc/sys/net; raw sockets, to probe
 * and to ask. */
#define PRIVILEGES_NETWORK (PRIVILEGE(CAP_NET_ADMIN) | PRIVILEGE(CAP_NET_RAW))

/*
 * Keeps these capabilities of those that we have, and takes care that no program which we start
 * gets others: not by being root's, nor by set-user-ID. Best effort: systemd's sandbox refuses a
 * part of it, and has done it before.
 */
void privileges_keep(uint64_t capabilities);
