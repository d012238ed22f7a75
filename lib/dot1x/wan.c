// SPDX-License-Identifier: GPL-2.0-or-later
// The WANs behind the 802.1X port: their addresses, gateways and verdicts.
// Addresses and gateways come from the kernel, verdicts from the file that the daemon writes.

#include "dot1x/wan.h"

#include "dot1x/dot1x.h"
#include "kernel/observe_facts.h"
#include "status/report.h"

#include <errno.h>
#include <string.h>

/* The daemon writes verdicts at least every interval: older ones say nothing. */
#define VERDICTS_US 60000000
#define ATTEMPTS 3

static bool is_down(const struct report *report, const char *interface, enum family family)
{
	for (size_t i = 0; i < report->n_wans; i++)
		if (strcmp(report->wans[i].interface, interface) == 0)
			return report->wans[i].family[family].present &&
			       report->wans[i].family[family].health.state == VERDICT_DOWN;
	return false;
}

static bool is_silent(const struct config *config, size_t wan, const struct facts *facts,
		      const struct report *report)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (config_has_family(config, wan, family) &&
		    facts->wans[wan].gateway[family].present &&
		    !is_down(report, config->wans[wan].written, family))
			return false;
	return true;
}

static int look_at_links(const struct config *config, struct facts *ret, struct fault *fault)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	int r = netlink_open(NETLINK_ROUTE, &sk, fault);

	if (r < 0)
		return r;
	r = -EAGAIN;
	for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++)
		r = observe_facts(sk, config, NULL, ret, fault);
	return r;
}

int dot1x_wans_look(const struct config *config, const char *port, struct dot1x_wans *ret,
		    struct fault *fault)
{
	_cleanup_(facts_done) struct facts facts = {};
	_cleanup_(report_done) struct report report = {};
	uint64_t now_us = clock_us(CLOCK_REALTIME);
	struct dot1x_wans wans = {};
	struct fault unread = {};
	int r = look_at_links(config, &facts, fault);

	if (r < 0)
		return r;
	/* Without the daemon, there are no verdicts. */
	if (report_read(HEALTH_PATH, &report, &unread) < 0 || report.time_us > now_us ||
	    now_us - report.time_us >= VERDICTS_US)
		report_done(&report);
	for (size_t i = 0; i < config->n_wans; i++) {
		if (!dot1x_is_behind(config->wans[i].interface, port) ||
		    !facts.wans[i].link.link.index)
			continue;
		wans.leaseless |= facts.wans[i].link.n_addresses == 0;
		wans.silent |= is_silent(config, i, &facts, &report);
	}
	*ret = wans;
	return 0;
}
