/*
 * The health daemon: probes, listens, and keeps the kernel at what the site wants.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>

/*
 * Runs in the foreground until SIGTERM or SIGINT; then the kernel stays as it is. The
 * configuration is read at the start, and again on SIGHUP or when another program has been run with
 * a new one (config_file.h); one that is broken is then refused, and the old one stays. 0; a
 * negative errno with a fault; -EBUSY when there is another daemon. *bad_config: it was the
 * configuration's fault.
 */
int daemon_run(const char *config_path, bool *bad_config, struct fault *fault);

/* True when a daemon runs, or when the caller may not know. */
bool daemon_is_running(void);
