// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mwan.conf as a struct: everything a site says about itself, checked.
 *
 * config_load() (config/load.h) is the only way in. What it returns is complete (defaults are
 * filled in, [health] is copied into each WAN and overridden there) and consistent (marks, tables,
 * interfaces unique; map4 whole): nothing after it checks again. WANs stand in the order of the
 * file; a WAN's index is its identity everywhere else.
 */
#pragma once

#include "base/family.h"
#include "base/fault.h"
#include "base/prefix.h"
#include "base/ranges.h"
#include "base/string_list.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

enum gateway_mode {
	GATEWAY_AUTO,  /* what the kernel's default route through the interface says */
	GATEWAY_FIXED, /* the address given */
	GATEWAY_NONE,  /* the WAN does not carry this family */
};

enum balance_mode {
	BALANCE_FLOW,
	BALANCE_SOURCE,
	BALANCE_SOURCE_DESTINATION,
};

/* Statuses of HTTP, "200-299". */
struct status_range {
	unsigned first, last;
};

/* What probes ask for an answer, as `ping6 = 2606:4700:4700::1111` says it. */
struct target_conf {
	const char *key;	    /* "ping6" */
	char *name;		    /* owned; "2606:4700:4700::1111", checked and as it is shown */
	struct status_range status; /* of a URL: the answers that will do */
};

/* Networks, and addresses as networks of their full length. */
struct prefix_list {
	struct prefix *v; /* owned */
	size_t n;
};

struct target_list {
	struct target_conf *v; /* owned */
	size_t n;
};

struct health_conf {
	uint64_t interval_us, timeout_us;
	unsigned failure_threshold, recovery_threshold, min_targets;
	struct target_list targets[N_FAMILIES];
	int max_loss;	     /* percent, -1: not judged */
	uint64_t max_rtt_us; /* 0: not judged */
};

struct wan_conf {
	char name[32];
	char interface[IFNAMSIZ]; /* what the kernel calls the link now: facts_name_links() */
	char written[IFNAMSIZ];	  /* in the file: that, or an alternative name of the link */
	uint32_t mark, table, weight, tier;
	enum gateway_mode gateway_mode[N_FAMILIES];
	struct addr gateway[N_FAMILIES]; /* with GATEWAY_FIXED */
	bool masquerade4;		 /* nat4 = masquerade, not map */
	bool onlink4;			 /* public4 = onlink, not routed */
	bool masquerade6;		 /* nat6 = masquerade, not npt */
	bool fallback6;			 /* nat6_fallback = masquerade */
	bool fixed6;			 /* prefix6 is an address block, not auto */
	struct prefix prefix6;		 /* with fixed6: a network, no longer than lan.prefix6 */
	bool hairpin6;
	uint32_t prefix6_block;	   /* of a prefix larger than lan.prefix6, from 0 on */
	bool flush_down;	   /* down_flows = flush, not drain */
	bool flush_failback;	   /* failback_flows = flush, not keep */
	uint64_t recovery_hold_us; /* 0: no hold */
	bool metered;		   /* probed less often while a better tier carries */
	struct prefix_list modem;  /* addresses that only this link reaches; no two of a site */
	struct health_conf health;
};

struct map4_public {
	struct addr addr; /* AF_UNSPEC: none, or a lease */
	bool lease;	  /* the WAN's own address, whatever it is: map4_public() */
};

struct map4 {
	unsigned line;	      /* of the file, for messages */
	struct prefix inside; /* a host, or a network whose hosts share the public addresses */
	struct map4_public *publics; /* owned; one for each WAN by its index */
};

/* Where new flows go that a rule matches. Rules that say the same of it share one. */
struct policy {
	char name[96]; /* its WANs and what else it says: "att.webpass/source"; "": [balance] */
	bool *wans;    /* owned; by the WAN's index */
	enum balance_mode mode;
	bool unreachable; /* otherwise = unreachable, not balance */
};

/* What a rule looks at in the first packet of a flow. */
enum rule_field {
	RULE_SOURCE,
	RULE_DESTINATION,
	RULE_PROTOCOL,
	RULE_SPORT,
	RULE_DPORT,
	RULE_DSCP,
	N_RULE_FIELDS,
};

struct rule_conf {
	char name[32];
	bool has[N_FAMILIES]; /* it can match flows of the family */
	/* Of a family that it has: the values that match; empty: all do. Owned. */
	struct ranges fields[N_FAMILIES][N_RULE_FIELDS];
	size_t policy; /* index */

	/* While it is loaded. */
	struct string_list files[2]; /* owned; of source and destination */
	bool own_mode;		     /* it doesn't take that of [balance] */
	enum balance_mode mode;
	bool unreachable;
};

/* Networks that are reached over an interface that is no WAN. */
struct direct_conf {
	char name[32];
	char interface[IFNAMSIZ];    /* what the kernel calls the link now: facts_name_links() */
	char written[IFNAMSIZ];	     /* in the file: that, or an alternative name of the link */
	struct prefix_list networks; /* no two of a site overlap */
};

struct config {
	char *path;    /* owned; as given, for messages */
	char *version; /* owned; of which files it is, for config/version.h */
	bool debug_logging;

	struct {
		char interface[IFNAMSIZ]; /* as in struct wan_conf */
		char written[IFNAMSIZ];
		struct prefix prefix4;	       /* a network */
		struct addr router4;	       /* AF_UNSPEC: none, the hosts are on the link */
		struct prefix_list inside4;    /* networks behind router4, apart from prefix4 */
		struct prefix prefix6;	       /* a network; len 0: no IPv6 */
		struct addr router6;	       /* AF_UNSPEC: none */
		struct addr router6_linklocal; /* AF_UNSPEC: auto */
		bool hairpin; /* inside hosts reach each other by addresses of the WANs */
	} lan;

	enum balance_mode balance;
	bool all_down_unreachable; /* all_down = unreachable, not keep */

	struct health_conf health; /* [health] itself; each WAN has its own, complete */

	struct wan_conf *wans; /* owned */
	size_t n_wans;

	struct map4 *map4; /* owned; hosts, then prefixes, the longest first */
	size_t n_map4, n_map4_hosts;

	struct rule_conf *rules; /* owned; the first that matches a flow counts */
	size_t n_rules;
	struct policy
		*policies; /* owned; first that of flows without a rule: [balance], all WANs */
	size_t n_policies;

	struct direct_conf *directs; /* owned */
	size_t n_directs;

	char *notify_command; /* owned; NULL: none */
};

/* The IPv4 networks of the inside: prefix4, then those of inside4. */
size_t config_n_inside4(const struct config *config);
struct prefix config_inside4(const struct config *config, size_t i);
/* The network of the inside that has the address: one of those, prefix6, or router6. len 0: none.
 */
struct prefix config_inside_of(const struct config *config, struct addr addr);
/* True when the prefix and the inside share an address. */
bool config_overlaps_inside(const struct config *config, struct prefix prefix);
/* True when a router inside is the way to prefix6, by its link-local address. */
bool config_has_router6(const struct config *config);

/* A line of [map4] leads in and out for a host, and only out for a prefix. */
bool map4_is_host(const struct map4 *map4);
/* True when a line of [map4] names the WAN's lease. */
bool config_maps_lease(const struct config *config, size_t wan);

/* True when the WAN is to carry the family. */
bool config_has_family(const struct config *config, size_t wan, enum family family);

/* The longest delegation of the WAN that has its block, prefix6_block, of lan.prefix6's length. */
unsigned config_longest6(const struct config *config, size_t wan);

/* True when the WAN carries IPv4 and translates it by [map4], or by masquerading. */
bool wan_maps4(const struct wan_conf *wan);
bool wan_masquerades4(const struct wan_conf *wan);
/* True when flows of the family may be masqueraded on the WAN, if only those to its modem. */
bool wan_may_masquerade(const struct wan_conf *wan, enum family family);
/* True when it has a modem with an address of the family. */
bool wan_has_modem(const struct wan_conf *wan, enum family family);
/* True when at least one WAN is so. */
bool config_any_wan(const struct config *config, bool (*is)(const struct wan_conf *));

/* The WAN of that name, by its index; n_wans: there is none. */
size_t config_find_wan(const struct config *config, const char *name);
/* The [direct] section with a network that has the address, or NULL. */
const struct direct_conf *config_direct_of(const struct config *config, struct addr addr);
/* The WAN whose modem has the address, by its index; n_wans: none. */
size_t config_modem_of(const struct config *config, struct addr addr);

/* The WAN whose link has that name, now or in the file, or NULL. */
const struct wan_conf *config_wan_by_interface(const struct config *config, const char *interface);
