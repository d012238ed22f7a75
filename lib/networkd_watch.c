#include "networkd_watch.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SERVICE "org.freedesktop.network1"
#define ROOT "/org/freedesktop/network1"
#define BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

#define TIMEOUT_US 5000000
/* A bus that went may be back at once, or not for long. */
#define RECONNECT_US 1000000

struct link {
	struct networkd_watch *watch;
	unsigned ifindex;
	char *json; /* owned; the last answer; NULL: none */
	struct delegation_word heeded;
	bool answered;	   /* if only that there is nobody to ask */
	bool again;	   /* it has changed since the question was put */
	sd_bus_slot *call; /* the question that is open */
};

struct networkd_watch {
	sd_event *event;
	networkd_heard heard;
	void *arg;
	sd_bus *bus;
	sd_event_source *reconnect, *wake;
	struct link **links; /* owned, each and the array: open questions point to them */
	size_t n_links;
};

/* ---- asking ---- */

static void link_ask(struct link *link);

/* Lifetimes end without a signal. */
static int on_wake(sd_event_source *source, uint64_t when, void *arg)
{
	struct networkd_watch *watch = arg;

	watch->heard(watch->arg);
	return 0;
}

static void wake_at(struct networkd_watch *watch, uint64_t at_us)
{
	uint64_t set_us = UINT64_MAX;
	int on = SD_EVENT_OFF;

	if (at_us == UINT64_MAX)
		return;
	sd_event_source_get_enabled(watch->wake, &on);
	if (on != SD_EVENT_OFF)
		sd_event_source_get_time(watch->wake, &set_us);
	if (at_us >= set_us)
		return;
	sd_event_source_set_time(watch->wake, at_us);
	sd_event_source_set_enabled(watch->wake, SD_EVENT_ONESHOT);
}

static int on_answer(sd_bus_message *answer, void *arg, sd_bus_error *error)
{
	struct link *link = arg;
	const char *json = NULL;

	link->call = sd_bus_slot_unref(link->call);
	link->answered = true;
	if (sd_bus_message_is_method_error(answer, NULL) ||
	    sd_bus_message_read(answer, "s", &json) < 0) {
		const sd_bus_error *why = sd_bus_message_get_error(answer);

		log_event(LOG_DEBUG, "networkd", "networkd does not tell of link %u: %s",
			  link->ifindex, why && why->message ? why->message : "no text");
		freep(&link->json);
		link->json = NULL;
	} else {
		freep(&link->json);
		link->json = strdup(json);
	}
	if (link->again)
		link_ask(link);
	link->watch->heard(link->watch->arg);
	return 0;
}

static void link_ask(struct link *link)
{
	sd_bus_message *call = NULL;
	int r;

	link->again = link->call != NULL;
	if (link->call || !link->ifindex || !link->watch->bus)
		return;
	r = sd_bus_message_new_method_call(link->watch->bus, &call, SERVICE, ROOT,
					   SERVICE ".Manager", "DescribeLink");
	if (r >= 0)
		r = sd_bus_message_set_auto_start(call, 0);
	if (r >= 0)
		r = sd_bus_message_append(call, "i", (int)link->ifindex);
	if (r >= 0)
		r = sd_bus_call_async(link->watch->bus, &link->call, call, on_answer, link,
				      TIMEOUT_US);
	if (r < 0)
		log_event(LOG_DEBUG, "networkd", "networkd can't be asked: %s", strerror(-r));
	sd_bus_message_unref(call);
}

void networkd_watch_ask(struct networkd_watch *watch)
{
	for (size_t i = 0; i < watch->n_links; i++)
		link_ask(watch->links[i]);
}

/* ---- listening ---- */

static int on_properties(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	struct networkd_watch *watch = arg;
	char *index = NULL;

	if (sd_bus_path_decode(sd_bus_message_get_path(signal), ROOT "/link", &index) <= 0)
		return 0;
	for (size_t i = 0; i < watch->n_links; i++)
		if (watch->links[i]->ifindex == strtoul(index, NULL, 10))
			link_ask(watch->links[i]);
	free(index);
	return 0;
}

/* What one networkd has said, the next one need not stand by. */
static void forget_words(struct networkd_watch *watch)
{
	for (size_t i = 0; i < watch->n_links; i++) {
		struct link *link = watch->links[i];

		link->call = sd_bus_slot_unref(link->call);
		link->answered = link->again = false;
		free(link->json);
		link->json = NULL;
	}
}

static int on_owner(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	struct networkd_watch *watch = arg;
	const char *name, *old, *new;

	if (sd_bus_message_read(signal, "sss", &name, &old, &new) < 0)
		return 0;
	forget_words(watch);
	log_event(LOG_DEBUG, "networkd", "networkd %s", *new ? "is there" : "has gone");
	if (*new)
		networkd_watch_ask(watch);
	return 0;
}

static void disconnect(struct networkd_watch *watch)
{
	forget_words(watch);
	if (watch->bus)
		sd_bus_detach_event(watch->bus);
	watch->bus = sd_bus_close_unref(watch->bus);
}

static int on_disconnected(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	struct networkd_watch *watch = arg;

	/* The bus can't be freed while it calls. */
	sd_event_source_set_time_relative(watch->reconnect, RECONNECT_US);
	sd_event_source_set_enabled(watch->reconnect, SD_EVENT_ONESHOT);
	return 0;
}

static int on_connected(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	networkd_watch_ask(arg);
	return 0;
}

static int subscribe(struct networkd_watch *watch)
{
	sd_bus *bus = watch->bus;
	int r;

	r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", NULL,
				      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
				      NULL, watch);
	if (r >= 0)
		r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", NULL,
					      "org.freedesktop.DBus.Local", "Connected",
					      on_connected, NULL, watch);
	if (r >= 0)
		r = sd_bus_add_match_async(bus, NULL,
					   "type='signal',sender='org.freedesktop.DBus',"
					   "interface='org.freedesktop.DBus',"
					   "member='NameOwnerChanged',arg0='" SERVICE "'",
					   on_owner, NULL, watch);
	if (r >= 0)
		r = sd_bus_add_match_async(bus, NULL,
					   "type='signal',sender='" SERVICE "',"
					   "interface='org.freedesktop.DBus.Properties',"
					   "member='PropertiesChanged',"
					   "path_namespace='" ROOT "/link'",
					   on_properties, NULL, watch);
	return r;
}

static int connect_bus(struct networkd_watch *watch)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r;

	r = sd_bus_new(&watch->bus);
	if (r >= 0)
		r = sd_bus_set_address(watch->bus, address ? address : BUS_ADDRESS);
	if (r >= 0)
		r = sd_bus_set_bus_client(watch->bus, 1);
	/* At boot, the bus may come after us. */
	if (r >= 0)
		r = sd_bus_set_watch_bind(watch->bus, 1);
	if (r >= 0)
		r = sd_bus_set_connected_signal(watch->bus, 1);
	if (r >= 0)
		r = sd_bus_start(watch->bus);
	if (r >= 0)
		r = sd_bus_attach_event(watch->bus, watch->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = subscribe(watch);
	return r;
}

static int on_reconnect(sd_event_source *source, uint64_t when, void *arg)
{
	struct networkd_watch *watch = arg;
	int r;

	disconnect(watch);
	r = connect_bus(watch);
	if (r < 0) {
		log_event(LOG_DEBUG, "networkd", "no system bus: %s", strerror(-r));
		disconnect(watch);
		on_disconnected(NULL, watch, NULL);
	}
	return 0;
}

/* ---- life ---- */

int networkd_watch_new(sd_event *event, networkd_heard heard, void *arg,
		       struct networkd_watch **ret)
{
	struct networkd_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->event = event;
	watch->heard = heard;
	watch->arg = arg;
	r = sd_event_add_time(event, &watch->wake, CLOCK_BOOTTIME, UINT64_MAX, 0, on_wake, watch);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->wake, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time(event, &watch->reconnect, CLOCK_MONOTONIC, 0, 0, on_reconnect,
				      watch);
	if (r < 0) {
		networkd_watch_free(watch);
		return r;
	}
	*ret = watch;
	return 0;
}

static void link_free(struct link *link)
{
	if (!link)
		return;
	sd_bus_slot_unref(link->call);
	free(link->json);
	free(link);
}

void networkd_watch_free(struct networkd_watch *watch)
{
	if (!watch)
		return;
	disconnect(watch);
	for (size_t i = 0; i < watch->n_links; i++)
		link_free(watch->links[i]);
	free(watch->links);
	sd_event_source_unref(watch->wake);
	sd_event_source_unref(watch->reconnect);
	free(watch);
}

static struct link *find(struct networkd_watch *watch, unsigned ifindex)
{
	for (size_t i = 0; i < watch->n_links; i++)
		if (ifindex && watch->links[i]->ifindex == ifindex)
			return watch->links[i];
	return NULL;
}

static int add_link(struct networkd_watch *watch, unsigned ifindex)
{
	struct link **v = reallocarray(watch->links, watch->n_links + 1, sizeof(struct link *));

	if (!v)
		return -ENOMEM;
	watch->links = v;
	v[watch->n_links] = calloc(1, sizeof(struct link));
	if (!v[watch->n_links])
		return -ENOMEM;
	*v[watch->n_links] = (struct link){ .watch = watch, .ifindex = ifindex };
	link_ask(v[watch->n_links++]);
	return 0;
}

int networkd_watch_links(struct networkd_watch *watch, const unsigned *ifindex, size_t n)
{
	for (size_t i = 0; i < watch->n_links;) {
		size_t at = 0;

		while (at < n && ifindex[at] != watch->links[i]->ifindex)
			at++;
		if (at < n) {
			i++;
			continue;
		}
		link_free(watch->links[i]);
		watch->links[i] = watch->links[--watch->n_links];
	}
	for (size_t i = 0; i < n; i++)
		if (ifindex[i] && !find(watch, ifindex[i]) && add_link(watch, ifindex[i]) < 0)
			return -ENOMEM;
	return 0;
}

static struct delegation_word link_word(struct networkd_watch *watch, struct link *link,
					struct delegation_word in_use, unsigned max_len)
{
	uint64_t now = clock_us(CLOCK_BOOTTIME);

	if (!link->json)
		return (struct delegation_word){};
	wake_at(watch, delegation_next_end(link->json, now));
	if (in_use.said == DELEGATION_FOUND && in_use.until_us > now)
		wake_at(watch, in_use.until_us);
	return delegation_from_json(link->json, now, in_use, max_len);
}

static bool is_same(struct delegation_word a, struct delegation_word b)
{
	return a.said == b.said && prefix_cmp(a.prefix, b.prefix) == 0;
}

struct delegation_word networkd_watch_news(struct networkd_watch *watch, unsigned ifindex,
					   struct delegation_word in_use, unsigned max_len)
{
	struct link *link = find(watch, ifindex);
	struct delegation_word word = {};

	if (!link)
		return word;
	word = link_word(watch, link, in_use, max_len);
	/* Of what is in use, the end is news. */
	if (is_same(word, link->heeded) && !is_same(word, in_use))
		return (struct delegation_word){};
	return word;
}

void networkd_watch_heed(struct networkd_watch *watch, unsigned ifindex,
			 struct delegation_word news)
{
	struct link *link = find(watch, ifindex);

	if (link && news.said != DELEGATION_UNKNOWN)
		link->heeded = news;
}

bool networkd_watch_is_settled(const struct networkd_watch *watch)
{
	for (size_t i = 0; i < watch->n_links; i++)
		if (!watch->links[i]->answered || watch->links[i]->call)
			return false;
	return true;
}
