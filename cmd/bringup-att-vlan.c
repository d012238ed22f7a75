/*
 * bringup-att-vlan: after 802.1X, gets the VLAN its lease now, not at the end of a wait that
 * began when nobody answered.
 */
#include "cli.h"
#include "config.h"
#include "dot1x.h"
#include "lease.h"
#include "log.h"
#include "networkd.h"
#include "vlan.h"
#include "wpa.h"

#include <errno.h>
#include <string.h>

#define VLAN_US 30000000
#define LEASE_US 30000000
#define PORT_US 10000000
#define STEP_US 250000

static const struct cli_program program = {
	.name = "bringup-att-vlan",
	.usage = "[PORT]",
	.summary = "Renews DHCP on the VLANs of the 802.1X port ($DOT1X_INTERFACE, or "
		   "what\n" DOT1X_DEFAULTS " says), and says what is missing.",
	.max_arguments = 1,
};

/* ---- networkd ---- */

/* What networkd says of the VLAN now; false: nobody answers, or there is no such link. */
static bool look(const char *interface, unsigned *ifindex, struct lease *ret)
{
	_cleanup_(networkd_closep) struct networkd *networkd = networkd_open();
	_cleanup_(freep) char *json = NULL;

	*ifindex = if_nametoindex(interface);
	if (!*ifindex || !networkd)
		return false;
	json = networkd_describe(networkd, *ifindex);
	return json && lease_from_json(json, ret);
}

/* Looks until networkd has the link, or `addresses`: until that has what it was given. */
static bool wait_for(const char *interface, bool addresses, uint64_t timeout_us, unsigned *ifindex,
		     struct lease *ret)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + timeout_us;

	for (;;) {
		*ret = (struct lease){};
		if (look(interface, ifindex, ret) &&
		    (addresses ? *ret->addresses && !ret->bare4 : ret->managed))
			return true;
		/* That no file matches stays so, until somebody writes one. */
		if (ret->refused || clock_us(CLOCK_MONOTONIC) >= end_us)
			return false;
		usleep(STEP_US);
	}
}

static int say_missing(const char *interface, const char *port, unsigned ifindex,
		       const struct lease *lease, struct fault *fault)
{
	return ifindex ? lease_say_unmanaged(interface, lease, fault)
		       : vlan_say_missing("", interface, port, fault);
}

/*
 * RenewLink does not hurry a client that has no lease yet, nor bring back an address that somebody
 * has taken away; ReconfigureLink does, and takes away whatever the link has.
 */
static int ask_anew(const char *interface, unsigned ifindex, const struct lease *lease,
		    struct fault *fault)
{
	_cleanup_(networkd_closep) struct networkd *networkd = NULL;
	const char *method = lease->dhcp4 ? "RenewLink" : "ReconfigureLink";

	if (!lease->dhcp4 && !lease->bare4 && lease->ipv6) {
		log_event(LOG_INFO, "bringup",
			  "interface=%s has IPv6 (%s): DHCPv4 goes on by itself", interface,
			  lease->addresses);
		return 0;
	}
	networkd = networkd_open();
	if (!networkd)
		return -ENOMEM;
	log_event(LOG_INFO, "bringup", "interface=%s %s", interface, method);
	if (networkd_command(networkd, method, ifindex, fault) < 0) {
		struct fault why = TAKE(*fault);

		return fault_set(fault, -EIO, "%s: networkd refuses %s: %s", interface, method,
				 why.text);
	}
	return 0;
}

static int bring_up(const char *interface, const char *port, struct fault *fault)
{
	struct lease lease;
	unsigned ifindex;
	int r;

	if (!wait_for(interface, false, 0, &ifindex, &lease) && !lease.refused)
		log_event(LOG_INFO, "bringup", "interface=%s is waited for", interface);
	if (!wait_for(interface, false, VLAN_US, &ifindex, &lease))
		return say_missing(interface, port, ifindex, &lease, fault);
	r = ask_anew(interface, ifindex, &lease, fault);
	if (r < 0)
		return r;
	if (!wait_for(interface, true, LEASE_US, &ifindex, &lease))
		return fault_set(
			fault, -ETIMEDOUT,
			"%s is authenticated, and %s has no address after %d s: " LEASE_SILENT,
			port, interface, LEASE_US / 1000000, interface);
	log_event(LOG_NOTICE, "bringup", "interface=%s has %s", interface, lease.addresses);
	return 0;
}

/* ---- the program ---- */

/* Where the flag says that it is authenticated, the port may be so anew in a moment. */
static int check_port(const char *port, struct fault *fault)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + PORT_US;
	struct dot1x_carrier carrier;
	struct wpa_port status;

	while (dot1x_check(port, &carrier, &status, fault) < 0) {
		if (access(DOT1X_FLAG, F_OK) < 0 || clock_us(CLOCK_MONOTONIC) >= end_us)
			return -ENETDOWN;
		*fault = (struct fault){};
		usleep(STEP_US);
	}
	return 0;
}

static int bring_up_all(const struct config *config, const char *port)
{
	struct fault fault = {};
	int failed = 0;

	if (check_port(port, &fault) < 0)
		return log_outcome(-ENETDOWN, &fault);
	for (size_t i = 0; i < config->n_wans; i++) {
		struct fault one = {};

		if (dot1x_is_behind(config->wans[i].interface, port) &&
		    log_outcome(bring_up(config->wans[i].interface, port, &one), &one) < 0)
			failed = -EIO;
	}
	return failed;
}

static int load(const struct cli *cli, struct config *config, char port[IFNAMSIZ],
		struct fault *fault)
{
	int r;

	r = dot1x_port(cli->n_arguments ? cli->arguments[0] : NULL, port, fault);
	if (r == 0)
		r = config_load(cli->config, config, fault);
	if (r < 0)
		return r;
	for (size_t i = 0; i < config->n_wans; i++)
		if (dot1x_is_behind(config->wans[i].interface, port))
			return 0;
	return fault_set(fault, -EINVAL,
			 "no WAN of %s is a VLAN of %s: `interface = %s.3242`, say; the port's "
			 "name is DOT1X_INTERFACE in %s",
			 config->path, port, port, DOT1X_DEFAULTS);
}

static int run(const struct cli *cli)
{
	_cleanup_(config_done) struct config config = {};
	char port[IFNAMSIZ];
	struct fault fault = {};
	int r;

	r = load(cli, &config, port, &fault);
	if (r < 0) {
		log_outcome(r, &fault);
		return EXIT_USAGE;
	}
	log_debug_file(config.debug_logging ? DEBUG_LOG_PATH : NULL);
	return bring_up_all(&config, port);
}

int main(int argc, char **argv)
{
	struct cli cli;
	int r;

	r = cli_parse(&program, argc, argv, &cli);
	if (r == CLI_RUN)
		r = run(&cli);
	return cli_exit(r);
}
