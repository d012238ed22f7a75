// SPDX-License-Identifier: GPL-2.0-or-later
// How answers to probes become a verdict: a window of probes, and a step with hysteresis.
// Counts cycles in a row, and compares them with the thresholds of mwan.conf.

#include "model/health.h"

#include <limits.h>
#include <string.h>

void health_window_add(struct health_window *window, bool answered, uint32_t rtt_us)
{
	memmove(window->rtt_us + 1, window->rtt_us, sizeof(window->rtt_us) - sizeof(uint32_t));
	window->rtt_us[0] = rtt_us;
	window->lost = (window->lost << 1 | !answered) & ((1U << HEALTH_WINDOW) - 1);
	if (window->n < HEALTH_WINDOW)
		window->n++;
}

double health_window_loss(const struct health_window *window)
{
	return window->n > 0 ? (double)__builtin_popcount(window->lost) / window->n : 0;
}

double health_window_rtt(const struct health_window *window)
{
	unsigned answered = 0;
	double sum = 0;

	for (unsigned i = 0; i < window->n; i++) {
		if (window->lost & 1U << i)
			continue;
		sum += window->rtt_us[i];
		answered++;
	}
	return answered > 0 ? sum / answered : 0;
}

bool health_window_passes(const struct health_window *window, const struct health_conf *conf)
{
	if (window->n < HEALTH_WINDOW)
		return true;
	/* Whole numbers: 0.55 * 100 is more than 55. */
	if (conf->max_loss >= 0 &&
	    __builtin_popcount(window->lost) * 100 > conf->max_loss * HEALTH_WINDOW)
		return false;
	return conf->max_rtt_us == 0 || health_window_rtt(window) <= (double)conf->max_rtt_us;
}

const char *probe_failure_name(enum probe_failure failure)
{
	static const char *const names[] = {
		[FAILURE_UNKNOWN] = "unknown",
		[FAILURE_LOCAL] = "local",
		[FAILURE_FILTERED] = "filtered",
		[FAILURE_FULL] = "full",
		[FAILURE_BUSY] = "busy",
		[FAILURE_UNSUPPORTED] = "unsupported",
		[FAILURE_RESOLVER] = "resolver",
		[FAILURE_UNRESOLVED] = "unresolved",
		[FAILURE_UNREACHABLE] = "unreachable",
		[FAILURE_REFUSED] = "refused",
		[FAILURE_SILENT] = "silent",
		[FAILURE_WRONG] = "wrong",
		[FAILURE_STATUS] = "status",
		[FAILURE_PORTAL] = "portal",
		[FAILURE_SLOW] = "slow",
		[FAILURE_MALFORMED] = "malformed",
	};

	return names[failure];
}

static void count(unsigned *counter)
{
	if (*counter < UINT_MAX)
		++*counter;
}

bool health_step(struct health_state *health, bool good, const struct health_conf *conf,
		 uint64_t now)
{
	enum verdict next = health->state;

	if (good) {
		count(&health->successes);
		health->failures = 0;
	} else {
		count(&health->failures);
		health->successes = 0;
	}

	if (health->failures >= conf->failure_threshold)
		next = VERDICT_DOWN;
	else if (health->successes >= conf->recovery_threshold ||
		 (good && health->state == VERDICT_UNKNOWN))
		next = VERDICT_UP;
	if (next == health->state)
		return false;

	health->state = next;
	health->since = now;
	count(&health->transitions);
	return true;
}
