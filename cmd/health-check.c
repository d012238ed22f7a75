/*
 * health-check: probes the WANs and acts on what it finds, or shows what the one that does
 * so has found.
 */
#include "cli.h"
#include "config.h"
#include "daemon.h"
#include "doctor.h"
#include "log.h"
#include "once.h"
#include "report_show.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum {
	DAEMON = 1 << 0,
	STATUS = 1 << 1,
	ONCE = 1 << 2,
	JSON = 1 << 3,
	METRICS = 1 << 4,
	WATCH = 1 << 5,
	DOCTOR = 1 << 6,
};

static const struct cli_program program = {
	.name = "health-check",
	.usage = "--daemon|--status|--once|--doctor",
	.summary = "Watches over the WANs: probes, verdicts, and new flows away from what is down.",
	.flags =
		(const struct cli_flag[]){
			{ "daemon", "stay in the foreground, probe, and keep the kernel right" },
			{ "status", "what the daemon knows; exit status 1 if it does not run" },
			{ "once", "probe once, change nothing; exit status 1 if any WAN is down" },
			{ "json", "with --status or --once: as JSON" },
			{ "metrics", "with --status: as Prometheus text" },
			{ "watch", "with --status: refresh until interrupted" },
			{ "doctor", "look at all that a packet meets, and say what is wrong and "
				    "how to mend it" },
			{},
		},
};

/* ---- --status ---- */

/* In seconds. Below 0: the clock has been set back since. */
static intmax_t age_of(const struct report *report)
{
	return ((intmax_t)clock_us(CLOCK_REALTIME) - (intmax_t)report->time_us) / 1000000;
}

struct age_text {
	char s[48];
};

static struct age_text age_text(const struct report *report)
{
	struct age_text text = { "before the clock was set back" };

	if (age_of(report) >= 0)
		snprintf(text.s, sizeof(text.s), "%jd s ago", age_of(report));
	return text;
}

static int print_metrics(const struct report *report)
{
	_cleanup_(traffic_done) struct traffic traffic = {};
	struct fault fault = {};
	int r = observe_traffic(report, &traffic, &fault);

	log_outcome(r, &fault);
	report_print_metrics(report, r < 0 ? NULL : &traffic, stdout);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int show(const struct report *report, unsigned flags)
{
	if (flags & METRICS)
		return print_metrics(report);
	if (flags & JSON)
		return report_print_json(report, stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
	report_print_table(report, clock_us(CLOCK_REALTIME), stdout);
	return EXIT_DONE;
}

static int show_status(unsigned flags)
{
	_cleanup_(report_done) struct report report = {};
	bool running = daemon_is_running();
	struct fault fault = {};
	int r;

	r = report_read(HEALTH_PATH, &report, &fault);
	if (r == -ENOENT) {
		log_event(LOG_ERR, "status",
			  running ? "the daemon has not written %s yet: it waits for its first run"
				  : "health-check --daemon does not run, and %s is not there: "
				    "`systemctl start mwan-health`",
			  HEALTH_PATH);
		return EXIT_FAILED;
	}
	if (r < 0)
		return log_outcome(r, &fault);
	r = show(&report, flags);
	fflush(stdout);
	if (!running)
		log_event(LOG_ERR, "status",
			  "health-check --daemon does not run: this is what it knew %s; "
			  "`systemctl start mwan-health`",
			  age_text(&report).s);
	else if (report_is_stale(&report, clock_us(CLOCK_REALTIME)))
		log_event(LOG_ERR, "status",
			  "the daemon runs, but this is what it knew %s: see `systemctl status "
			  "mwan-health`",
			  age_text(&report).s);
	else
		return r;
	return EXIT_FAILED;
}

/* In place: a whole screen at a time, in one write. */
static int watch_status(unsigned flags)
{
	static char room[1 << 16];

	/* Who started us in the background may have it ignored. */
	signal(SIGINT, SIG_DFL);
	setvbuf(stdout, room, _IOFBF, sizeof(room));
	while (!ferror(stdout)) {
		fputs("\033[H\033[2J", stdout);
		show_status(flags);
		fflush(stdout);
		sleep(1);
	}
	return EXIT_FAILED;
}

/* ---- the others ---- */

static int show_once(const char *path, unsigned flags)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(report_done) struct report report = {};
	struct fault fault = {};
	int r;

	r = config_load(path, &config, &fault);
	if (r < 0) {
		log_outcome(r, &fault);
		return EXIT_USAGE;
	}
	r = probe_once(&config, &report, &fault);
	if (r < 0)
		return log_outcome(r, &fault);
	r = show(&report, flags);
	return r == EXIT_DONE && !report_is_all_up(&report) ? EXIT_FAILED : r;
}

static int run_daemon(const char *path)
{
	struct fault fault = {};
	bool bad_config = false;
	int r = daemon_run(path, &bad_config, &fault);

	log_outcome(r, &fault);
	return bad_config ? EXIT_USAGE : r;
}

static int run(const struct cli *cli)
{
	switch (cli->flags) {
	case DAEMON:
		return run_daemon(cli->config);
	case STATUS:
	case STATUS | JSON:
	case STATUS | METRICS:
		return show_status(cli->flags);
	case STATUS | WATCH:
		return watch_status(cli->flags);
	case ONCE:
	case ONCE | JSON:
		return show_once(cli->config, cli->flags);
	case DOCTOR:
		return doctor_examine(cli->config);
	default:
		return cli_usage(
			&program,
			cli->flags ? "these options don't go together"
				   : "one of --daemon, --status, --once and --doctor is needed",
			"");
	}
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
