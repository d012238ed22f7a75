// SPDX-License-Identifier: GPL-2.0-or-later
// What is wrong with a WAN in one family, and what to do about it.
// A finder for each kind of trouble, in the order of what explains what: the first that finds wins.

#include "health/trouble.h"

#include "base/fileio.h"
#include "model/condition.h"
#include "model/conflict.h"

#include <errno.h>
#include <string.h>

const char *trouble_advise_ppp(const char *interface)
{
	return strncmp(interface, "ppp", 3) == 0
		       ? "pppd has no connection: `journalctl -t pppd` says why"
		       : NULL;
}

static bool find_link(const struct trouble_view *view, struct trouble_words *words)
{
	const struct link_fact *link = &trouble_facts(view)->link;
	const char *interface = trouble_conf(view)->interface;
	const char *advice = trouble_advise_ppp(interface);

	if (!link->link.index) {
		fprintf(words->what, "there is no interface %s", interface);
		fputs(advice
			      ?: "correct `interface` in mwan.conf, or name the card in a "
				 ".link file; `health-check --doctor` lists the cards that "
				 "are there",
		      words->fix);
	} else if (!link->up) {
		fprintf(words->what, "%s is switched off", interface);
		if (advice)
			fputs(advice, words->fix);
		else
			fprintf(words->fix, "`ip link set %s up`", interface);
	} else if (!link->carrier) {
		fprintf(words->what, "%s has no carrier", interface);
		fputs("check the cable, and 802.1X where it is used", words->fix);
	}
	return !link->link.index || !link->up || !link->carrier;
}

/* A port that has not been authenticated again may carry on: then there is no trouble yet. */
static bool find_dot1x(const struct trouble_view *view, struct trouble_words *words)
{
	const struct fault *why = view->unauthenticated;

	if (!why || !why->text[0] ||
	    (trouble_facts(view)->gateway[view->family].present &&
	     view->health->state != VERDICT_DOWN && view->health->failures == 0))
		return false;
	fprintf(words->what, "%.*s", fault_what_length(why), why->text);
	fputs(fault_what_to_do(why), words->fix);
	return true;
}

/* The first of the WAN's and family's from one kind to another; and how many more. */
static bool find_conflict(const struct trouble_view *view, enum conflict_kind first,
			  enum conflict_kind last, struct trouble_words *words)
{
	_cleanup_(conflicts_done) struct conflicts conflicts = {};
	size_t n = 0;

	if (conflicts_find(view->site, &conflicts) < 0)
		return false;
	for (size_t i = 0; i < conflicts.n; i++) {
		const struct conflict *conflict = &conflicts.v[i];

		if (conflict->wan == view->wan && conflict->family == view->family &&
		    conflict->kind >= first && conflict->kind <= last && n++ == 0)
			conflict_write(view->site->config, conflict, words->what, words->fix);
	}
	if (n > 1)
		fprintf(words->what, "; and %zu more", n - 1);
	return n > 0;
}

static bool find_inside(const struct trouble_view *view, struct trouble_words *words)
{
	return find_conflict(view, CONFLICT_INSIDE, CONFLICT_INSIDE, words);
}

static bool find_map4(const struct trouble_view *view, struct trouble_words *words)
{
	return find_conflict(view, CONFLICT_MAP4_GATEWAY, CONFLICT_MAP4_LEASE, words);
}

static void find_no_gateway4(const struct trouble_view *view, struct trouble_words *words)
{
	const struct link_fact *link = &trouble_facts(view)->link;
	const char *interface = trouble_conf(view)->interface;
	size_t i = 0;

	while (i < link->n_addresses && link->addresses[i].addr.family != AF_INET)
		i++;
	if (i < link->n_addresses) {
		fprintf(words->what, "no IPv4 gateway: %s has %s, but no default route", interface,
			addr_str(link->addresses[i].addr).s);
		if (trouble_advise_ppp(interface))
			fputs("give pppd the options `defaultroute` and `defaultroute-metric N`, "
			      "where N is no other default route's metric",
			      words->fix);
		else
			fprintf(words->fix,
				"`networkctl renew %s` asks the ISP again; if none comes, set "
				"gateway4 in mwan.conf",
				interface);
	} else {
		fprintf(words->what, "no IPv4 gateway, and no IPv4 address on %s", interface);
		if (trouble_advise_ppp(interface))
			fputs("the ISP has given pppd no address: `journalctl -t pppd` says why",
			      words->fix);
		else
			fprintf(words->fix,
				"`networkctl reconfigure %s` asks the ISP again (IPv6 pauses); if "
				"it stays silent, restart its device",
				interface);
	}
}

static bool find_gateway(const struct trouble_view *view, struct trouble_words *words)
{
	const struct wan_conf *conf = trouble_conf(view);
	const char *interface = conf->interface;

	if (trouble_facts(view)->gateway[view->family].present)
		return false;
	if (conf->gateway_mode[view->family] == GATEWAY_FIXED) {
		fprintf(words->what, "gateway%c = %s in mwan.conf is no other machine's address",
			family_digit(view->family), addr_str(conf->gateway[view->family]).s);
		fputs("correct it", words->fix);
	} else if (view->family == IPV4) {
		find_no_gateway4(view, words);
	} else if (!trouble_facts(view)->link.inet6) {
		fprintf(words->what, "no IPv6 on %s, not even a link-local address", interface);
		if (trouble_advise_ppp(interface))
			fputs("pppd asks for it with the option `+ipv6`, and `journalctl -t pppd` "
			      "says what came of it; if this ISP has no IPv6, set gateway6 = none",
			      words->fix);
		else
			fprintf(words->fix, "`sysctl -w net/ipv6/conf/%s/disable_ipv6=0`",
				interface);
	} else {
		fputs("no IPv6 gateway (no router advertisement with a default route)",
		      words->what);
		fprintf(words->fix,
			"`networkctl reconfigure %s` asks for a router (IPv4 pauses); if this ISP "
			"has no IPv6, set gateway6 = none",
			interface);
	}
	return true;
}

static bool masquerades(const struct trouble_view *view)
{
	return view->family == IPV4
		       ? trouble_conf(view)->masquerade4
		       : npt_masquerades(view->site->config, &view->site->npt, view->wan);
}

/* True when what the ISP delegates can't be used, for the reason in `why`. */
static bool is_refused(const struct trouble_view *view, struct fault *why)
{
	const struct npt_state *npt = &view->site->npt;
	const struct config *config = view->site->config;

	return view->family == IPV6 && npt->refused && npt->refused[view->wan].len > 0 &&
	       (npt_check_onlink(config, &view->site->facts, view->wan, npt->refused[view->wan],
				 why) < 0 ||
		npt_check(config, view->wan, npt->refused[view->wan], why) < 0 ||
		npt_check_others(config, npt, view->wan, npt->refused[view->wan], why) < 0);
}

/* What to do about a prefix that is refused: in mwan.conf, if that helps, or at the ISP. */
static void advise_refused(const struct trouble_view *view, FILE *f)
{
	const struct config *config = view->site->config;
	struct prefix refused = view->site->npt.refused[view->wan];
	struct npt_advice advice = npt_advise(config, view->wan, refused);
	const char *interface = trouble_conf(view)->interface;

	if (refused.len <= config_longest6(config, view->wan)) {
		fprintf(f, "`networkctl reconfigure %s` asks anew (IPv4 pauses), or ask the ISP",
			interface);
		return;
	}
	fprintf(f,
		"%s%sask for a larger one: `PrefixDelegationHint=::/%u` under [DHCPv6] in the "
		".network file, then `networkctl reconfigure %s` (IPv4 pauses)",
		advice.s, *advice.s ? "; or " : "", config_longest6(config, view->wan), interface);
}

static bool find_prefix(const struct trouble_view *view, struct trouble_words *words)
{
	struct fault why = {};

	if (masquerades(view) || !is_refused(view, &why))
		return false;
	if (find_conflict(view, CONFLICT_ONLINK6, CONFLICT_ONLINK6, words))
		return true;
	fprintf(words->what, "%s; it can't be used", why.text);
	advise_refused(view, words->fix);
	return true;
}

static bool find_translation(const struct trouble_view *view, struct trouble_words *words)
{
	const struct wan_conf *conf = trouble_conf(view);
	enum obstacle obstacle = obstacle_of_translation(view->site, view->wan, view->family);

	if (obstacle == OBSTACLE_NONE)
		return false;
	fprintf(words->fix, "`networkctl reconfigure %s` asks anew (IPv%c pauses)", conf->interface,
		view->family == IPV4 ? '6' : '4');
	if (obstacle == OBSTACLE_NO_ADDRESS) {
		fprintf(words->what, "no %s address to masquerade behind",
			family_name(view->family));
		return true;
	}
	fputs("no delegated prefix", words->what);
	/* With a lease that came without one, networkd never asks again. */
	fprintf(words->fix, "; `update-npt %s PREFIX` uses one that you know for now",
		conf->interface);
	return true;
}

static bool find_router(const struct trouble_view *view, struct trouble_words *words)
{
	const struct router *router =
		facts_passed_over(&view->site->facts, view->wan, view->family, 0);

	if (!router)
		return false;
	fprintf(words->what, "the preferred router, %s, %s; %s is used meanwhile",
		addr_str(router->gateway.via).s,
		router->silent ? "does not answer" : "is avoided, for nothing came back over it",
		addr_str(trouble_facts(view)->gateway[view->family].via).s);
	fputs("restart it, or ask the ISP; if it is gone for good, end its route", words->fix);
	return true;
}

static bool find_fallback(const struct trouble_view *view, struct trouble_words *words)
{
	struct fault why = {};

	if (view->family == IPV4 || trouble_conf(view)->masquerade6 || !masquerades(view))
		return false;
	if (is_refused(view, &why))
		advise_refused(view, words->fix);
	else
		fprintf(words->fix, "`networkctl reconfigure %s` asks anew (IPv4 pauses)",
			trouble_conf(view)->interface);
	fprintf(words->what, "degraded: NAT66, %s; nothing inside can be reached over it",
		why.text[0] ? why.text : "no delegated prefix");
	return true;
}

/* The first of the kinds from `first` to `last`. */
static int find(const struct trouble_view *view, enum trouble_kind first, enum trouble_kind last,
		struct trouble *ret)
{
	static trouble_finder *const finders[N_TROUBLES] = {
		[TROUBLE_LINK] = find_link,
		[TROUBLE_DOT1X] = find_dot1x,
		[TROUBLE_INSIDE] = find_inside,
		[TROUBLE_GATEWAY] = find_gateway,
		[TROUBLE_PREFIX] = find_prefix,
		[TROUBLE_TRANSLATION] = find_translation,
		[TROUBLE_NO_TARGETS] = find_no_targets,
		[TROUBLE_UNSENT] = find_unsent,
		[TROUBLE_PROBES] = find_failed_probes,
		[TROUBLE_MAP4] = find_map4,
		[TROUBLE_ROUTER] = find_router,
		[TROUBLE_FALLBACK] = find_fallback,
		[TROUBLE_SINGLE_TARGET] = find_single_target,
	};
	_cleanup_(trouble_done) struct trouble trouble = {};
	struct memory what = {}, fix = {};
	int r = memory_open(&what) < 0 || memory_open(&fix) < 0 ? -ENOMEM : 0;
	struct trouble_words words = { what.f, fix.f };

	*ret = (struct trouble){};
	for (enum trouble_kind kind = first; r == 0 && kind <= last && !trouble.kind; kind++)
		if (finders[kind](view, &words))
			trouble.kind = kind;
	if (memory_close(&what, &trouble.what) < 0)
		r = -ENOMEM;
	if (memory_close(&fix, &trouble.fix) < 0)
		r = -ENOMEM;
	if (r < 0 || !trouble.kind)
		return r;
	if (!trouble.fix[0]) {
		free(trouble.fix);
		trouble.fix = NULL;
	}
	*ret = TAKE(trouble);
	return 0;
}

int trouble_find(const struct trouble_view *view, enum trouble_kind kind, struct trouble *ret)
{
	return find(view, kind, kind, ret);
}

int trouble_describe(const struct trouble_view *view, struct trouble *ret)
{
	return find(view, TROUBLE_LINK, N_TROUBLES - 1, ret);
}
