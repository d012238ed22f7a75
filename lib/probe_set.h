/*
 * What echoes and requests tell the set that they belong to.
 */
#pragma once

#include "probe.h"

/* The result of a target that is pending; others keep theirs. */
void probe_answered(struct probe_set *set, struct probe_target *target, uint32_t rtt_us);
void probe_failed(struct probe_set *set, struct probe_target *target, const char *format, ...)
	_printf_(3, 4);

/*
 * The last word of each callback from the loop: tells the caller when nothing is pending
 * anymore, who may begin the next cycle within.
 */
void probe_woken(struct probe_set *set);
