// SPDX-License-Identifier: GPL-2.0-or-later
// wpa-action: keeps the flag true that says whether the 802.1X port is authenticated.
// wpa_cli -a runs it at each event, a timer with --sync; both ask wpa_supplicant.

#include "base/child.h"
#include "base/cli.h"
#include "base/fileio.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/privileges.h"
#include "config/load.h"
#include "dot1x/attempt.h"
#include "dot1x/dot1x.h"
#include "dot1x/wan.h"
#include "dot1x/wpa.h"

#include <errno.h>
#include <string.h>

#define SERVICE "wpa-authenticated.service"
#define BRINGUP "bringup-att-vlan.service"
#define STEP_US 100000
/* An event may come before wpa_supplicant has changed its state. */
#define EVENT_US 1000000
/* EAP-TLS takes some round trips to a server far away. */
#define CONFIRM_US 5000000
#define START_US 5000000

enum { SYNC = 1 << 0, PREPARE = 1 << 1 };

struct action_port {
	char name[IFNAMSIZ];
	struct dot1x_carrier carrier;
	struct wpa_port status;
	struct dot1x_wans wans;
	struct dot1x_record record; /* of before, then of now */
};

/* NULL, or why it has failed. */
static const char *run_program(char *argv[])
{
	pid_t pid;
	int r = child_start(&(struct child){ .argv = argv }, &pid);

	if (r == 0)
		r = child_wait(pid);
	return r < 0 ? strerror(-r) : r > 0 ? "see above" : NULL;
}

static void systemctl(char *verb, char *unit)
{
	char *argv[] = { "systemctl", "--no-block", verb, unit, NULL };
	const char *why = run_program(argv);

	/* The next run tries again. */
	if (why)
		log_event(LOG_WARNING, EVENT_UNIT_FAILED, FIELDS(log_text("unit", unit)),
			  "`systemctl %s %s` failed: %s", verb, unit, why);
}

/* The flag has how often the carrier had been lost at that authentication. */
static bool is_flag_current(const struct action_port *port)
{
	_cleanup_(freep) char *text = NULL;
	char current[32];

	snprintf(current, sizeof(current), "%lld\n", port->carrier.losses);
	return file_read(DOT1X_FLAG, &text) == 0 && strcmp(text, current) == 0;
}

static int raise_flag(const struct action_port *port, struct fault *fault)
{
	bool new = access(DOT1X_FLAG, F_OK) < 0;
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%lld\n", port->carrier.losses);
	/* The path unit starts the service only if it is not active: stop a stale one. */
	if (new)
		systemctl("stop", SERVICE);
	r = file_write_if_changed(DOT1X_FLAG, text, fault);
	if (r == 0)
		r = dot1x_record_remove(fault);
	if (r == 0 && new)
		log_event(LOG_NOTICE, EVENT_AUTHENTICATED, FIELDS(log_text("port", port->name)),
			  "%s is authenticated", port->name);
	return r;
}

/* Keeps why, for the other programs. Returns whether that is new. */
static bool note_why(struct action_port *port, const struct fault *why)
{
	bool new = strcmp(port->record.why.text, why->text) != 0;
	struct fault fault = {};

	memcpy(port->record.port, port->name, sizeof(port->record.port));
	port->record.why = *why;
	log_outcome(dot1x_record_write(&port->record, &fault), &fault);
	return new;
}

static int lower_flag(struct action_port *port, const struct fault *why, struct fault *fault)
{
	bool new = note_why(port, why), flagged = unlink(DOT1X_FLAG) == 0;

	if (!flagged && errno != ENOENT)
		return fault_set(fault, -errno, "%s: %m", DOT1X_FLAG);
	log_event(flagged || new ? LOG_WARNING : LOG_DEBUG, EVENT_NOT_AUTHENTICATED,
		  FIELDS(log_text("port", port->name)), "%s is %s authenticated: %s", port->name,
		  flagged ? "no longer" : "not", why->text);
	if (flagged)
		systemctl("stop", SERVICE);
	return 0;
}

/* Waits until the port's PAE state is neither of the two, or until the time is over. */
static void wait_while(struct action_port *port, const char *pae, const char *other, int timeout_us)
{
	for (int waited = 0; waited < timeout_us; waited += STEP_US) {
		if (strcmp(port->status.pae, pae) != 0 && strcmp(port->status.pae, other) != 0)
			return;
		usleep(STEP_US);
		if (wpa_port_look(port->name, &port->status) < 0)
			port->status = (struct wpa_port){};
	}
}

/* At boot, it may be just about to answer. */
static void wait_for_supplicant(struct action_port *port)
{
	uint64_t end_us = clock_us(CLOCK_MONOTONIC) + START_US;

	while (wpa_port_look(port->name, &port->status) < 0 && clock_us(CLOCK_MONOTONIC) < end_us)
		usleep(STEP_US);
}

/*
 * Asks the authenticator, which may have forgotten us silently. As long as it answers, the port
 * stays authorized at both ends.
 */
static bool confirm(struct action_port *port)
{
	char before[sizeof(port->status.session)], answer[64];

	memcpy(before, port->status.session, sizeof(before));
	log_event(LOG_DEBUG, EVENT_DOT1X, FIELDS(log_text("port", port->name)),
		  "%s: asking the authenticator", port->name);
	if (wpa_ask(port->name, "REAUTHENTICATE", answer, sizeof(answer)) < 0)
		return false;
	for (int waited = 0; waited < CONFIRM_US; waited += STEP_US) {
		usleep(STEP_US);
		if (wpa_port_look(port->name, &port->status) < 0 || !port->status.authorized)
			return false;
		if (*port->status.session && strcmp(port->status.session, before) != 0)
			return true;
	}
	return false;
}

/* With --sync: does what is in our hands. Returns whether the port is authenticated. */
static bool repair(struct action_port *port, bool authorized, struct fault *why)
{
	/* Nobody answers. */
	if (!port->carrier.on || !port->status.state[0])
		return false;
	if (authorized && is_flag_current(port) && !port->wans.silent)
		return true;
	if (authorized && confirm(port))
		return true;
	*why = (struct fault){};
	return dot1x_authenticate(port->name, &port->carrier, &port->status, &port->record, why) ==
	       0;
}

static bool is_authenticated(struct action_port *port, const char *event, struct fault *why)
{
	bool authorized = false;

	if (!event) {
		wait_for_supplicant(port);
		wait_while(port, "AUTHENTICATING", "AUTHENTICATING", CONFIRM_US);
	}
	for (int waited = 0; waited <= EVENT_US; waited += STEP_US) {
		*why = (struct fault){};
		authorized = dot1x_check(port->name, &port->carrier, &port->status, NULL, why) == 0;
		if (!event || authorized == (strcmp(event, "CONNECTED") == 0))
			break;
		usleep(STEP_US);
	}
	return event ? authorized : repair(port, authorized, why);
}

/* The flag has to be true also when mwan.conf can't be used: then we know no WANs. */
static void look_at_wans(const char *path, struct action_port *port)
{
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	int r = config_load(path, &config, &fault);

	if (r == 0) {
		log_debug_file(config.debug_logging);
		r = dot1x_wans_look(&config, port->name, &port->wans, &fault);
	}
	if (r < 0)
		log_event(LOG_DEBUG, EVENT_DOT1X, FIELDS(log_text("port", port->name)), "%s",
			  fault.text);
}

static int keep_true(struct action_port *port, const char *event, struct fault *fault)
{
	_cleanup_(closep) int lock = file_lock(DOT1X_LOCK, true, fault);
	struct fault why = {};
	bool flagged;
	int r;

	if (lock < 0)
		return lock;
	if (!dot1x_record_read(&port->record))
		port->record = (struct dot1x_record){};
	flagged = access(DOT1X_FLAG, F_OK) == 0;
	if (!is_authenticated(port, event, &why))
		return lower_flag(port, &why, fault);
	r = raise_flag(port, fault);
	/* A new flag starts it through the path unit. */
	if (r == 0 && flagged && port->wans.leaseless)
		systemctl("start", BRINGUP);
	return r;
}

/*
 * wpa_supplicant brings the port up, often before networkd has seen it. Only EAPOL belongs on a
 * port whose VLAN is the WAN. Where the port is the WAN itself, networkd needs its link-local
 * address, and nobody else would switch it on again.
 */
static int prepare(const char *path, char *port, struct fault *fault)
{
	char *argv[] = { "ip", "link", "set", "dev", port, "addrgenmode", "none", NULL };
	_cleanup_(config_done) struct config config = {};
	const char *why;
	int r = config_load(path, &config, fault);

	if (r < 0)
		return cli_bad_input(r, fault);
	for (size_t i = 0; i < config.n_wans; i++)
		if (strcmp(config.wans[i].interface, port) == 0)
			return 0;
	why = run_program(argv);
	return why ? fault_set(fault, -EIO, "%s keeps a link-local address: %s", port, why) : 0;
}

static int run(const struct cli *cli, struct fault *fault)
{
	bool sync = cli->flags & SYNC, early = cli->flags & PREPARE;
	struct action_port port = {};
	int r;

	if ((sync && early) || (sync || early ? cli->n_arguments > 1 : cli->n_arguments != 2))
		return cli_usage(cli, "INTERFACE EVENT, --sync or --prepare is needed", "");
	r = dot1x_port(cli->n_arguments ? cli->arguments[0] : NULL, port.name, fault);
	if (r < 0)
		return cli_bad_input(r, fault);
	if (early)
		return prepare(cli->config, port.name, fault);
	look_at_wans(cli->config, &port);
	return keep_true(&port, sync ? NULL : cli->arguments[1], fault);
}

/* To set how the port makes addresses. */
static uint64_t privileges(const struct cli *cli)
{
	return cli->flags & PREPARE ? PRIVILEGE(CAP_NET_ADMIN) : 0;
}

static const struct cli_program program = {
	.name = "wpa-action",
	.usage = "INTERFACE EVENT | --sync [INTERFACE] | --prepare [INTERFACE]",
	.summary = "Makes " DOT1X_FLAG " true: there exactly while\n"
		   "the 802.1X port is authenticated.",
	.max_arguments = 2,
	.flags =
		(const struct cli_flag[]){
			{ "sync",
			  "look without an event, and repair what keeps it unauthenticated" },
			{ "prepare", "before wpa_supplicant: no IPv6 on a port that is no WAN" },
			{},
		},
	.privileges = privileges,
	.run = run,
};

int main(int argc, char **argv)
{
	return cli_main(&program, argc, argv);
}
