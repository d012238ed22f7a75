// SPDX-License-Identifier: GPL-2.0-or-later
// What a new flow would get, and why.
// Goes the way of its first packet: where it comes from, where to, its group, its draw, its WAN.

#include "plan/explain.h"

#include "model/condition.h"
#include "model/source.h"
#include "plan/desired_net.h"
#include "plan/explained.h"
#include "plan/forged.h"
#include "plan/select.h"

#include <linux/rtnetlink.h>
#include <string.h>

/* ---- from a WAN ---- */

/* The WAN that has the address, and who inside is meant; false: it is nobody's inside. */
static bool find_inside(struct explaining *it, size_t *wan, struct addr *inside)
{
	for (*wan = 0; *wan < it->site->config->n_wans; (*wan)++) {
		*inside = site_inside(it->site, *wan, it->query->flow.destination);
		if (inside->family)
			return true;
	}
	return false;
}

static bool has_carrier(struct explaining *it, size_t wan)
{
	enum obstacle obstacle = obstacle_find(it->site, wan, it->family);

	if (obstacle != OBSTACLE_NO_INTERFACE && obstacle != OBSTACLE_SWITCHED_OFF &&
	    obstacle != OBSTACLE_NO_CARRIER)
		return true;
	explain_refuse(it, "%s is an address of %s, which is away: %s",
		       addr_str(it->query->flow.destination).s, it->site->config->wans[wan].name,
		       obstacle_name(obstacle));
	return false;
}

/* Which other addresses lead to the same host. */
static void say_other_publics(struct explaining *it, size_t wan)
{
	for (size_t i = 0; i < it->site->config->n_wans; i++) {
		struct addr other = source_outside(it->site, i, it->ret->inside);

		if (i != wan && other.family && site_inside(it->site, i, other).family)
			explain_say(it, "over %s, the same host is %s",
				    it->site->config->wans[i].name, addr_str(other).s);
	}
}

/* The WAN that has the address itself. */
static bool find_own(const struct site *site, struct addr addr, size_t *wan)
{
	for (*wan = 0; *wan < site->config->n_wans; (*wan)++)
		if (site_is_wans(site, *wan, addr))
			return true;
	return false;
}

static void explain_inbound(struct explaining *it, size_t wan)
{
	const struct config *config = it->site->config;
	struct addr source = it->query->flow.source;

	if (forged_is(it->site, wan, source)) {
		explain_refuse(it, "from %s, a source of %s is forged: it is dropped",
			       config->wans[wan].name, addr_str(source).s);
		return;
	}
	if (!has_carrier(it, wan) || (it->ret->inside.family && !explain_leads_inside(it)))
		return;
	it->ret->kind = it->ret->inside.family ? EXPLAIN_IN : EXPLAIN_TO_ROUTER;
	it->ret->mark = config->wans[wan].mark;
	it->ret->table = it->ret->inside.family ? config->wans[wan].table : 0;
	explain_add_way(it, wan, SLOTS, it->query->flow.destination);
	if (it->ret->kind == EXPLAIN_TO_ROUTER) {
		explain_say(it, "it is for the router itself: table inet filter decides");
		return;
	}
	explain_say(it, "%s is an address of %s: it comes in there, and its answers leave there",
		    addr_str(it->query->flow.destination).s, config->wans[wan].name);
	explain_say(it, "it is translated to %s", addr_str(it->ret->inside).s);
	say_other_publics(it, wan);
}

/* ---- the router's own ---- */

/* Where the router's own packets go without a WAN's default route. */
static bool is_on_link(const struct link_fact *link, struct addr destination)
{
	for (size_t i = 0; i < link->n_addresses; i++)
		if (prefix_contains(link->addresses[i], destination))
			return true;
	return false;
}

static void explain_own_by(struct explaining *it, size_t wan, uint32_t table)
{
	const struct config *config = it->site->config;
	struct addr source = it->query->flow.source;

	if (!addr_is_unspecified(source) && !site_is_wans(it->site, wan, source)) {
		explain_refuse(it, "it would leave by %s, which has not got %s: it is dropped",
			       config->wans[wan].name, addr_str(source).s);
		return;
	}
	it->ret->kind = EXPLAIN_OWN;
	it->ret->table = table;
	explain_add_way(it, wan, SLOTS,
			addr_is_unspecified(source) ? source_of(it->site, wan, it->family)
						    : source);
}

static void explain_own(struct explaining *it)
{
	const struct site *site = it->site;
	struct addr source = it->query->flow.source, destination = it->query->flow.destination;
	const struct wan_conf *best = site_selection(site, it->family)->best;
	size_t owner, modems = config_modem_of(site->config, destination);

	if (modems < site->config->n_wans) {
		explain_own_by(it, modems, RT_TABLE_MAIN);
		explain_say(it, "%s is the modem of %s: only this WAN reaches it",
			    addr_str(destination).s, site->config->wans[modems].name);
	} else if (site_is_inside(site, destination)) {
		it->ret->kind = EXPLAIN_NO_WAN;
		explain_say(it, "the router reaches the inside over %s",
			    site->config->lan.interface);
	} else if (desired_source_owner(site, source, &owner)) {
		explain_own_by(it, owner, site->config->wans[owner].table);
		explain_say(it, "%s is the router's own, on %s: an `ip rule` leads it there",
			    addr_str(source).s, site->config->wans[owner].name);
	} else {
		for (size_t i = 0; i < site->config->n_wans; i++) {
			if (!is_on_link(&site->facts.wans[i].link, destination))
				continue;
			explain_own_by(it, i, RT_TABLE_MAIN);
			explain_say(it, "%s is on the link of %s", addr_str(destination).s,
				    site->config->wans[i].name);
			return;
		}
		if (!best) {
			explain_refuse(it, "no WAN takes the router's own packets");
			return;
		}
		explain_own_by(it, best - site->config->wans, RT_TABLE_MAIN);
		explain_say(it, "the router's own packets leave by the best WAN: main's default");
	}
}

/* ---- all ---- */

static bool is_forwarded(struct addr addr)
{
	return addr_is_host(addr) && (addr.family == AF_INET || !addr_is_linklocal(addr));
}

static void explain_flow(struct explaining *it)
{
	const struct site *site = it->site;
	struct addr source = it->query->flow.source, destination = it->query->flow.destination;
	size_t wan;

	if (!is_forwarded(destination)) {
		explain_refuse(it, "%s is no address that a router forwards to",
			       addr_str(destination).s);
	} else if (explain_direct(it)) {
		return;
	} else if (addr_is_unspecified(source) || site_is_routers(site, source)) {
		explain_own(it);
	} else if (!is_forwarded(source)) {
		explain_refuse(it, "%s is no address that a router forwards from",
			       addr_str(source).s);
	} else if (site_is_inside(site, source)) {
		explain_from_inside(it);
	} else if (find_inside(it, &wan, &it->ret->inside) || find_own(site, destination, &wan)) {
		explain_inbound(it, wan);
	} else {
		explain_refuse(it, "%s is not inside, and %s is no address of a WAN: it is dropped",
			       addr_str(source).s, addr_str(destination).s);
	}
}

int explain(const struct site *site, const struct flow_query *query, struct explanation *ret)
{
	struct explaining it = { site, query, query->flow.family, ret, 0 };

	*ret = (struct explanation){};
	explain_flow(&it);
	if (it.r < 0)
		explanation_done(ret);
	return it.r;
}

int explain_without(const struct site *site, const struct flow_query *query, size_t wan,
		    struct explanation *ret)
{
	_cleanup_(verdicts_done) struct verdicts verdicts = {};
	struct site other = *site;
	int r = verdicts_copy(&site->verdicts, site->config->n_wans, &verdicts);

	if (r < 0)
		return r;
	verdicts.v[wan][query->flow.family] = VERDICT_DOWN;
	other.verdicts = verdicts;
	other.selections = (struct selections){};
	r = selections_make(&other);
	if (r == 0)
		r = explain(&other, query, ret);
	selections_done(&other.selections);
	/* What is bound to the WAN by an address has no other way. */
	if (r == 0 && ret->kind != EXPLAIN_OUT && ret->n_ways > 0 && ret->ways[0].wan == wan)
		explanation_done(ret);
	return r;
}
