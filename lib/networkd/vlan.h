// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files by which systemd-networkd makes a VLAN's interface, and why there may be none.
 */
#pragma once

#include "base/fault.h"

/*
 * -ENODEV, and why a VLAN's interface is not on its port, which is there, with what to do. root:
 * stands before the path of each file.
 */
int vlan_say_missing(const char *root, const char *interface, const char *port,
		     struct fault *fault);
