// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The system bus on the event loop, as far as it concerns systemd-networkd. It is connected as soon
 * as there is one, and again whenever it is lost.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

struct networkd_bus;

struct networkd_bus_handlers {
	/* The bus is there now: networkd can be asked. */
	void (*connected)(void *arg);
	/* The bus is gone, and open questions with it. */
	void (*lost)(void *arg);
	/* networkd has come to the bus, also anew, or left it. */
	void (*moved)(bool there, void *arg);
	/* A property of the link has changed. */
	void (*signalled)(unsigned ifindex, void *arg);
};

/* The handlers have to outlive it; *ret is for networkd_bus_free(). 0 or a negative errno. */
int networkd_bus_new(sd_event *event, const struct networkd_bus_handlers *handlers, void *arg,
		     struct networkd_bus **ret);
/* Open questions end before. */
void networkd_bus_free(struct networkd_bus *bus);

/*
 * Calls one of networkd's methods for a link, such as DescribeLink, whose answer is JSON; on_answer
 * gets the answer or an error. *ret is the open question, the caller's. 0 or a negative errno;
 * -ENOTCONN: there is no bus.
 */
int networkd_bus_call(struct networkd_bus *bus, const char *method, unsigned ifindex,
		      sd_bus_message_handler_t on_answer, void *arg, sd_bus_slot **ret);
