// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The names of the WANs' tables, for ip(8): `ip route show table att`.
 */
#pragma once

#include "base/fault.h"
#include "config/config.h"

/*
 * Writes /run/mwan/rt_tables.conf, where the package's /etc/iproute2/rt_tables.d/mwan.conf leads.
 * Unless something has `changed`, a file that is there is believed to be right. 0, or a negative
 * errno with a fault.
 */
int table_names_write(const struct config *config, bool changed, struct fault *fault);
