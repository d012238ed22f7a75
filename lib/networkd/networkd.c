// SPDX-License-Identifier: GPL-2.0-or-later
// Questions to systemd-networkd on D-Bus, each waited for.
// libsystemd is loaded with the first question; after one timeout, nothing more is asked.

#include "networkd/networkd.h"

#include "base/library.h"
#include "base/log.h"

#include <errno.h>
#include <systemd/sd-bus.h>

#define TIMEOUT_US 2000000

/* clang-format off */
#define FUNCTIONS(f) \
	f(sd_bus_open_system) f(sd_bus_message_new_method_call) f(sd_bus_message_set_auto_start) \
	f(sd_bus_message_append) f(sd_bus_call) f(sd_bus_message_read) f(sd_bus_message_unref) \
	f(sd_bus_error_free) f(sd_bus_process) f(sd_bus_wait) f(sd_bus_is_ready) f(sd_bus_close_unref)
/* clang-format on */

struct networkd {
	struct library library;
	sd_bus *bus;
	bool tried;
	bool silent; /* a question has timed out: don't ask again */
	FUNCTIONS(LIBRARY_DECLARE)
};

static int load(struct networkd *n)
{
	if (library_open(&n->library, "libsystemd.so.0") < 0)
		return -ENOENT;
#define RESOLVE(name) LIBRARY_RESOLVE(n, name)
	FUNCTIONS(RESOLVE)
	return 0;
}

/* At boot, systemd holds the socket before the bus is there: a call would wait for 90 s. */
static int wait_ready(struct networkd *n)
{
	uint64_t now_us = clock_us(CLOCK_MONOTONIC), end_us = now_us + TIMEOUT_US;

	for (; now_us < end_us; now_us = clock_us(CLOCK_MONOTONIC)) {
		int r = n->sd_bus_process(n->bus, NULL);

		if (r < 0)
			return r;
		if (n->sd_bus_is_ready(n->bus) > 0)
			return 0;
		if (r == 0)
			r = n->sd_bus_wait(n->bus, end_us - now_us);
		if (r < 0)
			return r;
	}
	return -ETIMEDOUT;
}

static void connect_once(struct networkd *n)
{
	int r;

	if (n->tried)
		return;
	n->tried = true;
	r = load(n);
	if (r == 0)
		r = n->sd_bus_open_system(&n->bus);
	if (r >= 0)
		r = wait_ready(n);
	if (r < 0) {
		if (n->bus)
			n->sd_bus_close_unref(n->bus);
		n->bus = NULL;
		log_event(LOG_DEBUG, EVENT_NETWORKD, NULL,
			  "no system bus: networkd can't be asked");
	}
}

struct networkd *networkd_open(void)
{
	return calloc(1, sizeof(struct networkd));
}

void networkd_close(struct networkd *n)
{
	if (!n)
		return;
	if (n->bus)
		n->sd_bus_close_unref(n->bus);
	free(n);
}

bool networkd_has_bus(struct networkd *n)
{
	if (n)
		connect_once(n);
	return n && n->bus;
}

/* Calls one of the manager's methods for a link. *ret is the caller's. 0 or a negative errno. */
static int call_manager(struct networkd *n, const char *method, unsigned ifindex,
			sd_bus_message **ret, struct fault *fault)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *call = NULL;
	int r;

	if (!networkd_has_bus(n))
		return fault_set(fault, -ENOTCONN, "no system bus");
	if (n->silent)
		return fault_set(fault, -ETIMEDOUT, "networkd does not answer");
	r = n->sd_bus_message_new_method_call(n->bus, &call, "org.freedesktop.network1",
					      "/org/freedesktop/network1",
					      "org.freedesktop.network1.Manager", method);
	if (r >= 0)
		r = n->sd_bus_message_set_auto_start(call, 0);
	if (r >= 0)
		r = n->sd_bus_message_append(call, "i", (int)ifindex);
	if (r >= 0)
		r = n->sd_bus_call(n->bus, call, TIMEOUT_US, &error, ret);
	if (r < 0)
		fault_set(fault, r, "%s", error.message ? error.message : strerror(-r));
	n->silent = r == -ETIMEDOUT;
	n->sd_bus_error_free(&error);
	n->sd_bus_message_unref(call);
	return r < 0 ? r : 0;
}

char *networkd_describe(struct networkd *n, unsigned ifindex)
{
	sd_bus_message *answer = NULL;
	struct fault fault = {};
	const char *json = NULL;
	char *copy = NULL;

	if (call_manager(n, "DescribeLink", ifindex, &answer, &fault) < 0) {
		log_event(LOG_DEBUG, EVENT_NETWORKD, NULL, "networkd does not answer: %s",
			  fault.text);
		return NULL;
	}
	if (n->sd_bus_message_read(answer, "s", &json) >= 0)
		copy = strdup(json);
	n->sd_bus_message_unref(answer);
	return copy;
}

int networkd_command(struct networkd *n, const char *method, unsigned ifindex, struct fault *fault)
{
	sd_bus_message *answer = NULL;
	int r = call_manager(n, method, ifindex, &answer, fault);

	if (r == 0)
		n->sd_bus_message_unref(answer);
	return r;
}
