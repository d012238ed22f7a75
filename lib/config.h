/*
 * mwan.conf as a struct: everything a site says about itself, checked.
 *
 * config_load() is the only way in. What it returns is complete (defaults are
 * filled in, [health] is copied into each WAN and overridden there) and
 * consistent (marks, tables, interfaces unique; map4 whole): nothing after it
 * checks again. WANs stand in the order of the file; a WAN's index is its
 * identity everywhere else.
 */
#pragma once

#include "fault.h"
#include "prefix.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/mwan/mwan.conf"

/* Index of the arrays that hold one thing for each family. */
enum family {
	IPV4,
	IPV6,
	N_FAMILIES,
};

static inline int family_af(enum family family)
{
	return family == IPV4 ? AF_INET : AF_INET6;
}

/* In files, logs and environments. */
static inline const char *family_word(enum family family)
{
	return family == IPV4 ? "ipv4" : "ipv6";
}

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

struct string_list {
	char **v; /* owned, each and the array */
	size_t n;
};

struct addr_list {
	struct addr *v; /* owned */
	size_t n;
};

struct health_conf {
	uint64_t interval_us, timeout_us;
	unsigned failure_threshold, recovery_threshold, min_targets;
	struct addr_list ping[N_FAMILIES];
	struct string_list http[N_FAMILIES];
	int max_loss;	     /* percent, -1: not judged */
	uint64_t max_rtt_us; /* 0: not judged */
};

struct wan_conf {
	char name[32];
	char interface[IFNAMSIZ];
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
	bool flush_down; /* down_flows = flush, not drain */
	struct health_conf health;
};

struct map4 {
	struct addr inside;
	struct addr *public; /* owned; one for each WAN by its index, AF_UNSPEC where none */
};

struct config {
	char *path; /* owned; as given, for messages */
	bool debug_logging;

	struct {
		char interface[IFNAMSIZ];
		struct prefix prefix4; /* a network */
		struct addr router4;
		struct prefix prefix6;	       /* a network; len 0: no IPv6 */
		struct addr router6;	       /* AF_UNSPEC: none */
		struct addr router6_linklocal; /* AF_UNSPEC: auto */
	} lan;

	enum balance_mode balance;
	bool all_down_unreachable; /* all_down = unreachable, not keep */

	struct wan_conf *wans; /* owned */
	size_t n_wans;

	struct map4 *map4; /* owned */
	size_t n_map4;

	char *notify_command; /* owned; NULL: none */
};

/*
 * Reads and checks the file. 0, or a negative errno with *fault saying
 * "FILE:LINE: …" (the first mistake in the order of the file; a mistake of the
 * whole names the line of the key or section it shows at). *ret is untouched
 * on failure, and the caller's on success: config_done().
 */
int config_load(const char *path, struct config *ret, struct fault *fault);
void config_done(struct config *config);

/* True when the WAN is to carry the family. */
bool config_has_family(const struct config *config, size_t wan, enum family family);

/* The WAN of that interface, or NULL. */
const struct wan_conf *config_wan_by_interface(const struct config *config, const char *interface);
