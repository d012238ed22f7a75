// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bob Jenkins' hash as the kernel computes it: jhash() of linux/jhash.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t jhash(const void *key, size_t length, uint32_t seed);
