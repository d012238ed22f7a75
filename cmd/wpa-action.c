/*
 * wpa-action: keeps the flag true that says whether the 802.1X port is authenticated. wpa_cli -a
 * runs it at each event, a timer with --sync.
 */
#include "cli.h"
#include "config.h"
#include "dot1x.h"
#include "dot1x_wan.h"
#include "fileio.h"
#include "log.h"
#include "wpa.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define LOCK RUN_DIR "/wpa-action.lock"
#define SERVICE "wpa-authenticated.service"
#define BRINGUP "bringup-att-vlan.service"

#define STEP_US 100000
/* An event comes while wpa_supplicant is about to change its state. */
#define EVENT_US 1000000
/* EAP-TLS takes some round trips to a server far away. */
#define CONFIRM_US 5000000

/* wpa_supplicant takes up to two seconds before its first word. */
#define ANEW_US 5000000

enum { SYNC = 1 << 0 };

static const struct cli_program program = {
	.name = "wpa-action",
	.usage = "INTERFACE EVENT | --sync [INTERFACE]",
	.summary = "Makes " DOT1X_FLAG " true: there exactly while\n"
		   "the 802.1X port is authenticated.",
	.max_arguments = 2,
	.flags =
		(const struct cli_flag[]){
			{ "sync", "look without an event, and mend what keeps the port from it" },
			{},
		},
};

struct port {
	char name[IFNAMSIZ];
	struct dot1x_carrier carrier;
	struct wpa_port status;
	struct dot1x_wans wans;
};

/* ---- systemd ---- */

static void systemctl(char *verb, char *unit)
{
	char *argv[] = { "systemctl", "--no-block", verb, unit, NULL };
	int status = 0;
	pid_t pid;
	int r;

	r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (r == 0 && waitpid(pid, &status, 0) == pid && status == 0)
		return;
	/* It is looked at again by the next run. */
	log_event(LOG_WARNING, "systemctl", "`systemctl %s %s` failed: %s", verb, unit,
		  r ? strerror(r) : "see above");
}

/* ---- the flag ---- */

/* It holds how often the carrier had been lost at that authentication. */
struct mark {
	char s[32];
};

static struct mark mark_of(const struct port *port)
{
	struct mark mark;

	snprintf(mark.s, sizeof(mark.s), "%lld\n", port->carrier.losses);
	return mark;
}

static bool is_marked(const struct port *port)
{
	_cleanup_(freep) char *text = NULL;

	return file_read(DOT1X_FLAG, &text) == 0 && strcmp(text, mark_of(port).s) == 0;
}

static int raise_flag(const struct port *port, struct fault *fault)
{
	bool new = access(DOT1X_FLAG, F_OK) < 0;
	int r;

	/*
	 * The path unit starts the service when it is not active. One that is left from before,
	 * for whatever reason, would be in the way.
	 */
	if (new)
		systemctl("stop", SERVICE);
	r = file_write_if_changed(DOT1X_FLAG, mark_of(port).s, fault);
	if (r == 0 && new)
		log_event(LOG_NOTICE, "authenticated", "port=%s is authenticated", port->name);
	return r;
}

static int lower_flag(const struct port *port, const struct fault *why, struct fault *fault)
{
	if (unlink(DOT1X_FLAG) < 0) {
		log_event(LOG_DEBUG, "not-authenticated", "%s", why->text);
		return errno == ENOENT ? 0 : fault_set(fault, -errno, "%s: %m", DOT1X_FLAG);
	}
	log_event(LOG_WARNING, "not-authenticated", "port=%s is no longer authenticated: %s",
		  port->name, why->text);
	systemctl("stop", SERVICE);
	return 0;
}

/* ---- the port ---- */

/* Looks until the port's state is none of two, or for so long. */
static void wait_while(struct port *port, const char *pae, const char *other, int timeout_us)
{
	for (int waited = 0; waited < timeout_us; waited += STEP_US) {
		if (strcmp(port->status.pae, pae) != 0 && strcmp(port->status.pae, other) != 0)
			return;
		usleep(STEP_US);
		if (wpa_port_look(port->name, &port->status) < 0)
			port->status = (struct wpa_port){};
	}
}

/*
 * Asks the authenticator, which may have forgotten us without a word. While it answers, the port
 * stays authorized at both ends.
 */
static bool confirm(struct port *port)
{
	char before[sizeof(port->status.session)], answer[64];

	memcpy(before, port->status.session, sizeof(before));
	log_event(LOG_DEBUG, "confirm", "%s: the authenticator is asked", port->name);
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

/*
 * Whatever it waits for: for a minute after a refusal or silence, and for ever, for a passphrase,
 * where certificates were missing. What comes of it is waited for here, as wpa_cli tells of no
 * success after a failure that it has not told of, and it tells of none.
 */
static bool begin_anew(struct port *port)
{
	char answer[64];

	log_event(LOG_DEBUG, "anew", "%s: authentication begins anew", port->name);
	if (wpa_ask(port->name, "REASSOCIATE", answer, sizeof(answer)) < 0 ||
	    wpa_port_look(port->name, &port->status) < 0)
		return false;
	wait_while(port, "CONNECTING", "AUTHENTICATING", ANEW_US);
	return port->status.authorized;
}

/* With --sync: as far as it is in our hands. */
static bool mend(struct port *port, bool authorized, struct fault *why)
{
	/* Nobody to ask. */
	if (!port->carrier.on || !port->status.state[0])
		return false;
	if (authorized && is_marked(port) && !port->wans.silent)
		return true;
	if (authorized && confirm(port))
		return true;
	fault_set(why, 0, "%s: the authenticator does not confirm that the port is authorized",
		  port->name);
	return begin_anew(port);
}

static bool is_authenticated(struct port *port, const char *event, struct fault *why)
{
	bool authorized = false;

	if (!event && wpa_port_look(port->name, &port->status) == 0)
		wait_while(port, "AUTHENTICATING", "AUTHENTICATING", CONFIRM_US);
	for (int waited = 0; waited <= EVENT_US; waited += STEP_US) {
		*why = (struct fault){};
		authorized = dot1x_check(port->name, &port->carrier, &port->status, why) == 0;
		if (!event || authorized == (strcmp(event, "CONNECTED") == 0))
			break;
		usleep(STEP_US);
	}
	return event ? authorized : mend(port, authorized, why);
}

/* ---- the program ---- */

/* The flag is true also where mwan.conf can't be used: then nothing is known of the WANs. */
static void look_at_wans(const char *path, struct port *port)
{
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	int r = config_load(path, &config, &fault);

	if (r == 0) {
		log_debug_file(config.debug_logging ? DEBUG_LOG_PATH : NULL);
		r = dot1x_wans_look(&config, port->name, &port->wans, &fault);
	}
	if (r < 0)
		log_event(LOG_DEBUG, "wans", "%s", fault.text);
}

static int keep_true(struct port *port, const char *event, struct fault *fault)
{
	_cleanup_(closep) int lock = file_lock(LOCK, true, fault);
	struct fault why = {};
	bool flagged;
	int r;

	if (lock < 0)
		return lock;
	flagged = access(DOT1X_FLAG, F_OK) == 0;
	if (!is_authenticated(port, event, &why))
		return lower_flag(port, &why, fault);
	r = raise_flag(port, fault);
	/* A flag that is new starts it by itself. */
	if (r == 0 && flagged && port->wans.leaseless)
		systemctl("start", BRINGUP);
	return r;
}

static int run(const struct cli *cli)
{
	bool sync = cli->flags & SYNC;
	struct port port = {};
	struct fault fault = {};
	int r;

	if (sync ? cli->n_arguments > 1 : cli->n_arguments != 2)
		return cli_usage(&program, "INTERFACE EVENT, or --sync [INTERFACE], is needed", "");
	r = dot1x_port(cli->n_arguments ? cli->arguments[0] : NULL, port.name, &fault);
	if (r < 0) {
		log_outcome(r, &fault);
		return EXIT_USAGE;
	}
	look_at_wans(cli->config, &port);
	return log_outcome(keep_true(&port, sync ? NULL : cli->arguments[1], &fault), &fault);
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
