/*
 * The health daemon: probes, listens, and keeps the kernel at what the site wants.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>

/*
 * Runs in the foreground until SIGTERM or SIGINT; then the kernel stays as it is. The
 * configuration is read by now, and again on SIGHUP and when the file has changed: one that is
 * broken is refused, and the old one stays. 0; a negative errno with a fault; -EBUSY when
 * there is another daemon. *bad_config: it was the configuration's fault.
 */
int daemon_run(const char *config_path, bool *bad_config, struct fault *fault);

/* True when a daemon runs, or when the caller may not know. */
bool daemon_is_running(void);
