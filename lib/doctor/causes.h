// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which finding explains which: who mends a cause mends what follows from it. Pure.
 */
#pragma once

#include "doctor/diagnosis.h"

/*
 * The finding that explains the one with that index, and is itself explained by none; NULL: none
 * does, it is a root.
 */
const struct finding *cause_of(const struct diagnosis *diagnosis, size_t i);

/* Where a kind stands in the order in which causes are mended: a smaller number comes first. */
size_t cause_rank(const char *kind);
