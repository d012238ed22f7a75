// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The way from mwan.conf to a struct config, and its end.
 */
#pragma once

#include "config/config.h"

/*
 * Reads and checks the file. 0, or a negative errno with *fault saying "FILE:LINE: …": the first
 * mistake in the order of the file; a mistake between several lines names the line of one of the
 * keys or sections involved. *ret is untouched on failure, and the caller's on success:
 * config_done().
 */
int config_load(const char *path, struct config *ret, struct fault *fault);
void config_done(struct config *config);
