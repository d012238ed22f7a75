// SPDX-License-Identifier: GPL-2.0-or-later
// Finds what the probes of a WAN show to be wrong in one family.
// The kind of the targets' failure says whose fault it can be, and so what to do.

#include "health/trouble.h"

#include <string.h>

/* At most so many targets of a list are named. */
#define NAMED 3

static bool is_answering(const struct probe_target *target)
{
	return target->window.n > 0 && !(target->window.lost & 1) && !target->unsent;
}

static bool lost_latest(const struct probe_target *target, unsigned n)
{
	uint32_t latest = (1U << (n < HEALTH_WINDOW ? n : HEALTH_WINDOW)) - 1;

	return (target->window.lost & latest) == latest;
}

/* True when no target has answered in the cycles that have failed. */
static bool are_all_silent(const struct trouble_view *view)
{
	for (size_t i = 0; i < view->probes->n_targets; i++)
		if (!lost_latest(&view->probes->targets[i], view->health->failures))
			return false;
	return true;
}

struct trouble_tally {
	size_t probed, answering, passing;
};

static struct trouble_tally count_targets(const struct trouble_view *view)
{
	const struct health_conf *conf = &trouble_conf(view)->health;
	struct trouble_tally tally = {};

	for (size_t i = 0; view->probes && i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];

		tally.probed += target->window.n > 0;
		tally.answering += is_answering(target);
		tally.passing +=
			is_answering(target) && health_window_passes(&target->window, conf);
	}
	return tally;
}

/* Of those that lost their latest n probes: the first that has replied, or the first; or NULL. */
static const struct probe_target *find_silent(const struct trouble_view *view, unsigned n)
{
	const struct probe_target *first = NULL;

	for (size_t i = 0; view->probes && i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];

		if (!lost_latest(target, n))
			continue;
		if (probe_failure_is_reply(target->failure))
			return target;
		first = first ? first : target;
	}
	return first;
}

/* "no answer from 1.1.1.1, 8.8.8.8 (why)"; with none: nothing. */
static bool print_silent(const struct trouble_view *view, const char *before, unsigned lost,
			 FILE *f)
{
	const struct probe_target *cause = find_silent(view, lost);
	bool alike = true;
	size_t n = 0;

	if (!cause)
		return false;
	fprintf(f, "%sno %sanswer from", before,
		probe_failure_is_reply(cause->failure) ? "good " : "");
	for (size_t i = 0; i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];

		if (!lost_latest(target, lost))
			continue;
		alike = alike && strcmp(target->why, cause->why) == 0;
		if (n < NAMED)
			fprintf(f, "%s %s", n ? "," : "", target->name);
		n++;
	}
	if (n > NAMED)
		fprintf(f, " and %zu more", n - NAMED);
	if (cause->why[0])
		fprintf(f, " (%s%s%s)", alike ? "" : cause->name, alike ? "" : ": ", cause->why);
	return true;
}

static bool print_worse(const struct trouble_view *view, struct trouble_words *words)
{
	const struct health_conf *conf = &trouble_conf(view)->health;

	for (size_t i = 0; view->probes && i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];
		double rtt_us = health_window_rtt(&target->window);

		if (health_window_passes(&target->window, conf))
			continue;
		if (conf->max_rtt_us > 0 && rtt_us > (double)conf->max_rtt_us)
			fprintf(words->what, "%s: rtt %.1f ms is over max_rtt, %.0f ms",
				target->name, rtt_us / 1000, (double)conf->max_rtt_us / 1000);
		else
			fprintf(words->what, "%s: loss %.0f %% is over max_loss, %d %%",
				target->name, health_window_loss(&target->window) * 100,
				conf->max_loss);
		return true;
	}
	return false;
}

/* Nothing came back, from whomever: not from this machine, and not from something that replies. */
static bool is_silence(const struct probe_target *target)
{
	enum probe_failure failure = target ? target->failure : FAILURE_UNKNOWN;

	return failure == FAILURE_UNREACHABLE || failure == FAILURE_SILENT ||
	       failure == FAILURE_UNKNOWN;
}

/* Begins a sentence about silence with what the link has found out about the gateway. */
static void print_gateway(const struct trouble_view *view, FILE *f)
{
	struct addr gateway = trouble_facts(view)->gateway[view->family].via;

	if (view->gateway == PRESENCE_SEEN)
		fprintf(f, "gateway %s answers, nothing behind it does: ", addr_str(gateway).s);
	else if (view->gateway == PRESENCE_MISSED)
		fprintf(f, "gateway %s does not answer: ", addr_str(gateway).s);
}

void trouble_advise_silence(const struct trouble_view *view, FILE *f)
{
	const struct wan_conf *conf = trouble_conf(view);
	struct addr gateway = trouble_facts(view)->gateway[view->family].via;

	if (view->gateway == PRESENCE_SEEN)
		fputs("the ISP's fault: report it to the ISP", f);
	else if (view->gateway == PRESENCE_MISSED &&
		 conf->gateway_mode[view->family] == GATEWAY_FIXED)
		fprintf(f,
			"compare gateway%c in mwan.conf with what the ISP says; if it is right, "
			"the line or the ISP's device is at fault: restart that device",
			family_digit(view->family));
	else if (view->gateway == PRESENCE_MISSED)
		fputs("the line or the ISP's device is at fault: restart that device, then report "
		      "it to the ISP",
		      f);
	else if (gateway.family)
		fprintf(f, "gateway %s is being asked whether it is there", addr_str(gateway).s);
	else
		fputs("the link is up: the fault of the ISP, or of the line", f);
}

static void advise(const struct trouble_view *view, const struct probe_target *target, FILE *f)
{
	const char *interface = trouble_conf(view)->interface;

	switch (target ? target->failure : FAILURE_UNKNOWN) {
	case FAILURE_LOCAL:
		fprintf(f, "`ip -%c address show dev %s` shows what it can send from",
			family_digit(view->family), interface);
		break;
	case FAILURE_FILTERED:
		fputs("`nft list ruleset` has the rule of this machine that drops it", f);
		break;
	case FAILURE_FULL:
		fputs("`conntrack -L` shows whose flows fill it, and sysctl "
		      "net.netfilter.nf_conntrack_max says how many it can hold",
		      f);
		break;
	case FAILURE_BUSY:
		fprintf(f, "`tc -s qdisc show dev %s` shows what it holds and drops", interface);
		break;
	case FAILURE_UNSUPPORTED:
		fputs("`apt install libcurl4 libc-ares2 ca-certificates`", f);
		break;
	case FAILURE_RESOLVER:
		fprintf(f,
			"see the name servers of /etc/resolv.conf: this one is not asked over a "
			"WAN; or name addresses for %s",
			target->key);
		break;
	case FAILURE_PORTAL:
		fprintf(f,
			"log in on that page over this WAN, or ask the ISP; if the answer is "
			"right, "
			"put its status after the URL in %s",
			target->key);
		break;
	case FAILURE_UNRESOLVED:
		fprintf(f, "see the name servers of /etc/resolv.conf, or name addresses for %s",
			target->key);
		break;
	case FAILURE_STATUS:
		fprintf(f,
			"something replies over this WAN, so name another target for %s in "
			"mwan.conf, or put the status that is right after the URL",
			target->key);
		break;
	case FAILURE_REFUSED:
	case FAILURE_WRONG:
	case FAILURE_SLOW:
		fprintf(f,
			"something replies over this WAN, so name another target for %s in "
			"mwan.conf%s",
			target->key, target->failure == FAILURE_SLOW ? ", or raise timeout" : "");
		break;
	case FAILURE_MALFORMED:
		fprintf(f, "correct %s in mwan.conf: %s can't be asked for", target->key,
			target->name);
		break;
	case FAILURE_UNREACHABLE:
	case FAILURE_SILENT:
	case FAILURE_UNKNOWN:
	case N_FAILURES:
		trouble_advise_silence(view, f);
	}
}

static void print_cycle(const struct trouble_view *view, struct trouble_tally tally,
			struct trouble_words *words)
{
	const struct health_conf *conf = &trouble_conf(view)->health;
	unsigned failures = view->health->failures;

	/* A target that answers now and then has failed because of its loss. */
	if (tally.answering == 0 && !are_all_silent(view) && print_worse(view, words))
		return;
	if (tally.answering == 0) {
		if (is_silence(find_silent(view, 1)))
			print_gateway(view, words->what);
		print_silent(view, "", 1, words->what);
		if (failures > 0)
			fprintf(words->what, " in %u cycle%s", failures, failures > 1 ? "s" : "");
		advise(view, find_silent(view, 1), words->fix);
	} else if (tally.answering < conf->min_targets) {
		fprintf(words->what, "%zu of %zu targets answer%s, min_targets is %u",
			tally.answering, view->probes->n_targets, tally.answering == 1 ? "s" : "",
			conf->min_targets);
		print_silent(view, "; ", 1, words->what);
	} else if (!print_worse(view, words)) {
		fprintf(words->what, "%zu of %zu targets answer", tally.answering,
			view->probes->n_targets);
	}
}

/* "1.1.1.1, 8.8.8.8 (why)" of those that this machine did not ask; the first of them, or NULL. */
static const struct probe_target *print_unsent(const struct trouble_view *view, const char *before,
					       FILE *f)
{
	const struct probe_target *first = NULL;
	size_t n = 0;

	for (size_t i = 0; view->probes && i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];

		if (!target->unsent)
			continue;
		if (n < NAMED)
			fprintf(f, "%s%s", n ? ", " : before, target->name);
		n++;
		first = first ? first : target;
	}
	if (n > NAMED)
		fprintf(f, " and %zu more", n - NAMED);
	if (first)
		fprintf(f, " (%s)", first->why);
	return first;
}

bool find_unsent(const struct trouble_view *view, struct trouble_words *words)
{
	if (!view->undecided)
		return false;
	advise(view, print_unsent(view, "this machine does not send probes to ", words->what),
	       words->fix);
	fprintf(words->what, "; it %s meanwhile",
		view->health->state == VERDICT_DOWN ? "stays down" : "counts as up");
	return true;
}

bool find_failed_probes(const struct trouble_view *view, struct trouble_words *words)
{
	const struct health_conf *conf = &trouble_conf(view)->health;
	const struct health_state *health = view->health;
	struct trouble_tally tally = count_targets(view);
	bool good = tally.passing >= conf->min_targets, down = health->state == VERDICT_DOWN;

	if (down && site_selection(view->site, view->family)->eligible[view->wan])
		fputs("kept as last resort; ", words->what);
	if (down && tally.probed == 0)
		fputs("down when it was last probed, and about to be probed again", words->what);
	else if (down && good)
		fprintf(words->what, "answers again: up after %u good cycles in a row, %u so far",
			conf->recovery_threshold, health->successes);
	else if (down || (tally.probed > 0 && !good))
		print_cycle(view, tally, words);
	else
		return false;

	if (!down)
		fprintf(words->what, " (down after %u in a row)", conf->failure_threshold);
	return true;
}

bool find_no_targets(const struct trouble_view *view, struct trouble_words *words)
{
	if (view->probes && view->probes->n_targets > 0)
		return false;
	fputs("no targets, so it counts as up", words->what);
	fprintf(words->fix, "set ping%c = ADDRESS in [health] of mwan.conf",
		family_digit(view->family));
	return true;
}

bool find_single_target(const struct trouble_view *view, struct trouble_words *words)
{
	unsigned lost = trouble_conf(view)->health.failure_threshold;

	if (!print_silent(view, "", lost, words->what) && !print_worse(view, words) &&
	    !print_unsent(view, "not asked: ", words->what))
		return false;
	fputs("; the other targets are enough", words->what);
	return true;
}
