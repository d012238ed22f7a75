// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel has counted for each WAN.
 */
#pragma once

#include "base/fault.h"
#include "model/counters.h"
#include "status/report.h"

/*
 * Reads flows from conntrack by mark, packets and bytes from the filter's counters, for the WANs
 * of the report. *ret is the caller's, to be freed with traffic_done(). 0 or a negative errno.
 */
int observe_traffic(const struct report *report, struct traffic *ret, struct fault *fault);
