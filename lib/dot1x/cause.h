// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why an 802.1X port is not authenticated, in words, and what to do about it.
 */
#pragma once

#include "dot1x/attempt.h"
#include "dot1x/certificate.h"

/*
 * Sets the fault. certificates: NULL: nothing is known of them, and nothing was found wrong with
 * the files themselves. Pure.
 */
void dot1x_say_cause(const char *port, const struct wpa_port *status, const struct attempt *attempt,
		     const struct certificates *certificates, time_t now, struct fault *fault);
