// SPDX-License-Identifier: GPL-2.0-or-later
// Having systemd-networkd put back what a link's DHCPv4 lease has given.
// It is asked for the lease first, and then to renew it; answers come from the loop.

#include "networkd/renew.h"

#include "base/log.h"
#include "base/util.h"
#include "networkd/lease.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *method, *words;
} ways[] = {
	[RENEW_LEASE] = { "RenewLink", "renew the lease" },
	[RENEW_ALL_ANEW] = { "ReconfigureLink", "configure the link anew" },
};

struct renewal {
	struct networkd_bus *bus;
	unsigned ifindex;
	enum renew_how how;
	char wan[32];
};

/* Without a bus, open questions end, and their renewals are freed. */
static int call(struct renewal renewal, const char *method, sd_bus_message_handler_t on_answer)
{
	struct renewal *copy = malloc(sizeof(*copy));
	sd_bus_slot *slot = NULL;
	int r;

	if (!copy)
		return -ENOMEM;
	*copy = renewal;
	r = networkd_bus_call(copy->bus, method, copy->ifindex, on_answer, copy, &slot);
	if (r < 0) {
		free(copy);
		return r;
	}
	sd_bus_slot_set_destroy_callback(slot, free);
	sd_bus_slot_set_floating(slot, 1);
	sd_bus_slot_unref(slot);
	return 0;
}

static void log_refused(const struct renewal *renewal, const char *why)
{
	log_event(LOG_WARNING, EVENT_LEASE_RENEWED, FIELDS(LOG_WAN(renewal->wan, IPV4)),
		  "%s: networkd does not %s: %s", renewal->wan, ways[renewal->how].words,
		  why ?: "no text");
}

static int on_done(sd_bus_message *answer, void *arg, sd_bus_error *error)
{
	const sd_bus_error *why = sd_bus_message_get_error(answer);

	if (why)
		log_refused(arg, why->message);
	return 0;
}

static int on_described(sd_bus_message *answer, void *arg, sd_bus_error *error)
{
	const struct renewal *renewal = arg;
	struct lease lease = {};
	const char *json;
	int r;

	/* Who else has given the address, knows of its routes. */
	if (sd_bus_message_get_error(answer) || sd_bus_message_read(answer, "s", &json) < 0 ||
	    !lease_from_json(json, &lease) || !lease.managed || !lease.dhcp4)
		return 0;
	log_event(LOG_NOTICE, EVENT_LEASE_RENEWED, FIELDS(LOG_WAN(renewal->wan, IPV4)),
		  "%s: the leased IPv4 address is there, and its default route has been "
		  "removed: networkd is asked to %s",
		  renewal->wan, ways[renewal->how].words);
	r = call(*renewal, ways[renewal->how].method, on_done);
	if (r < 0)
		log_refused(renewal, strerror(-r));
	return 0;
}

int networkd_renew(struct networkd_bus *bus, unsigned ifindex, const char *wan, enum renew_how how)
{
	struct renewal renewal = { .bus = bus, .ifindex = ifindex, .how = how };

	snprintf(renewal.wan, sizeof(renewal.wan), "%s", wan);
	return call(renewal, "DescribeLink", on_described);
}
