// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command of [notify], run when a WAN's verdict changes, or whether it is eligible.
 *
 * It runs beside the loop with EVENT, WAN, FAMILY (ipv4 or ipv6), OLD, NEW and COUNT in its
 * environment, and nothing else. An event of a WAN and family that flaps causes at most one call a
 * minute; COUNT is how many changes it stands for. After 10 seconds it is killed with its process
 * group.
 */
#pragma once

#include "base/family.h"

#include <systemd/sd-event.h>

struct notify;

/* 0 or -ENOMEM. */
int notify_new(sd_event *event, struct notify **ret);
void notify_free(struct notify *notify); /* commands that run are left to their end */

/* The command from now on: an absolute path that outlives its use here; NULL: none. */
void notify_set_command(struct notify *notify, const char *command);

struct notify_change {
	const char *event; /* "verdict" or "eligible"; not copied */
	const char *wan;
	enum family family;
	const char *old, *new; /* unknown, up, down; unknown, false, true; not copied */
};

/* Something has changed. 0 or -ENOMEM; what goes wrong with the command is logged. */
int notify_change(struct notify *notify, const struct notify_change *change);
