// SPDX-License-Identifier: GPL-2.0-or-later
// What is wrong with the LAN link, and what to do about it.
// The link comes first, then OPNsense's addresses on it; the first that is wrong explains the rest.

#include "health/trouble.h"

#include <errno.h>

#define NOTHING "so nothing inside can be reached"
#define SEE "start OPNsense, or connect it; `health-check --doctor` says what it needs"

static int find_lan_link(const struct site *site, struct fault *fault)
{
	const struct link_fact *link = &site->facts.lan;
	const char *interface = site->config->lan.interface;

	if (!link->link.index) {
		fault_set(fault, -ENODEV, "there is no interface %s, " NOTHING, interface);
		return fault_fix(fault, -ENODEV,
				 "correct `interface` in [lan], or name the card "
				 "in a .link file; `health-check --doctor` lists the "
				 "cards that are there");
	}
	if (!link->up) {
		fault_set(fault, -ENETDOWN, "%s is switched off, " NOTHING, interface);
		return fault_fix(fault, -ENETDOWN, "`ip link set %s up`", interface);
	}
	if (!link->carrier) {
		fault_set(fault, -ENOLINK, "%s has no carrier, " NOTHING, interface);
		return fault_fix(fault, -ENOLINK, "check the cable or the bridge to %s",
				 site->config->lan.router4.family ? "OPNsense"
								  : "the hosts inside");
	}
	return 0;
}

static int find_lan_routers(const struct site *site, struct fault *fault)
{
	const char *interface = site->config->lan.interface;
	struct addr_text four = addr_str(site->config->lan.router4);
	struct addr linklocal = site->facts.router6_linklocal;
	bool silent4 = site->facts.router4 == PRESENCE_MISSED;
	bool silent6 = site->facts.router6 == PRESENCE_MISSED;
	char six[80];

	snprintf(six, sizeof(six), "router6_linklocal%s%s%s", linklocal.family ? ", " : "",
		 addr_str(linklocal).s, linklocal.family ? "," : "");
	if (!silent4 && !silent6)
		return 0;
	if (!silent6)
		fault_set(fault, -EHOSTDOWN, "nobody answers for router4, %s, on %s", four.s,
			  interface);
	else if (!silent4)
		fault_set(fault, -EHOSTDOWN,
			  "nobody answers for %s on %s, so nothing inside is reached by IPv6", six,
			  interface);
	else
		fault_set(fault, -EHOSTDOWN,
			  "nobody answers for router4, %s, or %s on %s, " NOTHING, four.s, six,
			  interface);
	return fault_fix(fault, -EHOSTDOWN, SEE);
}

int trouble_of_lan(const struct site *site, struct fault *fault)
{
	int r = find_lan_link(site, fault);

	if (r == 0)
		r = facts_check_shared(&site->facts, fault);
	return r < 0 ? r : find_lan_routers(site, fault);
}
