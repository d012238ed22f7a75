// SPDX-License-Identifier: GPL-2.0-or-later
// bringup-att-vlan: after 802.1X, gets the WAN behind the port its lease at once.
// It checks the port, waits until networkd has the link, asks for DHCP anew, waits for a lease.

#include "base/cli.h"
#include "base/lock.h"
#include "base/log.h"
#include "config/load.h"
#include "dot1x/attempt.h"
#include "dot1x/dot1x.h"
#include "dot1x/wpa.h"
#include "kernel/netlink.h"
#include "networkd/lease.h"
#include "networkd/networkd.h"
#include "networkd/vlan.h"

#include <errno.h>
#include <string.h>

#define LINK_US 30000000
#define LEASE_US 30000000
#define PORT_US 10000000
#define STEP_US 250000

struct bringup_link {
	const char *interface; /* the port, or its VLAN */
	unsigned ifindex;      /* 0: there is no such link */
	struct lease lease;
};

/* Asks networkd about the link; false if there is none, or no answer. */
static bool look(struct bringup_link *link)
{
	_cleanup_(networkd_closep) struct networkd *networkd = networkd_open();
	_cleanup_(freep) char *json = NULL;

	link->lease = (struct lease){};
	link->ifindex = netlink_link_index(link->interface);
	if (!link->ifindex)
		return false;
	json = networkd_describe(networkd, link->ifindex);
	return json && lease_from_json(json, &link->lease);
}

static bool is_managed(const struct lease *lease)
{
	return lease->managed;
}

static bool has_address(const struct lease *lease)
{
	return *lease->addresses && !lease->bare4;
}

static bool wait_for(struct bringup_link *link, bool (*is_ready)(const struct lease *),
		     uint64_t timeout_us)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + timeout_us;

	while (!look(link) || !is_ready(&link->lease)) {
		/* networkd refuses a link until somebody writes a file for it. */
		if (link->lease.refused || clock_us(CLOCK_MONOTONIC) >= end_us)
			return false;
		usleep(STEP_US);
	}
	return true;
}

/*
 * RenewLink does not hurry a client without a lease, nor bring back an address that somebody has
 * removed. ReconfigureLink does both, but first removes all that the link has.
 */
static int renew(const struct bringup_link *link, struct fault *fault)
{
	_cleanup_(networkd_closep) struct networkd *networkd = networkd_open();
	const struct lease *lease = &link->lease;
	const char *method = lease->dhcp4 ? "RenewLink" : "ReconfigureLink";
	struct fault why = {};

	if (!lease->dhcp4 && !lease->bare4 && lease->ipv6) {
		log_event(LOG_INFO, EVENT_BRINGUP, FIELDS(log_text("interface", link->interface)),
			  "%s has IPv6 (%s): networkd goes on asking for DHCPv4", link->interface,
			  lease->addresses);
		return 0;
	}
	log_event(LOG_INFO, EVENT_BRINGUP, FIELDS(log_text("interface", link->interface)),
		  "%s: asking networkd for %s", link->interface, method);
	if (networkd_command(networkd, method, link->ifindex, &why) < 0)
		return fault_set(fault, -EIO, "%s: networkd refuses %s: %s", link->interface,
				 method, why.text);
	return 0;
}

static int bring_up(const char *interface, const char *port, struct fault *fault)
{
	struct bringup_link link = { .interface = interface };
	int r;

	if (!wait_for(&link, is_managed, 0) && !link.lease.refused)
		log_event(LOG_INFO, EVENT_BRINGUP, FIELDS(log_text("interface", interface)),
			  "%s: waiting for networkd to set it up", interface);
	if (!wait_for(&link, is_managed, LINK_US))
		return link.ifindex || strcmp(interface, port) == 0
			       ? lease_say_unmanaged(interface, &link.lease, fault)
			       : vlan_say_missing("", interface, port, fault);
	r = renew(&link, fault);
	if (r < 0)
		return r;
	if (!wait_for(&link, has_address, LEASE_US))
		return fault_set(
			fault, -ETIMEDOUT,
			"%s is authenticated, and %s has no address after %d s: " LEASE_SILENT,
			port, interface, LEASE_US / 1000000, interface);
	log_event(LOG_NOTICE, EVENT_BRINGUP, FIELDS(log_text("interface", interface)), "%s has %s",
		  interface, link.lease.addresses);
	return 0;
}

/* Only who has seen an attempt fail knows why. The next one may succeed, too. */
static int authenticate(const char *port, struct fault *fault)
{
	_cleanup_(closep) int lock = file_lock(DOT1X_LOCK, true, fault);
	struct dot1x_record record;
	struct dot1x_carrier carrier;
	struct wpa_port status = {};
	int r = lock < 0 ? lock : dot1x_check(port, &carrier, &status, NULL, fault);

	/* Nobody can try. */
	if (lock < 0 || r == 0 || !carrier.on || !*status.state)
		return r;
	if (!dot1x_record_read(&record))
		record = (struct dot1x_record){};
	*fault = (struct fault){};
	r = dot1x_authenticate(port, &carrier, &status, &record, fault);
	if (r < 0) {
		struct fault unkept = {};

		/* wpa-action keeps the words, and tells the journal when they are new. */
		log_outcome(dot1x_record_write(&record, &unkept), &unkept);
	}
	return r;
}

/* While the flag exists, a port that is not authorized may be so again in a moment. */
static int check_port(const char *port, struct fault *fault)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + PORT_US;
	struct dot1x_carrier carrier;
	struct wpa_port status;

	while (dot1x_check(port, &carrier, &status, NULL, fault) < 0) {
		*fault = (struct fault){};
		if (access(DOT1X_FLAG, F_OK) < 0 || clock_us(CLOCK_MONOTONIC) >= end_us)
			return authenticate(port, fault);
		usleep(STEP_US);
	}
	return 0;
}

static int load(const struct cli *cli, struct config *config, char port[IFNAMSIZ],
		struct fault *fault)
{
	int r = dot1x_port(cli->n_arguments ? cli->arguments[0] : NULL, port, fault);

	if (r == 0)
		r = config_load(cli->config, config, fault);
	if (r < 0)
		return r;
	for (size_t i = 0; i < config->n_wans; i++)
		if (dot1x_is_behind(config->wans[i].interface, port))
			return 0;
	return fault_set(fault, -EINVAL,
			 "no WAN of %s is on %s: set `interface = %s`, or for a VLAN "
			 "`interface = %s.3242`; DOT1X_INTERFACE in %s names the port",
			 config->path, port, port, port, DOT1X_DEFAULTS);
}

static int run(const struct cli *cli, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	int status = EXIT_DONE;
	char port[IFNAMSIZ];
	int r = load(cli, &config, port, fault);

	if (r < 0)
		return cli_bad_input(r, fault);
	log_debug_file(config.debug_logging);
	r = check_port(port, fault);
	if (r < 0)
		return r;
	for (size_t i = 0; i < config.n_wans; i++) {
		const char *interface = config.wans[i].interface;
		struct fault one = {};

		if (dot1x_is_behind(interface, port) &&
		    log_outcome(bring_up(interface, port, &one), &one) < 0)
			status = EXIT_FAILED;
	}
	return status;
}

static const struct cli_program program = {
	.name = "bringup-att-vlan",
	.usage = "[PORT]",
	.summary = "Renews DHCP on the 802.1X port ($DOT1X_INTERFACE, or what " DOT1X_DEFAULTS "\n"
		   "says) and its VLANs, and says what is missing.",
	.max_arguments = 1,
	.run = run,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
