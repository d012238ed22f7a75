// SPDX-License-Identifier: GPL-2.0-or-later
// health-check: probes the WANs and acts on the verdicts, or shows what the daemon knows.
// One option chooses the job; daemon/, doctor/, health/ and status/ do it.

#include "base/cli.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/privileges.h"
#include "config/load.h"
#include "config/version.h"
#include "daemon/daemon.h"
#include "doctor/doctor.h"
#include "doctor/silence.h"
#include "dot1x/certificate.h"
#include "dot1x/wpa.h"
#include "health/once.h"
#include "kernel/forwarding.h"
#include "kernel/traffic.h"
#include "reconcile/drain.h"
#include "status/show.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* In the order of the program's flags. */
enum {
	DAEMON = 1,
	STATUS = 2,
	ONCE = 4,
	JSON = 8,
	METRICS = 16,
	WATCH = 32,
	DOCTOR = 64,
	ADDRESS = 128,
	DRAIN = 256,
	UNDRAIN = 512,
	FOR = 1024,
};
/* Which of them it is, for their values. */
enum { DRAIN_VALUE = 8, UNDRAIN_VALUE = 9, FOR_VALUE = 10 };

#define DRAIN_MOST_S (365UL * 86400)

/* While nothing is forwarded, this comes first, whoever has stopped it. */
static void add_stopped(struct report *report)
{
	char *stopped = forwarding_stopped();

	if (!stopped)
		return;
	free(report->trouble);
	report->trouble = stopped;
	report->unprotected = true;
}

/* Only where 802.1X is configured, and for who may read its files. */
static void print_certificates(void)
{
	struct certificate_end ends[2];
	struct certificates found;
	size_t n = 0;

	if (access(WPA_CONFIG, R_OK) < 0 || !certificates_read(WPA_CONFIG, &found))
		return;
	if (found.ca.until)
		ends[n++] = (struct certificate_end){ found.ca.path, found.ca.until };
	if (found.client.until)
		ends[n++] = (struct certificate_end){ found.client.path, found.client.until };
	report_print_certificate_ends(ends, n, stdout);
}

static int show(const struct report *report, unsigned flags, struct fault *fault)
{
	_cleanup_(traffic_done) struct traffic traffic = {};
	int r = EXIT_DONE;

	if (flags & METRICS) {
		r = observe_traffic(report, &traffic, fault);
		report_print_metrics(report, r < 0 ? NULL : &traffic, stdout);
		print_certificates();
	} else if (flags & JSON) {
		r = report_print_json(report, stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	} else {
		struct screen screen = screen_of_stdout();

		report_print_screen(report, clock_us(CLOCK_REALTIME), &screen, stdout);
	}
	return r;
}

static void add_full(struct report *report)
{
	if (folder_is_full(STATE_DIR))
		report_add_trouble(report, "disk",
				   STATE_DIR " is full, so a reboot forgets what is known now",
				   "`df -h " STATE_DIR "`");
}

/* An edit alone changes nothing. */
static void add_edited(struct report *report, const char *path)
{
	if (report->trouble || config_file_is_in_force(path))
		return;
	if (access(path, F_OK) < 0)
		report_add_trouble(report, "mwan.conf",
				   "gone; what it said stays in force until the "
				   "next start",
				   "put it back");
	else
		report_add_trouble(report, "mwan.conf", "edited, not in force",
				   "`systemctl reload mwan-health`");
}

static int show_known(const char *path, unsigned flags, struct fault *fault)
{
	_cleanup_(report_done) struct report report = {};
	int r = report_read(HEALTH_PATH, &report, fault), shown;

	if (r < 0) {
		_cleanup_(freep) char *why = forwarding_stopped();

		if (why && !(flags & (JSON | METRICS)))
			printf("%s\n", why);
		return silence_explain(r, fault);
	}
	r = silence_add(&report, fault);
	add_edited(&report, path);
	add_full(&report);
	add_stopped(&report);
	/* Before what else may fail: the first words stay. */
	shown = show(&report, flags, fault);
	fflush(stdout);
	if (r < 0 || shown != EXIT_DONE)
		return r < 0 ? r : shown;
	return report_has_trouble(&report) ? EXIT_TROUBLE : EXIT_DONE;
}

static int show_status(const char *path, unsigned flags, struct fault *fault)
{
	_cleanup_(freep) char *stopped = forwarding_stopped();
	int r = show_known(path, flags, fault);

	if (!stopped)
		return r;
	log_outcome(r, fault);
	return EXIT_TROUBLE;
}

/* Writes a whole screen at a time, in place. */
static int watch_status(const char *path, unsigned flags)
{
	static char room[1 << 16];

	/* A shell that starts us in the background ignores SIGINT for us. */
	signal(SIGINT, SIG_DFL);
	setvbuf(stdout, room, _IOFBF, sizeof(room));
	while (!ferror(stdout)) {
		struct fault fault = {};

		fputs("\033[H\033[2J", stdout);
		log_outcome(show_status(path, flags, &fault), &fault);
		fflush(stdout);
		sleep(1);
	}
	return EXIT_FAILED;
}

static int show_once(const char *path, unsigned flags, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(report_done) struct report report = {};
	int r = config_load(path, &config, fault);

	if (r < 0)
		return cli_bad_input(r, fault);
	r = probe_once(&config, &report, fault);
	if (r < 0)
		return r;
	add_stopped(&report);
	r = show(&report, flags, fault);
	return r == EXIT_DONE && !report_is_all_up(&report) ? EXIT_FAILED : r;
}

/* The first of the WANs that is eligible and has one which the internet reaches. */
static int print_address(const struct cli *cli, struct fault *fault)
{
	_cleanup_(report_done) struct report report = {};
	const char *hidden = NULL; /* a WAN behind its provider's NAT */
	struct addr address = {};
	enum family family = IPV4;
	int r;

	while (family < N_FAMILIES && cli->n_arguments > 0 &&
	       strcmp(cli->arguments[0], family_word(family)) != 0)
		family++;
	if (cli->n_arguments < 2 || family == N_FAMILIES)
		return cli_usage(cli, "--address needs ipv4 or ipv6, and the names of WANs", "");
	r = report_read(HEALTH_PATH, &report, fault);
	r = r < 0 ? silence_explain(r, fault) : silence_add(&report, fault);
	if (r < 0)
		return r;

	for (int i = 1; i < cli->n_arguments; i++)
		if (!report_wan(&report, cli->arguments[i]))
			return cli_usage(cli, "mwan.conf has no WAN ", cli->arguments[i]);
	for (int i = 1; i < cli->n_arguments; i++) {
		const struct family_report *found =
			&report_wan(&report, cli->arguments[i])->family[family];

		if (!found->eligible || !found->address.family)
			continue;
		if (!addr_is_private(found->address)) {
			puts(addr_str(found->address).s);
			return EXIT_DONE;
		}
		hidden = cli->arguments[i];
		address = found->address;
	}
	if (hidden)
		return fault_set(fault, -ENETUNREACH,
				 "no %s address: %s has %s, which the internet does not reach: its "
				 "provider, or a router before it, translates it",
				 family_name(family), hidden, addr_str(address).s);
	return fault_set(fault, -ENETUNREACH,
			 "no %s address: none of these WANs is eligible; `health-check --status` "
			 "says why",
			 family_name(family));
}

/*
 * Signals that mean something to the daemon, or nothing, and end other programs. They are held from
 * the first moment, for they may come before the daemon's loop is there to take them.
 */
static sigset_t mask_before;

static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &mask_before);
}

static int run_daemon(const char *path, struct fault *fault)
{
	bool bad_config = false;
	int r = daemon_run(path, &bad_config, fault);

	return bad_config ? cli_bad_input(r, fault) : r;
}

static int drain(const struct cli *cli, struct fault *fault)
{
	struct drain_order order = { .wan = cli->values[DRAIN_VALUE], .drain = true };
	const char *text = cli->values[FOR_VALUE];
	uint64_t us = 0;

	if (text && (parse_duration(text, &us) < 0 || us < 1000000 || us / 1000000 > DRAIN_MOST_S))
		return cli_usage(
			cli,
			"--for needs a duration from 1s to 8760h, with its unit (s, m or h), "
			"not ",
			quote(text).s);
	order.for_s = us / 1000000;
	return drain_run(cli, &order, fault);
}

static int run(const struct cli *cli, struct fault *fault)
{
	if (cli->n_arguments > 0 && cli->flags != ADDRESS)
		return cli_usage(cli, "one argument too many: ", cli->arguments[0]);
	if (cli->flags != DAEMON)
		sigprocmask(SIG_SETMASK, &mask_before, NULL);
	switch (cli->flags) {
	case DAEMON:
		return run_daemon(cli->config, fault);
	case STATUS:
	case STATUS | JSON:
	case STATUS | METRICS:
		return show_status(cli->config, cli->flags, fault);
	case STATUS | WATCH:
		return watch_status(cli->config, cli->flags);
	case ONCE:
	case ONCE | JSON:
		return show_once(cli->config, cli->flags, fault);
	case DRAIN:
	case DRAIN | FOR:
		return drain(cli, fault);
	case UNDRAIN:
		return drain_run(cli, &(struct drain_order){ .wan = cli->values[UNDRAIN_VALUE] },
				 fault);
	case DOCTOR:
		return doctor_examine(cli->config, cli->verbose);
	case ADDRESS:
		return print_address(cli, fault);
	default:
		return cli_usage(
			cli,
			cli->flags ? "these options don't go together"
				   : "one of --daemon, --status, --once, --doctor, --address, "
				     "--drain and --undrain is needed",
			"");
	}
}

/*
 * The doctor also reads what others own, finds whose a socket is, and loads the base ruleset where
 * there is nobody else.
 */
#define PRIVILEGES_DOCTOR                                                                          \
	(PRIVILEGES_NETWORK | PRIVILEGE(CAP_DAC_READ_SEARCH) | PRIVILEGE(CAP_SYS_PTRACE) |         \
	 PRIVILEGE(CAP_SYS_ADMIN))

static uint64_t privileges(const struct cli *cli)
{
	if (cli->flags & DOCTOR)
		return PRIVILEGES_DOCTOR;
	if (cli->flags & (DAEMON | ONCE | DRAIN | UNDRAIN))
		return PRIVILEGES_NETWORK;
	return cli->flags & METRICS ? PRIVILEGE(CAP_NET_ADMIN) : 0;
}

static const struct cli_program program = {
	.name = "health-check",
	.usage = "--daemon|--status|--once|--doctor|--address FAMILY WAN...|--drain WAN|"
		 "--undrain WAN",
	.summary = "Watches over the WANs: probes, verdicts, and new flows away from what is down.",
	.flags =
		(const struct cli_flag[]){
			{ "daemon", "stay in the foreground, probe, and keep the kernel right" },
			{ "status",
			  "what the daemon knows; exit status 1: nothing, 4: something is wrong" },
			{ "once", "probe once, change nothing; exit status 1 if any WAN is down" },
			{ "json", "with --status or --once: as JSON" },
			{ "metrics", "with --status: as Prometheus text" },
			{ "watch", "with --status: refresh until interrupted" },
			{ "doctor", "check all that a packet meets; say what is wrong and how to "
				    "repair it; with --verbose, also what is good" },
			{ "address", "where services are reached over the first of these WANs that "
				     "carries ipv4 or ipv6" },
			{ "drain", "take a WAN out: no new flows, its old ones stay", "WAN" },
			{ "undrain", "put it back", "WAN" },
			{ "for", "with --drain: so long, as 2h; else until --undrain", "TIME" },
			{},
		},
	.max_arguments = 255,
	.privileges = privileges,
	.run = run,
};

int main(int argc, char **argv)
{
	hold_signals();
	return cli_main(&program, argc, argv);
}
