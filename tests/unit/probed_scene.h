// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fixture of tests of reports and troubles: a scene, what probes have brought, and a report.
 */
#pragma once

#include "probed.h"

extern struct scene scene;   /* that of "contract" */
extern struct probed probed; /* of that scene */
extern struct report report; /* empty at first */

void probed_scene_begin(void);
void probed_scene_end(void);
