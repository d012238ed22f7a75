#include "trouble.h"

#include <errno.h>
#include <string.h>

/* Of a list of targets, that many are named. */
#define NAMED 3

static const struct wan_conf *conf_of(const struct trouble_view *view)
{
	return &view->config->wans[view->wan];
}

static const struct wan_facts *facts_of(const struct trouble_view *view)
{
	return &view->facts->wans[view->wan];
}

static char digit(const struct trouble_view *view)
{
	return view->family == IPV4 ? '4' : '6';
}

/* Each of these writes a line when it finds its kind of trouble, and says whether it did. */
typedef bool trouble_finder(const struct trouble_view *view, FILE *f);

static bool find_link(const struct trouble_view *view, FILE *f)
{
	const struct link_fact *link = &facts_of(view)->link;
	const char *interface = conf_of(view)->interface;

	if (!link->link.index)
		fprintf(f, "there is no interface %s: see `networkctl`", interface);
	else if (!link->up)
		fprintf(f, "%s is switched off: `ip link set %s up`", interface, interface);
	else if (!link->carrier)
		fprintf(f, "%s has no carrier: check the cable, and 802.1X where it is used",
			interface);
	return !link->link.index || !link->up || !link->carrier;
}

static bool find_gateway(const struct trouble_view *view, FILE *f)
{
	const struct wan_conf *conf = conf_of(view);
	const char *interface = conf->interface;

	if (facts_of(view)->gateway[view->family].present)
		return false;
	if (conf->gateway_mode[view->family] == GATEWAY_FIXED)
		fprintf(f, "gateway%c = %s in mwan.conf is no other machine's address: correct it",
			digit(view), addr_str(conf->gateway[view->family]).s);
	else if (view->family == IPV4)
		fprintf(f,
			"no IPv4 gateway (no default route, from DHCP): see `networkctl status %s`",
			interface);
	else if (!facts_of(view)->link.inet6)
		fprintf(f,
			"no IPv6 on %s, not even a link-local address: see "
			"/proc/sys/net/ipv6/conf/%s/disable_ipv6",
			interface, interface);
	else
		fprintf(f,
			"no IPv6 gateway (no router advertisement with a default route): see "
			"`networkctl status %s`; if this ISP has no IPv6, set gateway6 = none",
			interface);
	return true;
}

static bool masquerades(const struct trouble_view *view)
{
	return view->family == IPV4 ? conf_of(view)->masquerade4
				    : npt_masquerades(view->config, view->npt, view->wan);
}

/* What the ISP delegates can't be used; the reason says what it is. */
static bool find_refused(const struct trouble_view *view, FILE *f)
{
	const struct npt_state *npt = view->npt;
	const char *name = conf_of(view)->name;
	struct fault why = {};

	if (view->family == IPV4 || masquerades(view) || !npt->refused ||
	    npt->refused[view->wan].len == 0 ||
	    (npt_check(view->config, name, npt->refused[view->wan], &why) == 0 &&
	     npt_check_others(view->config, npt, view->wan, npt->refused[view->wan], &why) == 0))
		return false;
	/* Without the WAN's name, which the line has already. */
	fprintf(f, "the delegated prefix can't be used: %s", why.text + strlen(name) + 2);
	return true;
}

static bool find_translation(const struct trouble_view *view, FILE *f)
{
	const struct wan_conf *conf = conf_of(view);

	if (masquerades(view)
		    ? link_has_family(&facts_of(view)->link, family_af(view->family))
		    : view->family == IPV4 || npt_active(view->config, view->npt, view->wan))
		return false;
	if (view->family == IPV6 && !conf->masquerade6)
		fprintf(f,
			/* With a lease that came without one, networkd never asks again. */
			"no delegated prefix: see `networkctl status %s`; `networkctl reconfigure "
			"%s` asks anew (IPv4 pauses); `update-npt %s PREFIX` for now",
			conf->interface, conf->interface, conf->interface);
	else
		fprintf(f, "no IPv%c address to masquerade behind: see `networkctl status %s`",
			digit(view), conf->interface);
	return true;
}

static bool find_fallback(const struct trouble_view *view, FILE *f)
{
	const struct wan_conf *conf = conf_of(view);

	if (view->family == IPV4 || conf->masquerade6 || !masquerades(view))
		return false;
	fprintf(f,
		"no delegated prefix: masqueraded until there is one, and nothing inside can be "
		"reached; see `networkctl status %s`",
		conf->interface);
	return true;
}

/* Probes */

static bool is_answering(const struct probe_target *target)
{
	return target->window.n > 0 && !(target->window.lost & 1);
}

static bool lost_latest(const struct probe_target *target, unsigned n)
{
	uint32_t latest;

	if (n > HEALTH_WINDOW)
		n = HEALTH_WINDOW;
	latest = (1U << n) - 1;
	return target->window.n >= n && (target->window.lost & latest) == latest;
}

/* Silent for as many probes as make a failure, not for a single one. */
static bool is_silent(const struct probe_target *target, const struct health_conf *conf)
{
	return lost_latest(target, conf->failure_threshold);
}

/* True when no target has answered in the cycles that have failed. */
static bool are_all_silent(const struct trouble_view *view)
{
	for (size_t i = 0; i < view->probes->n_targets; i++)
		if (!lost_latest(&view->probes->targets[i], view->health->failures))
			return false;
	return true;
}

/* What the last cycle came to. */
struct tally {
	size_t probed, answering, passing;
};

static struct tally count_targets(const struct trouble_view *view)
{
	const struct health_conf *conf = &conf_of(view)->health;
	struct tally tally = {};

	for (size_t i = 0; view->probes && i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];

		tally.probed += target->window.n > 0;
		if (!is_answering(target))
			continue;
		tally.answering++;
		tally.passing += health_window_passes(&target->window, conf);
	}
	return tally;
}

/* "no answer from 1.1.1.1, 8.8.8.8 (why the first gave none)"; with none: nothing. */
static bool print_silent(const struct trouble_view *view, bool for_long, FILE *f)
{
	const char *why = "";
	size_t n = 0;

	for (size_t i = 0; view->probes && i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];

		if (for_long ? !is_silent(target, &conf_of(view)->health) : is_answering(target))
			continue;
		if (n == 0 && target->result == PROBE_FAILED)
			why = target->why;
		if (n < NAMED)
			fprintf(f, "%s%s", n ? ", " : "no answer from ", target->name);
		n++;
	}
	if (n > NAMED)
		fprintf(f, " and %zu more", n - NAMED);
	if (*why)
		fprintf(f, " (%s)", why);
	return n > 0;
}

/* The first target that is worse than it may be. */
static bool print_worse(const struct trouble_view *view, FILE *f)
{
	const struct health_conf *conf = &conf_of(view)->health;

	for (size_t i = 0; view->probes && i < view->probes->n_targets; i++) {
		const struct probe_target *target = &view->probes->targets[i];
		double rtt_us = health_window_rtt(&target->window);

		if (health_window_passes(&target->window, conf))
			continue;
		if (conf->max_rtt_us > 0 && rtt_us > (double)conf->max_rtt_us)
			fprintf(f, "%s: rtt %.1f ms is over max_rtt, %.0f ms", target->name,
				rtt_us / 1000, (double)conf->max_rtt_us / 1000);
		else
			fprintf(f, "%s: loss %.0f %% is over max_loss, %d %%", target->name,
				health_window_loss(&target->window) * 100, conf->max_loss);
		return true;
	}
	return false;
}

/* What tells a fault of the ISP from one of the line to it. */
static void print_advice(const struct trouble_view *view, FILE *f)
{
	struct addr gateway = facts_of(view)->gateway[view->family].via;

	if (gateway.family)
		fprintf(f, "; if `ping -I %s %s` works, the fault is the ISP's",
			conf_of(view)->interface, addr_str(gateway).s);
	else
		fputs("; the link is up: ask the ISP", f);
}

static void print_cycle(const struct trouble_view *view, struct tally tally, FILE *f)
{
	const struct health_conf *conf = &conf_of(view)->health;
	unsigned failures = view->health->failures;

	/* What answers now and then has failed for its loss. */
	if (tally.answering == 0 && !are_all_silent(view) && print_worse(view, f))
		return;
	if (tally.answering == 0) {
		print_silent(view, false, f);
		if (failures > 0)
			fprintf(f, " in %u cycle%s", failures, failures > 1 ? "s" : "");
		print_advice(view, f);
	} else if (tally.answering < conf->min_targets) {
		fprintf(f, "%zu of %zu targets answer%s, min_targets is %u: ", tally.answering,
			view->probes->n_targets, tally.answering == 1 ? "s" : "",
			conf->min_targets);
		print_silent(view, false, f);
	} else if (!print_worse(view, f)) {
		fprintf(f, "%zu of %zu targets answer", tally.answering, view->probes->n_targets);
	}
}

static bool find_failure(const struct trouble_view *view, FILE *f)
{
	const struct health_conf *conf = &conf_of(view)->health;
	const struct health_state *health = view->health;
	struct tally tally = count_targets(view);
	bool good = tally.passing >= conf->min_targets;

	if (health->state == VERDICT_DOWN && tally.probed == 0)
		fputs("down when it was last probed, and about to be probed again", f);
	else if (health->state == VERDICT_DOWN && good)
		fprintf(f, "answers again: up after %u good cycles in a row, %u so far",
			conf->recovery_threshold, health->successes);
	else if (health->state == VERDICT_DOWN || (tally.probed > 0 && !good))
		print_cycle(view, tally, f);
	else
		return false;

	if (health->state != VERDICT_DOWN)
		fprintf(f, "; down after %u in a row", conf->failure_threshold);
	else if (view->eligible)
		fputs("; kept as last resort", f);
	return true;
}

static bool find_no_targets(const struct trouble_view *view, FILE *f)
{
	if (view->probes && view->probes->n_targets > 0)
		return false;
	fprintf(f, "not probed: no ping%c or http%c in mwan.conf", digit(view), digit(view));
	return true;
}

static bool find_single_target(const struct trouble_view *view, FILE *f)
{
	if (!print_silent(view, true, f) && !print_worse(view, f))
		return false;
	fputs("; the other targets are enough", f);
	return true;
}

int trouble_find(const struct trouble_view *view, enum trouble kind, char **ret)
{
	static trouble_finder *const finders[N_TROUBLES] = {
		[TROUBLE_LINK] = find_link,
		[TROUBLE_GATEWAY] = find_gateway,
		[TROUBLE_REFUSED] = find_refused,
		[TROUBLE_TRANSLATION] = find_translation,
		[TROUBLE_NO_TARGETS] = find_no_targets,
		[TROUBLE_FAILURE] = find_failure,
		[TROUBLE_FALLBACK] = find_fallback,
		[TROUBLE_SINGLE_TARGET] = find_single_target,
	};
	_cleanup_(freep) char *text = NULL;
	bool found;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	*ret = NULL;
	if (!f)
		return -ENOMEM;
	found = finders[kind](view, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	if (found)
		*ret = TAKE(text);
	return 0;
}

int trouble_describe(const struct trouble_view *view, char **ret)
{
	int r = 0;

	*ret = NULL;
	for (enum trouble kind = 0; kind < N_TROUBLES && r == 0 && !*ret; kind++)
		r = trouble_find(view, kind, ret);
	return r;
}
