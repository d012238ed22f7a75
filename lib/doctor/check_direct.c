// SPDX-License-Identifier: GPL-2.0-or-later
// Networks of [direct] sections: their interface is there and up, and no WAN has an address of
// them. The run's own look at the links says it all.

#include "doctor/check.h"

static bool has_family(const struct direct_conf *direct, enum family family)
{
	for (size_t n = 0; n < direct->networks.n; n++)
		if (direct->networks.v[n].addr.family == family_af(family))
			return true;
	return false;
}

static void look_at_interface(const struct patient *patient, size_t i)
{
	const struct direct_conf *direct = &patient->config->directs[i];
	const struct direct_fact *fact = &patient->site->facts.directs[i];

	if (!fact->link.index)
		diagnosis_wrong(patient->diagnosis, "direct-missing",
				"direct %s: there is no interface %s, so its networks are "
				"unreachable\n"
				"start what makes it, for example `wg-quick up %s`; or correct "
				"`interface` in [direct %s]",
				direct->name, direct->interface, direct->interface, direct->name);
	else if (!fact->takes[IPV4])
		diagnosis_wrong(patient->diagnosis, "direct-down",
				"direct %s: %s is switched off, so its networks are unreachable\n"
				"`ip link set %s up`",
				direct->name, direct->interface, direct->interface);
	else if (!fact->takes[IPV6] && has_family(direct, IPV6))
		diagnosis_wrong(patient->diagnosis, "direct-no-ipv6",
				"direct %s: IPv6 is switched off on %s, so its IPv6 networks are "
				"unreachable\n"
				"`sysctl net.ipv6.conf.%s.disable_ipv6=0`, and see who switches "
				"it off",
				direct->name, direct->interface, direct->interface);
}

/* An address of the WAN, or its gateway, that somebody behind the interface may have as well. */
static struct addr find_shared(const struct wan_facts *wan, struct prefix network)
{
	for (size_t i = 0; i < wan->link.n_addresses; i++)
		if (prefix_contains(network, wan->link.addresses[i].addr))
			return wan->link.addresses[i].addr;
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (wan->gateway[family].present &&
		    prefix_contains(network, wan->gateway[family].via))
			return wan->gateway[family].via;
	return (struct addr){};
}

static void look_at_addresses(const struct patient *patient, const struct direct_conf *direct,
			      size_t wan)
{
	for (size_t n = 0; n < direct->networks.n; n++) {
		struct prefix network = direct->networks.v[n];
		struct addr shared = find_shared(&patient->site->facts.wans[wan], network);

		if (shared.family)
			diagnosis_wrong(
				about_wan(patient->diagnosis, wan, N_FAMILIES), "direct-overlap",
				"%s: %s is in %s of [direct %s]: the router itself reaches such "
				"addresses over %s only\n"
				"give the WAN's modem, or the other side of %s, another network; "
				"or name smaller ones in [direct %s]",
				patient->config->wans[wan].name, addr_str(shared).s,
				prefix_str(network).s, direct->name, direct->interface,
				direct->interface, direct->name);
	}
}

int doctor_direct(struct patient *patient, struct fault *fault)
{
	const struct config *config = patient->config;
	struct enumeration good = {};

	for (size_t i = 0; i < config->n_directs; i++) {
		look_at_interface(patient, i);
		for (size_t wan = 0; wan < config->n_wans; wan++)
			look_at_addresses(patient, &config->directs[i], wan);
		enumerate(&good, "%s over %s", config->directs[i].name,
			  config->directs[i].interface);
	}
	diagnosis_good(patient->diagnosis, "%s", *good.s ? good.s : "no [direct] section");
	return 0;
}
