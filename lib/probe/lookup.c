// SPDX-License-Identifier: GPL-2.0-or-later
// One name, looked up as any program on this machine does.
// An event loop of its own runs until the answer is there or the time is up.

#include "probe/lookup.h"

#include "probe/resolver.h"

#include <string.h>

static void on_answer(void *query, const struct name_answer *answer)
{
	struct name_answer **ret = query;

	**ret = *answer;
	*ret = NULL;
}

static void on_woken(void *arg)
{
	(void)arg;
}

static const struct resolver_handlers handlers = { on_answer, on_woken };

static int run(const struct resolver_library *library, struct probe_group *group, const char *name,
	       struct name_answer *ret)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + group->timeout_us, now_us;
	struct name_answer *waiting = ret;
	struct resolver *resolver = NULL;
	int r = resolver_new(library, group, &handlers, NULL, &resolver);

	if (r < 0)
		return r;
	resolver_ask(resolver, name, &waiting);
	while (r >= 0 && waiting && (now_us = clock_us(CLOCK_MONOTONIC)) < end_us)
		r = sd_event_run(group->event, end_us - now_us);
	if (waiting)
		*ret = resolver_silence(resolver);
	waiting = NULL;
	resolver_free(resolver);
	return r < 0 ? r : 0;
}

int look_up(const char *name, uint64_t timeout_us, struct name_answer *ret, struct fault *fault)
{
	struct probe_group group = { .family = IPV4, .timeout_us = timeout_us };
	struct resolver_library *library = NULL;
	int r = resolver_library_open(&library, fault);

	*ret = (struct name_answer){};
	if (r == 0)
		r = sd_event_new(&group.event);
	if (r >= 0)
		r = run(library, &group, name, ret);
	if (r < 0 && r != -ENOMEM && !fault->text[0])
		fault_set(fault, r, "the event loop: %s", strerror(-r));
	sd_event_unref(group.event);
	resolver_library_close(library);
	return r;
}
