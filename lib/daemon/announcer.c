// SPDX-License-Identifier: GPL-2.0-or-later
// Announces what the site's links answer for.
// Each time it looks at the kernel anew, so that nothing is announced that has gone meanwhile.

#include "daemon/announcer.h"

#include "base/log.h"
#include "kernel/announce.h"

#include <errno.h>
#include <string.h>

/*
 * How long after one announcement the next one follows. Any may get lost; after a carrier has come,
 * a bridge may forward nothing for 1 s, a switch with spanning tree for 30 s. No two of an address
 * within a second: a switch that inspects ARP may shut a port after 15 packets in a second.
 */
static const uint64_t pauses_us[] = { 1200000, 2000000, 30000000 };

#define RETRY_US 10000000

struct announcer {
	sd_event_source *timer;
	const struct config *config;
	struct claims claims;
	int fd; /* -1, or kept: to close a packet socket, the kernel waits for 10 ms and more */
	uint64_t failed_us; /* since when, and we have said so; 0: it does not fail */
};

static bool is_same(const struct claim *a, const struct claim *b)
{
	return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->carrier_ups == b->carrier_ups &&
	       a->created == b->created;
}

void claims_take_over(struct claims *claims, const struct claims *before, uint64_t now_us)
{
	for (size_t i = 0; i < claims->n; i++) {
		struct claim *claim = &claims->v[i];
		const struct claim *old = claims_find(before, claim->ifindex, claim->addr);

		claim->told = old && is_same(claim, old) ? old->told : 0;
		claim->due_us = claim->told > 0 ? old->due_us : now_us;
	}
}

const struct claim *claims_next_due(struct claims *claims, uint64_t now_us, uint64_t *next_us)
{
	struct claim *next = NULL;

	for (size_t i = 0; i < claims->n; i++)
		if (!next || claims->v[i].due_us < next->due_us)
			next = &claims->v[i];
	*next_us = next ? next->due_us : UINT64_MAX;
	if (!next || next->due_us > now_us)
		return NULL;
	next->due_us =
		next->told < ARRAY_SIZE(pauses_us) ? now_us + pauses_us[next->told] : UINT64_MAX;
	next->told++;
	return next;
}

/* Tells what is due, some of it; *next_us: when there is more. 0 or a negative errno. */
static int tell(struct announcer *announcer, uint64_t now_us, uint64_t *next_us)
{
	const struct claim *claim;
	size_t n = 0;

	if (announcer->fd < 0)
		announcer->fd = announce_open();
	if (announcer->fd < 0)
		return announcer->fd;
	for (; n < ANNOUNCE_BURST; n++) {
		claim = claims_next_due(&announcer->claims, now_us, next_us);
		if (!claim)
			break;
		announce(announcer->fd, claim);
	}
	if (n == ANNOUNCE_BURST)
		*next_us = now_us + ANNOUNCE_PAUSE_US;
	if (n > 0)
		log_event(LOG_DEBUG, EVENT_ANNOUNCED, FIELDS(log_number("addresses", n)),
			  "announced %zu addresses", n);
	return 0;
}

static int look(struct announcer *announcer, uint64_t now_us)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	struct claims claims = {};
	struct fault fault = {};
	int r = netlink_open(NETLINK_ROUTE, &sk, &fault);

	if (r == 0)
		r = observe_claims(sk, announcer->config, &claims);
	if (r < 0)
		return r;
	claims_take_over(&claims, &announcer->claims, now_us);
	claims_done(&announcer->claims);
	announcer->claims = claims;
	return 0;
}

static int on_time(sd_event_source *source, uint64_t when, void *arg)
{
	struct announcer *announcer = arg;
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), next_us = now_us + ANNOUNCE_PAUSE_US;
	int r = look(announcer, now_us);

	if (r == 0)
		r = tell(announcer, now_us, &next_us);
	if (r < 0 && r != -EAGAIN) {
		next_us = now_us + RETRY_US;
		if (!announcer->failed_us) {
			announcer->failed_us = now_us;
			log_event(LOG_WARNING, EVENT_UNANNOUNCED, NULL, ANNOUNCE_FAILED,
				  strerror(-r));
		}
	} else if (r == 0 && announcer->failed_us) {
		log_event(LOG_NOTICE, EVENT_ANNOUNCED,
			  FIELDS(log_seconds((now_us - announcer->failed_us) / 1000000)),
			  "addresses are announced again");
		announcer->failed_us = 0;
	}
	sd_event_source_set_time(source, next_us);
	sd_event_source_set_enabled(source, next_us < UINT64_MAX ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	return 0;
}

void announcer_look(struct announcer *announcer, const struct config *config)
{
	announcer->config = config;
	sd_event_source_set_time(announcer->timer, 0);
	sd_event_source_set_enabled(announcer->timer, SD_EVENT_ONESHOT);
}

int announcer_new(sd_event *event, struct announcer **ret)
{
	struct announcer *announcer = calloc(1, sizeof(*announcer));
	int r;

	if (!announcer)
		return -ENOMEM;
	announcer->fd = -1;
	r = sd_event_add_time(event, &announcer->timer, CLOCK_MONOTONIC, UINT64_MAX, 1, on_time,
			      announcer);
	if (r >= 0)
		r = sd_event_source_set_enabled(announcer->timer, SD_EVENT_OFF);
	if (r < 0) {
		announcer_free(announcer);
		return r;
	}
	*ret = announcer;
	return 0;
}

void announcer_free(struct announcer *announcer)
{
	if (!announcer)
		return;
	sd_event_source_disable_unref(announcer->timer);
	claims_done(&announcer->claims);
	closep(&announcer->fd);
	free(announcer);
}
