// SPDX-License-Identifier: GPL-2.0-or-later
// What explains what among the findings: a table of kinds, in the order in which to mend them.
// A cause explains findings about the same WAN and family, or about any if it is the machine's.

#include "doctor/causes.h"

#include "base/util.h"

#include <fnmatch.h>

#define PREFIX_GONE "prefix-missing", "prefix-fallback", "prefix-stale", "prefix-ending"

/*
 * Patterns are fnmatch(3)'s. An effect that is a cause itself has a later row. List only what the
 * fix of the cause mends for sure: an effect is not shown until somebody asks for it.
 */
static const struct cause {
	const char *kind, *effects[16];
} causes[] = {
	/* These explain nothing: the fixes of others may do harm before they are mended. */
	{ "config-invalid", { NULL } },
	{ "management-*", { NULL } },
	{ "clock-wrong", { "dot1x-certificate-early" } },
	{ "manager",
	  { "dhcp-second-client", "lease-*", PREFIX_GONE, "gateway-missing", "flows-left",
	    "routes-differ", "rules-differ", "route-*", "default-*" } },
	{ "unit-rival", { "dot1x-unauthorized", "dot1x-flag" } },
	{ "dhcp-second-client", { "lease-*", PREFIX_GONE, "gateway-missing", "flows-left" } },
	{ "folder-*",
	  { "kept-missing", "daemon-trouble", "daemon-report", "plan-failed", "unit-daemon" } },
	{ "kernel-without-ipv6", { "gateway-missing", "prefix-missing", "routes-differ" } },
	{ "file-missing", { "base-*", "no-protection", "unit-nftables" } },
	{ "unit-loader", { "base-missing", "kept-missing", "sysctl-not-applied" } },
	{ "no-protection",
	  { "base-*", "nft-differs", "npt-*", "kept-missing", "flows-*", "plan-failed",
	    "daemon-trouble", "unit-nftables" } },
	{ "base-unloadable", { "unit-nftables" } },
	{ "base-missing",
	  { "nft-differs", "npt-*", "kept-missing", "flows-*", "plan-failed", "daemon-trouble",
	    "unit-nftables" } },
	{ "unit-nftables", { "sysctl-not-applied" } },
	{ "unit-networkd",
	  { "networkd-lost", "link-down", "lan-address-missing", "lease-*", PREFIX_GONE,
	    "gateway-missing" } },
	{ "networkd-lost", { "lease-*", PREFIX_GONE, "daemon-trouble" } },
	{ "plan-failed", { "daemon-trouble", "unit-daemon" } },
	{ "config-edited", { "rules-differ", "routes-differ", "nft-differs", "npt-*" } },
	{ "unit-daemon",
	  { "rules-differ", "routes-differ", "nft-differs", "npt-*", "kept-missing" } },
	/* Pings are not tracked. */
	{ "flows-full", { "probe-unsent", "daemon-trouble" } },
	{ "link-*",
	  { "lease-*", PREFIX_GONE, "gateway-*", "flows-left", "probe-*", "router?-silent",
	    "linklocal-*", "lan-address-missing", "map4-silent" } },
	{ "vlan-missing", { "lease-*", PREFIX_GONE, "gateway-*", "flows-left" } },
	/* Leases of the WANs behind the port are not looked at meanwhile. */
	{ "dot1x-file-missing", { "dot1x-unauthorized", "dot1x-flag", "unit-wpa" } },
	{ "unit-wpa", { "dot1x-unauthorized", "dot1x-flag" } },
	{ "dot1x-unauthorized", { "lease-*", PREFIX_GONE, "gateway-*", "flows-left" } },
	{ "network-dhcp", { "lease-missing", "gateway-missing" } },
	{ "network-ra", { "gateway-missing", "prefix-missing" } },
	{ "network-dhcp6", { "prefix-missing" } },
	{ "network-hint", { "prefix-refused" } },
	{ "sysctl-strict", { "probe-*" } },
	{ "sysctl-no-ipv6", { "gateway-missing" } },
	{ "lease-*", { "gateway-*", "flows-left", "probe-*" } },
	{ "address-*", { "gateway-*", "probe-*", "flows-left" } },
	{ "prefix-*", { "flows-left" } },
	{ "gateway-*", { "flows-left", "probe-*" } },
	{ "unit-foreign", { "rule-ahead", "route-*", "default-*" } },
	{ "unit-rules", { NULL } }, /* a table that it has loaded stays, when it is stopped */
	{ "table-*", { "flows-unmarked", "flows-misplaced" } },
	{ "rules-differ", { "probe-unsent" } },
	{ "routes-differ", { "probe-unsent" } },
	{ "nft-differs", { NULL } },
	{ "router4-silent", { "router6-silent", "linklocal-*", "map4-silent" } },
	{ "probe-failed", { "flows-left" } },
	{ "probe-all-silent", { "flows-left" } },
	{ "resolver-*", { "probe-unresolved" } }, /* dead, if no WAN carries what it is asked */
	{ "probe-*", { "flows-left" } },
	{ "path-mtu-black-hole", { NULL } },
};

size_t cause_rank(const char *kind)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(causes) && fnmatch(causes[i].kind, kind, 0) != 0)
		i++;
	return i;
}

static bool covers(const struct about *cause, const struct about *effect)
{
	if (effect->families & ~cause->families && cause->families)
		return false;
	return cause->subject == ABOUT_MACHINE ||
	       (cause->subject == effect->subject && (!cause->families || effect->families));
}

/* An earlier row explains later ones: nothing explains itself in a circle. */
static bool explains(const struct finding *cause, const struct finding *effect)
{
	size_t rank = cause_rank(cause->kind);

	if (cause->severity != FINDING_WRONG || rank >= cause_rank(effect->kind) ||
	    !covers(&cause->about, &effect->about))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(causes[rank].effects) && causes[rank].effects[i]; i++)
		if (fnmatch(causes[rank].effects[i], effect->kind, 0) == 0)
			return true;
	return false;
}

const struct finding *cause_of(const struct diagnosis *diagnosis, size_t i)
{
	const struct finding *cause = NULL, *effect = &diagnosis->v[i];

	for (size_t k = 0; k < diagnosis->n && effect->severity != FINDING_GOOD; k++) {
		if (!explains(&diagnosis->v[k], effect))
			continue;
		effect = cause = &diagnosis->v[k];
		k = -1; /* which may have a cause itself */
	}
	return cause;
}
