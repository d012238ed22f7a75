// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Questions to systemd-networkd on D-Bus, above all for the live DHCPv6 delegation of a link.
 */
#pragma once

#include "base/fault.h"

#include <stdbool.h>

/* There since networkd first ran in this boot, also while it does not. */
#define NETWORKD_STATE_PATH "/run/systemd/netif/state"

/* When it can't be asked: what follows, and what to do. */
#define NETWORKD_LOST "new prefixes are not seen, and one in use may end though it is renewed"
#define NETWORKD_REJOIN "`systemctl restart systemd-networkd`"
#define NETWORKD_REJOIN_BUS "`systemctl start dbus`, then " NETWORKD_REJOIN

struct networkd;

/*
 * Connects at the first question; free with networkd_close(). NULL: no memory; no question to NULL
 * is answered. When a question is not answered within 2 s, the next ones are not asked.
 */
struct networkd *networkd_open(void);
void networkd_close(struct networkd *networkd);

static inline void networkd_closep(struct networkd **networkd)
{
	networkd_close(*networkd);
}

/* False when there is no system bus. Connects if need be. */
bool networkd_has_bus(struct networkd *networkd);

/* All that networkd says of the link, as JSON, the caller's; NULL: nobody answers. */
char *networkd_describe(struct networkd *networkd, unsigned ifindex);

/* Calls RenewLink or ReconfigureLink. 0, or a negative errno with networkd's own words. */
int networkd_command(struct networkd *networkd, const char *method, unsigned ifindex,
		     struct fault *fault);
