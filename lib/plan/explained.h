// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What explaining a flow is made of: its words, and which address is whose. Pure.
 */
#pragma once

#include "plan/explanation.h"

/* An explanation that is being made. */
struct explaining {
	const struct site *site;
	const struct flow_query *query;
	enum family family;
	struct explanation *ret;
	int r; /* the first error */
};

/* Adds a sentence. */
void explain_say(struct explaining *it, const char *format, ...) _printf_(2, 3);
/* There is no way, and why. Once: what else is said follows. */
void explain_refuse(struct explaining *it, const char *format, ...) _printf_(2, 3);
void explain_add_way(struct explaining *it, size_t wan, unsigned slots, struct addr source);
/* Says by which link a flow from inside leaves, and what it is translated to. */
void explain_say_exit(struct explaining *it, const struct explain_way *way);

/* :: or 0.0.0.0. */
bool addr_is_unspecified(struct addr addr);
/* True for an address of the LAN side. */
bool site_is_inside(const struct site *site, struct addr addr);
/* True for an address that the router itself has. */
bool site_is_routers(const struct site *site, struct addr addr);
/* True for one that it has on that WAN. */
bool site_is_wans(const struct site *site, size_t wan, struct addr addr);

/* Who inside is meant by an address when it comes in on that WAN; AF_UNSPEC: nobody. */
struct addr site_inside(const struct site *site, size_t wan, struct addr outside);

/* Refuses what can't come to ret->inside now; then false. */
bool explain_leads_inside(struct explaining *it);

/* The rule of mwan.conf that the flow meets, and says so; NULL: none. */
const struct rule_conf *explain_rule(struct explaining *it);

/*
 * The group of a flow from inside that meets ret->rule; NULL: it is in none, for no WAN translates
 * its source.
 */
const struct selection *explain_group(const struct explaining *it);

/* The part of explain() for networks of [direct] sections; false: the flow is about none. */
bool explain_direct(struct explaining *it);

/* The part of explain() for flows with a source from inside. */
void explain_from_inside(struct explaining *it);
