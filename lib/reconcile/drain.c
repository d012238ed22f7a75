// SPDX-License-Identifier: GPL-2.0-or-later
// Taking a WAN out by hand, and putting it back.
// Writes the file of drains, runs, and looks at what new flows may choose then.

#include "reconcile/drain.h"

#include "base/duration.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/parse.h"
#include "config/load.h"
#include "reconcile/update.h"
#include "status/drains.h"

#include <errno.h>
#include <string.h>

/* Its index; a negative errno with a fault that names those that there are. */
static int find_wan(const struct config *config, const char *name, struct fault *fault)
{
	size_t wan = config_find_wan(config, name), used = 0;
	char names[300] = "";

	if (wan < config->n_wans)
		return (int)wan;
	for (size_t i = 0; i < config->n_wans && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
					 i > 0 ? ", " : "", config->wans[i].name);
	return fault_set(fault, -EINVAL, "there is no WAN %s, only %s", quote(name).s, names);
}

/* Writes what is so from now on. *known: the WAN was drained before. 0 or a negative errno. */
static int keep(const struct drain_order *order, bool *known, struct fault *fault)
{
	_cleanup_(drains_done) struct drains drains = {};
	uint64_t now = clock_us(CLOCK_REALTIME) / 1000000;
	struct drain drain = { .since = now, .until = order->for_s ? now + order->for_s : 0 };
	int r = drains_read(DRAINS_PATH, &drains, fault);

	if (r < 0)
		return r;
	/* This configuration may be another one than the daemon's, which cleans up by its own. */
	drains_clean(&drains, NULL, now);
	snprintf(drain.wan, sizeof(drain.wan), "%s", order->wan);
	*known = drains_find(&drains, order->wan);
	if (order->drain)
		r = drains_set(&drains, &drain);
	else
		drains_remove(&drains, order->wan);
	return r < 0 ? r : drains_write(&drains, DRAINS_PATH, fault);
}

/* Nobody else can carry these families: it does. */
static void warn_of_last_resort(const struct site *site, size_t wan)
{
	const char *name = site->config->wans[wan].name;
	bool carries[N_FAMILIES];

	for (enum family family = 0; family < N_FAMILIES; family++)
		carries[family] = site_selection(site, family)->eligible[wan];
	if (carries[IPV4] || carries[IPV6])
		log_event(
			LOG_WARNING, EVENT_DRAINED, FIELDS(log_text("wan", name)),
			"%s stays the last resort of %s%s%s: no other WAN can carry its new flows",
			name, carries[IPV4] ? "IPv4" : "",
			carries[IPV4] && carries[IPV6] ? " and " : "", carries[IPV6] ? "IPv6" : "");
}

static void print_order(const struct drain_order *order, bool known)
{
	uint64_t now = clock_us(CLOCK_REALTIME) / 1000000;

	if (!order->drain)
		printf("%s %s drained\n", order->wan, known ? "is no longer" : "was not");
	else if (order->for_s)
		printf("%s is drained until %s: it takes no new flows, and keeps those that it "
		       "has\n",
		       order->wan, local_time_str(now + order->for_s, false).s);
	else
		printf("%s is drained until `health-check --undrain %s`: it takes no new flows, "
		       "and "
		       "keeps those that it has\n",
		       order->wan, order->wan);
}

/* Says what has come of it. 0 or a negative errno. */
static int look(struct config *config, size_t wan, const struct drain_order *order,
		struct fault *fault)
{
	struct reconcile request = { .mode = RECONCILE_LOOK, .prefixes.ended = true };
	_cleanup_(kernel_close) struct kernel kernel = {};
	_cleanup_(outcome_done) struct outcome outcome = {};
	int r = reconcile(config, &request, &kernel, &outcome, fault);

	if (r >= 0 && order->drain)
		warn_of_last_resort(&outcome.site, wan);
	return r < 0 ? r : 0;
}

int drain_run(const struct cli *cli, const struct drain_order *order, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(lock_release) struct lock lock = LOCK_NONE;
	bool known = false;
	int r = run_lock(true, &lock, fault), wan;

	if (r < 0)
		return r;
	r = config_load(cli->config, &config, fault);
	wan = r < 0 ? r : find_wan(&config, order->wan, fault);
	if (wan < 0)
		return cli_bad_input(wan, fault);
	r = keep(order, &known, fault);
	lock_release(&lock);
	if (r == 0)
		r = update_run(cli, NULL, fault);
	if (r != EXIT_DONE)
		return r;
	print_order(order, known);
	return look(&config, (size_t)wan, order, fault);
}
