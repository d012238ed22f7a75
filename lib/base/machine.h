// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A number that tells this machine's packets from another's.
 */
#pragma once

#include <stdint.h>

/*
 * Made of /etc/machine-id, so that all programs have the same, also after a reboot. Its bytes are
 * sent as they lie in memory. It says nothing of the id itself. 0: the file can't be read now.
 */
uint32_t machine_number(void);
