// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What systemd says of units: `systemctl show`, read.
 */
#pragma once

#include "base/fault.h"

#include <stdbool.h>

struct unit {
	const char *name; /* as asked for */
	char load[16];	  /* loaded, not-found, masked, bad-setting, … */
	char active[16];  /* active, inactive, failed, activating, … */
	char file[24];	  /* enabled, disabled, static, …; "": there is none */
	char result[32];  /* of its last run: success, exit-code, start-limit-hit, … */
	char start[256];  /* the program that its first ExecStart= names; "": none */
	bool reload;	  /* its files have changed since systemd read them */
	bool met;	  /* its conditions were true when it was last started, or it never was */
	uint64_t changed_us; /* when it last started or reloaded, on CLOCK_REALTIME; 0: never */
};

/* True when systemd runs this machine. */
bool units_are_there(void);

/* Fills units[0..n-1], whose names are given. 0, or a negative errno with a fault. */
int units_look(struct unit *units, size_t n, struct fault *fault);
