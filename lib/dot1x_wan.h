/*
 * What is known of the WANs behind the 802.1X port: the port says that it is authorized also when
 * the authenticator has long forgotten it, and then it is the WAN that shows it.
 */
#pragma once

#include "config.h"

struct dot1x_wans {
	bool leaseless; /* one has no address but mwan's own */
	bool silent;	/* of one, each family has no gateway, or is down by the probes of late */
};

/* From the kernel and health-check's verdicts. 0, or a negative errno. */
int dot1x_wans_look(const struct config *config, const char *port, struct dot1x_wans *ret,
		    struct fault *fault);
