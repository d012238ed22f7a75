// SPDX-License-Identifier: GPL-2.0-or-later
// The fixture of tests of reports and troubles.
// Made before each test, and freed after it.

#include "probed_scene.h"

struct scene scene;
struct probed probed;
struct report report;

void probed_scene_begin(void)
{
	scene_make(&scene, "contract");
	probed_make(&probed, &scene);
}

void probed_scene_end(void)
{
	report_done(&report);
	probed_done(&probed);
	scene_done(&scene);
}
