// SPDX-License-Identifier: GPL-2.0-or-later
// The connection to the system bus, and what is signalled about systemd-networkd there.
// libsystemd waits for the bus where there is none; a timer begins anew after it was lost.

#include "networkd/bus.h"

#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

#define SERVICE "org.freedesktop.network1"
#define ROOT "/org/freedesktop/network1"
#define BUS_ADDRESS "unix:path=/run/dbus/system_bus_socket"

#define TIMEOUT_US 5000000
/* A bus that was restarted is often back at once. */
#define RECONNECT_US 1000000

struct networkd_bus {
	const struct networkd_bus_handlers *handlers;
	void *arg;
	sd_event *event;
	sd_bus *bus; /* NULL: not connected */
	sd_event_source *reconnect;
};

/* ---- what the bus reports ---- */

static int on_properties(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	struct networkd_bus *bus = arg;
	char *index = NULL;

	if (sd_bus_path_decode(sd_bus_message_get_path(signal), ROOT "/link", &index) <= 0)
		return 0;
	bus->handlers->signalled(strtoul(index, NULL, 10), bus->arg);
	free(index);
	return 0;
}

/* Anybody may send us a signal, and sd-bus takes one for that of any name which is no number. */
static bool is_from(sd_bus_message *signal, const char *sender)
{
	const char *found = sd_bus_message_get_sender(signal);

	return found && strcmp(found, sender) == 0;
}

static int on_owner(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	struct networkd_bus *bus = arg;
	const char *name, *old, *new;

	if (!is_from(signal, "org.freedesktop.DBus"))
		return 0;
	if (sd_bus_message_read(signal, "sss", &name, &old, &new) < 0)
		return 0;
	log_event(LOG_DEBUG, EVENT_NETWORKD, NULL, "networkd %s", *new ? "is there" : "has gone");
	bus->handlers->moved(*new, bus->arg);
	return 0;
}

static int on_connected(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	struct networkd_bus *bus = arg;

	bus->handlers->connected(bus->arg);
	return 0;
}

static void reconnect_later(struct networkd_bus *bus)
{
	sd_event_source_set_time_relative(bus->reconnect, RECONNECT_US);
	sd_event_source_set_enabled(bus->reconnect, SD_EVENT_ONESHOT);
}

static int on_disconnected(sd_bus_message *signal, void *arg, sd_bus_error *error)
{
	struct networkd_bus *bus = arg;

	if (!is_from(signal, "org.freedesktop.DBus.Local"))
		return 0;
	/* It is freed later: not while it calls us. */
	reconnect_later(bus);
	bus->handlers->lost(bus->arg);
	return 0;
}

static const struct networkd_signal {
	const char *match;
	sd_bus_message_handler_t on_signal;
} networkd_signals[] = {
	{ "type='signal',sender='org.freedesktop.DBus.Local',"
	  "interface='org.freedesktop.DBus.Local',member='Disconnected'",
	  on_disconnected },
	{ "type='signal',sender='org.freedesktop.DBus.Local',"
	  "interface='org.freedesktop.DBus.Local',member='Connected'",
	  on_connected },
	{ "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
	  "member='NameOwnerChanged',arg0='" SERVICE "'",
	  on_owner },
	{ "type='signal',sender='" SERVICE "',interface='org.freedesktop.DBus.Properties',"
	  "member='PropertiesChanged',path_namespace='" ROOT "/link'",
	  on_properties },
};

/* ---- the connection ---- */

static void disconnect(struct networkd_bus *bus)
{
	if (bus->bus)
		sd_bus_detach_event(bus->bus);
	bus->bus = sd_bus_close_unref(bus->bus);
}

static int connect_bus(struct networkd_bus *bus)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r;

	r = sd_bus_new(&bus->bus);
	if (r >= 0)
		r = sd_bus_set_address(bus->bus, address ? address : BUS_ADDRESS);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus->bus, 1);
	/* At boot, the bus may come after us. */
	if (r >= 0)
		r = sd_bus_set_watch_bind(bus->bus, 1);
	if (r >= 0)
		r = sd_bus_set_connected_signal(bus->bus, 1);
	if (r >= 0)
		r = sd_bus_start(bus->bus);
	if (r >= 0)
		r = sd_bus_attach_event(bus->bus, bus->event, SD_EVENT_PRIORITY_NORMAL);
	for (size_t i = 0; i < ARRAY_SIZE(networkd_signals) && r >= 0; i++)
		r = sd_bus_add_match_async(bus->bus, NULL, networkd_signals[i].match,
					   networkd_signals[i].on_signal, NULL, bus);
	return r;
}

static int on_reconnect(sd_event_source *source, uint64_t when, void *arg)
{
	struct networkd_bus *bus = arg;
	int r;

	disconnect(bus);
	r = connect_bus(bus);
	if (r < 0) {
		log_event(LOG_DEBUG, EVENT_NETWORKD, NULL, "no system bus: %s", strerror(-r));
		disconnect(bus);
		reconnect_later(bus);
	}
	return 0;
}

int networkd_bus_call(struct networkd_bus *bus, const char *method, unsigned ifindex,
		      sd_bus_message_handler_t on_answer, void *arg, sd_bus_slot **ret)
{
	sd_bus_message *call = NULL;
	int r;

	if (!bus->bus)
		return -ENOTCONN;
	r = sd_bus_message_new_method_call(bus->bus, &call, SERVICE, ROOT, SERVICE ".Manager",
					   method);
	if (r >= 0)
		r = sd_bus_message_set_auto_start(call, 0);
	if (r >= 0)
		r = sd_bus_message_append(call, "i", (int)ifindex);
	if (r >= 0)
		r = sd_bus_call_async(bus->bus, ret, call, on_answer, arg, TIMEOUT_US);
	sd_bus_message_unref(call);
	return r < 0 ? r : 0;
}

int networkd_bus_new(sd_event *event, const struct networkd_bus_handlers *handlers, void *arg,
		     struct networkd_bus **ret)
{
	struct networkd_bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return -ENOMEM;
	*bus = (struct networkd_bus){ .handlers = handlers, .arg = arg, .event = event };
	r = sd_event_add_time(event, &bus->reconnect, CLOCK_MONOTONIC, 0, 0, on_reconnect, bus);
	if (r < 0) {
		networkd_bus_free(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

void networkd_bus_free(struct networkd_bus *bus)
{
	if (!bus)
		return;
	disconnect(bus);
	sd_event_source_unref(bus->reconnect);
	free(bus);
}
