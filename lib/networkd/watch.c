// SPDX-License-Identifier: GPL-2.0-or-later
// Follows each link's delegation in systemd-networkd, over the system bus.
// Keeps each link's last answer; timers wake us when a lifetime in it ends, and to ask again.

#include "networkd/watch.h"

#include "base/log.h"
#include "networkd/bus.h"
#include "networkd/lease.h"

#include <errno.h>
#include <string.h>

/* A networkd that hangs may go on without a signal. */
#define ASK_AGAIN_US 10000000

struct networkd_link {
	struct networkd_watch *watch;
	unsigned ifindex;
	char *json; /* owned; the last answer; NULL: none */
	struct delegation news, applied;
	bool answered;	       /* also when the answer was an error */
	bool ask_again;	       /* it has changed since the open question */
	sd_bus_slot *question; /* the open one; NULL: none */
};

struct networkd_watch {
	networkd_changed changed;
	void *arg;
	struct networkd_bus *bus;
	struct networkd_absence absence;
	sd_event_source *again, *wake;
	struct networkd_link **links; /* owned, each and the array: open questions point to them */
	size_t n_links;
};

/* ---- whether it can be asked ---- */

/* The time of an absence counts from its beginning, whatever it turns into. */
static void set_reach(struct networkd_watch *watch, enum networkd_reach reach)
{
	if (watch->absence.reach == NETWORKD_THERE)
		watch->absence.since_us = clock_us(CLOCK_MONOTONIC);
	watch->absence.reach = reach;
	watch->absence.was_there |= reach == NETWORKD_THERE;
}

/* What an answer says of that. error: NULL: it was none. */
static enum networkd_reach reach_by(const sd_bus_error *error)
{
	if (!error)
		return NETWORKD_THERE;
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return NETWORKD_AWAY;
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_TIMEOUT) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
		return NETWORKD_SILENT;
	return NETWORKD_THERE;
}

struct networkd_absence networkd_watch_absence(const struct networkd_watch *watch)
{
	struct networkd_absence absence = watch->absence;

	absence.matters = watch->n_links > 0;
	return absence;
}

/* ---- asking ---- */

static void link_ask(struct networkd_link *link);

static void link_set(struct networkd_link *link, const char *json)
{
	free(link->json);
	link->json = json ? strdup(json) : NULL;
}

static int on_answer(sd_bus_message *answer, void *arg, sd_bus_error *error)
{
	struct networkd_link *link = arg;
	struct networkd_watch *watch = link->watch;
	const sd_bus_error *why = sd_bus_message_get_error(answer);
	const char *json = NULL;

	link->question = sd_bus_slot_unref(link->question);
	link->answered = true;
	if (why || sd_bus_message_read(answer, "s", &json) < 0)
		log_event(LOG_DEBUG, EVENT_NETWORKD, NULL, "networkd says nothing of link %u: %s",
			  link->ifindex, why && why->message ? why->message : "no text");
	link_set(link, json);
	set_reach(watch, reach_by(why));
	if (watch->absence.reach == NETWORKD_SILENT) {
		sd_event_source_set_time_relative(watch->again, ASK_AGAIN_US);
		sd_event_source_set_enabled(watch->again, SD_EVENT_ONESHOT);
	}
	if (link->ask_again)
		link_ask(link);
	watch->changed(watch->arg);
	return 0;
}

static void link_ask(struct networkd_link *link)
{
	int r;

	link->ask_again = link->question != NULL;
	if (link->question)
		return;
	r = networkd_bus_call(link->watch->bus, "DescribeLink", link->ifindex, on_answer, link,
			      &link->question);
	if (r < 0 && r != -ENOTCONN)
		log_event(LOG_DEBUG, EVENT_NETWORKD, NULL, "networkd can't be asked: %s",
			  strerror(-r));
}

void networkd_watch_ask(struct networkd_watch *watch)
{
	for (size_t i = 0; i < watch->n_links; i++)
		link_ask(watch->links[i]);
}

/* ---- what the bus reports ---- */

static struct networkd_link *find(struct networkd_watch *watch, unsigned ifindex)
{
	for (size_t i = 0; i < watch->n_links; i++)
		if (watch->links[i]->ifindex == ifindex)
			return watch->links[i];
	return NULL;
}

/* Drops open questions and old answers: the next networkd may answer otherwise. */
static void forget(struct networkd_watch *watch)
{
	for (size_t i = 0; i < watch->n_links; i++) {
		struct networkd_link *link = watch->links[i];

		link->question = sd_bus_slot_unref(link->question);
		link->answered = link->ask_again = false;
		link_set(link, NULL);
	}
}

static void on_signal(unsigned ifindex, void *arg)
{
	struct networkd_link *link = find(arg, ifindex);

	if (link)
		link_ask(link);
}

static void on_connected(void *arg)
{
	networkd_watch_ask(arg);
}

static void on_move(bool there, void *arg)
{
	struct networkd_watch *watch = arg;

	forget(watch);
	if (there)
		networkd_watch_ask(watch);
	else
		set_reach(watch, NETWORKD_AWAY);
	watch->changed(watch->arg);
}

static void on_lost(void *arg)
{
	struct networkd_watch *watch = arg;

	forget(watch);
	set_reach(watch, NETWORKD_NO_BUS);
	watch->changed(watch->arg);
}

static const struct networkd_bus_handlers handlers = { on_connected, on_lost, on_move, on_signal };

static int on_again(sd_event_source *source, uint64_t when, void *arg)
{
	networkd_watch_ask(arg);
	return 0;
}

/* ---- lifetimes, which end without a signal ---- */

static int on_wake(sd_event_source *source, uint64_t when, void *arg)
{
	struct networkd_watch *watch = arg;

	sd_event_source_set_time(source, UINT64_MAX);
	watch->changed(watch->arg);
	return 0;
}

/* Wakes us then, or earlier. */
static void wake_at(struct networkd_watch *watch, uint64_t at_us)
{
	uint64_t set_us = UINT64_MAX;

	sd_event_source_get_time(watch->wake, &set_us);
	if (at_us >= set_us)
		return;
	sd_event_source_set_time(watch->wake, at_us);
	sd_event_source_set_enabled(watch->wake, SD_EVENT_ONESHOT);
}

/* ---- delegations ---- */

static bool is_same(struct delegation a, struct delegation b)
{
	return a.state == b.state && prefix_cmp(a.prefix, b.prefix) == 0;
}

struct delegation networkd_watch_news(struct networkd_watch *watch, unsigned ifindex,
				      struct delegation in_use, unsigned max_len)
{
	struct networkd_link *link = find(watch, ifindex);
	uint64_t now_us = clock_us(CLOCK_BOOTTIME);

	if (!link)
		return (struct delegation){};
	link->news = (struct delegation){};
	if (!link->json)
		return link->news;
	wake_at(watch, delegation_next_end(link->json, now_us));
	link->news = delegation_from_json(link->json, now_us, in_use, max_len);
	/* Somebody gave another one to update-npt: it stands until networkd says something new. */
	if (in_use.state == DELEGATION_FOUND && is_same(link->news, link->applied) &&
	    !is_same(link->news, in_use))
		link->news = (struct delegation){ .state = DELEGATION_IN_USE };
	return link->news;
}

void networkd_watch_applied(struct networkd_watch *watch)
{
	for (size_t i = 0; i < watch->n_links; i++) {
		struct networkd_link *link = watch->links[i];

		if (link->news.state == DELEGATION_NONE || link->news.state == DELEGATION_FOUND)
			link->applied = link->news;
	}
}

int networkd_watch_renew(struct networkd_watch *watch, unsigned ifindex, const char *wan,
			 enum renew_how how)
{
	return networkd_renew(watch->bus, ifindex, wan, how);
}

bool networkd_watch_is_settled(const struct networkd_watch *watch)
{
	for (size_t i = 0; i < watch->n_links; i++)
		if (!watch->links[i]->answered || watch->links[i]->question)
			return false;
	return true;
}

/* ---- life ---- */

int networkd_watch_new(sd_event *event, networkd_changed changed, void *arg,
		       struct networkd_watch **ret)
{
	struct networkd_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	set_reach(watch, NETWORKD_NO_BUS);
	watch->changed = changed;
	watch->arg = arg;
	r = sd_event_add_time(event, &watch->wake, CLOCK_BOOTTIME, UINT64_MAX, 0, on_wake, watch);
	if (r >= 0)
		r = sd_event_add_time(event, &watch->again, CLOCK_MONOTONIC, UINT64_MAX, 0,
				      on_again, watch);
	if (r >= 0)
		r = networkd_bus_new(event, &handlers, watch, &watch->bus);
	if (r < 0) {
		networkd_watch_free(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

static void link_free(struct networkd_link *link)
{
	sd_bus_slot_unref(link->question);
	free(link->json);
	free(link);
}

void networkd_watch_free(struct networkd_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->n_links; i++)
		link_free(watch->links[i]);
	free(watch->links);
	networkd_bus_free(watch->bus);
	sd_event_source_unref(watch->again);
	sd_event_source_unref(watch->wake);
	free(watch);
}

static int add_link(struct networkd_watch *watch, unsigned ifindex)
{
	struct networkd_link *link = calloc(1, sizeof(*link));

	if (!link || APPEND(watch->links, watch->n_links, link) < 0) {
		free(link);
		return -ENOMEM;
	}
	link->watch = watch;
	link->ifindex = ifindex;
	link_ask(link);
	return 0;
}

static bool is_among(unsigned ifindex, const unsigned *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == ifindex)
			return true;
	return false;
}

int networkd_watch_links(struct networkd_watch *watch, const unsigned *ifindex, size_t n)
{
	for (size_t i = watch->n_links; i > 0; i--) {
		struct networkd_link *link = watch->links[i - 1];

		if (is_among(link->ifindex, ifindex, n))
			continue;
		link_free(link);
		watch->links[i - 1] = watch->links[--watch->n_links];
	}
	for (size_t i = 0; i < n; i++)
		if (ifindex[i] && !find(watch, ifindex[i]) && add_link(watch, ifindex[i]) < 0)
			return -ENOMEM;
	return 0;
}
