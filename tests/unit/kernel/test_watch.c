// SPDX-License-Identifier: GPL-2.0-or-later
// What the watch reports of links, by the names that the site has for them.
// In a network namespace of its own; takes root and ip.

#include "kernel/watch.h"
#include "suite.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

static sd_event *event;
static struct watch *watch;
static enum watch_change seen;

static void on_change(enum watch_change change, void *arg)
{
	if (change > seen)
		seen = change;
}

static void on_address_gone(unsigned ifindex, struct addr addr, void *arg)
{
}

/* The site's only link is lte0, which nobody has seen yet: no index is known. */
static bool concerns(unsigned ifindex, const char *name, void *arg)
{
	return strcmp(name, "lte0") == 0;
}

static bool concerns_neighbour(unsigned ifindex, struct addr addr, bool there, void *arg)
{
	return false;
}

static bool is_own(uint32_t generation, void *arg)
{
	return true;
}

static const struct watch_handlers handlers = {
	.changed = on_change,
	.address_gone = on_address_gone,
	.concerns = concerns,
	.concerns_neighbour = concerns_neighbour,
	.is_own = is_own,
};

/* The event loop sees what the command has done: the kernel reports it before ip(8) ends. */
static void ip(const char *command)
{
	seen = CHANGE_NONE;
	ck_assert_msg(system(command) == 0, "%s", command); /* NOLINT(cert-env33-c) */
	while (sd_event_run(event, 0) > 0)
		continue;
}

static void set_up(void)
{
	struct fault fault = {};

	ck_assert_msg(unshare(CLONE_NEWNET) == 0, "a network namespace takes root: %s",
		      strerror(errno));
	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_msg(watch_new(event, &handlers, NULL, &watch, &fault) == 0, "%s", fault.text);
	/* Of a link that is down, the kernel doesn't report it. */
	ip("ip link add wwan0 up type veth peer name modem");
}

static void tear_down(void)
{
	watch_free(watch);
	sd_event_unref(event);
}

START_TEST(an_alternative_name_makes_a_link_the_sites)
{
	ck_assert_int_eq(seen, CHANGE_NONE);
	ip("ip link property add dev modem altname other0");
	ck_assert_int_eq(seen, CHANGE_NONE);
	ip("ip link property add dev wwan0 altname lte0");
	ck_assert_int_eq(seen, CHANGE_LINK);
}
END_TEST

START_TEST(any_name_of_a_link_counts)
{
	ip("ip link property add dev wwan0 altname lte0");
	ip("ip link set wwan0 name wwan7");
	ck_assert_int_eq(seen, CHANGE_LINK);
	ip("ip link set modem name modem7");
	ck_assert_int_eq(seen, CHANGE_NONE);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("watch");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, an_alternative_name_makes_a_link_the_sites);
	tcase_add_test(tcase, any_name_of_a_link_counts);
	return run_case(tcase, "watch");
}
