// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Protocols of IP by their names.
 */
#pragma once

#include "base/family.h"

#include <stdint.h>

/* A name or a number; "icmp" is the family's own. 0 or -EINVAL. */
int protocol_parse(const char *text, enum family family, uint8_t *ret);

/* "tcp", "icmp" for both families', or the number. */
struct protocol_text {
	char s[12];
};
struct protocol_text protocol_str(uint8_t protocol);
