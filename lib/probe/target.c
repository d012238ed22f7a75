// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of a target in a cycle of probes.
// A result counts once, while the target is pending; the last one of a set calls its owner.

#include "probe/target.h"

#include <stdarg.h>

static bool resolve(struct probe_set *set, struct probe_target *target, enum probe_result result)
{
	if (target->result != PROBE_PENDING)
		return false;
	target->result = result;
	set->n_pending--;
	return true;
}

void probe_answered(struct probe_set *set, struct probe_target *target, uint32_t rtt_us)
{
	if (resolve(set, target, PROBE_ANSWERED))
		target->rtt_us = rtt_us;
}

void probe_failed(struct probe_set *set, struct probe_target *target, enum probe_failure failure,
		  const char *format, ...)
{
	va_list args;

	if (!resolve(set, target, PROBE_FAILED))
		return;
	target->failure = failure;
	va_start(args, format);
	vsnprintf(target->why, sizeof(target->why), format, args);
	va_end(args);
}

void probe_failed_all(struct probe_group *group, enum probe_failure failure, const char *why)
{
	for (size_t i = 0; i < group->n; i++)
		probe_failed(group->set, &group->targets[i], failure, "%s", why);
}

void probe_woken(struct probe_set *set)
{
	if (!set->running || set->n_pending > 0)
		return;
	set->running = false;
	set->done(set, set->arg);
}
