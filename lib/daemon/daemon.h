// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The health daemon: probes, follows events, and keeps the kernel at what is desired for the site.
 */
#pragma once

#include "base/fault.h"

#include <stdbool.h>

/*
 * Runs in the foreground until SIGTERM or SIGINT, and leaves the kernel as it is then. Reads the
 * configuration at the start, and again on SIGHUP or when another program has run with a new one
 * (config/version.h); a broken one is refused then, and the old one stays. 0, or a negative errno
 * with a fault; -EBUSY when there is another daemon. *bad_config: the configuration is at fault.
 */
int daemon_run(const char *config_path, bool *bad_config, struct fault *fault);
