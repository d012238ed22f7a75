// SPDX-License-Identifier: GPL-2.0-or-later
// What a run warns of: what is missing, where the run goes on without it.
// A daemon's rounds leave out what the run before has said (base/log.h).

#include "reconcile/warnings.h"

#include "base/log.h"
#include "base/paths.h"
#include "model/condition.h"
#include "model/conflict.h"

/* How to log that something is missing. */
struct lack {
	int level;
	enum event event;
};

static struct lack lack_of(enum event lost, bool awaited)
{
	return awaited ? (struct lack){ LOG_INFO, EVENT_AWAITED }
		       : (struct lack){ LOG_WARNING, lost };
}

/* Of links, in the words of both families; false: the link works. */
static bool warn_of_link(const struct wan_conf *conf, const struct link_fact *link,
			 enum obstacle obstacle, bool awaited)
{
	struct lack lack = lack_of(EVENT_LINK_LOST, awaited);

	if (link->taken_by[0])
		log_event(LOG_WARNING, EVENT_LINK_LOST, FIELDS(log_text("wan", conf->name)),
			  "%s: %s is another name of the link that %s has: a link can be in one "
			  "section only, so correct interface in [wan %s]",
			  conf->name, conf->interface, link->taken_by, conf->name);
	else if (obstacle == OBSTACLE_NO_INTERFACE)
		log_event(lack.level, lack.event, FIELDS(log_text("wan", conf->name)),
			  "%s: there is no interface %s", conf->name, conf->interface);
	else if (obstacle == OBSTACLE_SWITCHED_OFF || obstacle == OBSTACLE_NO_CARRIER)
		log_event(lack.level, lack.event, FIELDS(log_text("wan", conf->name)), "%s: %s %s",
			  conf->name, conf->interface,
			  obstacle == OBSTACLE_NO_CARRIER ? "has no carrier" : "is switched off");
	else
		return false;
	return true;
}

static void warn_of_family(const struct site *site, size_t wan, enum family family, bool awaited)
{
	const struct wan_conf *conf = &site->config->wans[wan];
	const struct wan_facts *fact = &site->facts.wans[wan];
	struct lack gateway = lack_of(EVENT_GATEWAY_LOST, awaited);
	struct lack address = lack_of(EVENT_ADDRESS_LOST, awaited);
	struct lack prefix = lack_of(EVENT_PREFIX_MISSING, awaited);

	/* The reason why a fixed gateway is no good has been logged already. */
	if (conf->gateway_mode[family] == GATEWAY_AUTO && !fact->gateway[family].present &&
	    !fact->inside[family].family)
		log_event(gateway.level, gateway.event, FIELDS(LOG_WAN(conf->name, family)),
			  "%s: no %s gateway: no default route over %s", conf->name,
			  family_name(family), conf->interface);
	if (obstacle_find(site, wan, family) == OBSTACLE_NO_ADDRESS)
		log_event(address.level, address.event, FIELDS(LOG_WAN(conf->name, family)),
			  "%s: no %s address to masquerade behind", conf->name,
			  family_name(family));
	if (family == IPV6 && site->npt.refused[wan].len == 0 &&
	    obstacle_of_translation(site, wan, IPV6) == OBSTACLE_NO_PREFIX)
		log_event(prefix.level, prefix.event, FIELDS(LOG_WAN(conf->name, IPV6)),
			  "%s: no delegated IPv6 prefix", conf->name);
}

static void warn_of_wan(const struct site *site, size_t wan, const struct awaited *awaited)
{
	const bool *its = awaited->wans ? awaited->wans[wan] : NULL;

	if (warn_of_link(&site->config->wans[wan], &site->facts.wans[wan].link,
			 obstacle_find(site, wan, IPV4), its && (its[IPV4] || its[IPV6])))
		return;
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (config_has_family(site->config, wan, family))
			warn_of_family(site, wan, family, its && its[family]);
}

static void warn_of_conflict(const struct config *config, const struct conflict *conflict)
{
	_cleanup_(freep) char *what = NULL, *fix = NULL;

	if (conflict_describe(config, conflict, &what, &fix) == 0)
		log_event(LOG_WARNING, EVENT_CONFLICT,
			  FIELDS(LOG_WAN(config->wans[conflict->wan].name, conflict->family),
				 log_text("conflict", conflict_kind_name(conflict->kind))),
			  "%s: %s: %s: %s", config->wans[conflict->wan].name,
			  family_name(conflict->family), what, fix);
}

void warn_of_router6(const struct site *site, bool awaited)
{
	struct lack lack = lack_of(EVENT_LAN_LOST, awaited);
	struct fault fault = {};

	if (facts_check_shared(&site->facts, &fault) < 0)
		log_event(LOG_WARNING, EVENT_LAN_LOST, NULL, "%s", fault.text);
	else if (config_has_router6(site->config) && !site->facts.router6_linklocal.family)
		log_event(lack.level, lack.event, NULL,
			  "nobody answers for router6_linklocal on %s",
			  site->config->lan.interface);
}

void warn_of_lan(const struct site *site, bool awaited, bool router6_unsure)
{
	struct lack lack = lack_of(EVENT_LAN_LOST, awaited);

	if (site->facts.lan.link.index == 0)
		log_event(lack.level, lack.event, NULL, "there is no interface %s",
			  site->config->lan.interface);
	else if (!router6_unsure)
		warn_of_router6(site, awaited);
}

void warn_of_site(const struct site *site, const struct awaited *awaited)
{
	_cleanup_(conflicts_done) struct conflicts conflicts = {};
	const struct config *config = site->config;

	if (management_is_missing(&site->facts.management))
		log_event(LOG_WARNING, EVENT_MANAGEMENT_LOST, NULL,
			  "no interface of MANAGEMENT in " BASE_RULESET_PATH
			  " is there (%s): SSH is accepted on every interface that is no WAN",
			  site->facts.management.names);
	for (size_t i = 0; i < config->n_wans; i++)
		warn_of_wan(site, i, awaited);
	if (conflicts_find(site, &conflicts) < 0)
		return;
	for (size_t i = 0; i < conflicts.n; i++)
		warn_of_conflict(config, &conflicts.v[i]);
}
