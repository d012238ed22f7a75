// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A rule or a route as ip(8) names it, with all that it has: for those of our protocol that
 * somebody else has made. Those that we make are named by model/object.h.
 */
#pragma once

#include <linux/netlink.h>

/*
 * What follows `ip [-6] rule del` or `ip [-6] route del` for the object that the kernel reports in
 * the message; NULL: no memory. The caller's. Left out is what ip(8) or the kernel ignore there.
 */
char *ip_text(const struct nlmsghdr *message);
