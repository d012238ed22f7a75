// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reports for the tests of what is shown. They need the fixture of probed_scene.h.
 */
#pragma once

#include "status/report.h"

/* A site on a bad night: in the scene, before the report is made. */
void shown_trouble(void);

/* In the report: keeps a WAN from new flows in a family. */
void shown_hinder(size_t wan, enum family family, enum obstacle obstacle);

/* The report of names as long as they may be, and every kind of value once. */
void shown_long(void);
