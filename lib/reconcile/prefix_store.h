// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The prefixes in use, kept over runs: for when no source of delegations can be asked.
 */
#pragma once

#include "model/npt.h"

/* The prefixes of the last run; a file that is missing or can't be read means none. 0 or -ENOMEM.
 */
int prefixes_read(const struct config *config, struct npt_state *ret);
/* 0, or a negative errno with a fault. */
int prefixes_write(const struct config *config, const struct npt_state *npt, struct fault *fault);
