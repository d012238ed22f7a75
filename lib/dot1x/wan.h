// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The WANs behind the 802.1X port. A port stays authorized after the authenticator has forgotten
 * it; then only the WAN shows it.
 */
#pragma once

#include "config/config.h"

struct dot1x_wans {
	bool leaseless; /* one has no address but mwan's own */
	bool silent;	/* one has, in each family, no gateway or the verdict "down" */
};

/* Looks at the kernel and at health-check's verdicts. 0, or a negative errno with a fault. */
int dot1x_wans_look(const struct config *config, const char *port, struct dot1x_wans *ret,
		    struct fault *fault);
