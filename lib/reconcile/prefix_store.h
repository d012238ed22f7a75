// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The prefixes in use, kept over runs: for when no source of delegations can be asked.
 */
#pragma once

#include "model/npt.h"

/*
 * The prefixes of the last run; what is missing or no file means none. 0, or a negative errno with
 * a fault when it can't be read now.
 */
int prefixes_read(const struct config *config, struct npt_state *ret, struct fault *fault);
/* 0, or a negative errno with a fault. */
int prefixes_write(const struct config *config, const struct npt_state *npt, struct fault *fault);
