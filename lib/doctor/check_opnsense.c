// SPDX-License-Identifier: GPL-2.0-or-later
// OPNsense's IPv6 on the LAN link: its link-local address, and router6.
// It makes the kernel ask for both, and compares the machines that answer by their MAC addresses.

#include "doctor/check.h"

#include "kernel/router6.h"

#include <string.h>

/* The check of neighbours has made the kernel ask for router4 already. */
static int ask(const struct patient *patient, struct neighbours *ret, struct fault *fault)
{
	const struct addr addresses[] = { patient->config->lan.router6,
					  patient->site->facts.router6_linklocal };
	const char *interface = patient->config->lan.interface;
	unsigned ifindex = patient->site->facts.lan.link.index;
	struct sought sought[ARRAY_SIZE(addresses)];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		sought[i] = (struct sought){ addresses[i], interface, ifindex, false };
	r = neighbours_seek(patient->kernel.sk, sought, ARRAY_SIZE(sought), fault);
	if (r == 0)
		r = observe_neighbours(patient->kernel.sk, ifindex, ret);
	return r < 0 ? fault_set(fault, r, "neighbours of %s: %s", interface, strerror(-r)) : 0;
}

static void diagnose_no_linklocal(const struct patient *patient,
				  const struct neighbours *neighbours)
{
	const char *interface = patient->config->lan.interface;
	struct enumeration linklocals = {};
	size_t n = 0;

	for (size_t i = 0; i < neighbours->n; i++) {
		struct addr addr = neighbours->v[i].addr;

		if (addr.family != AF_INET6 || !addr_is_linklocal(addr))
			continue;
		enumerate(&linklocals, "%s", addr_str(addr).s);
		n++;
	}
	if (n > 1)
		diagnosis_wrong(
			about_lan(patient->diagnosis), "linklocal-ambiguous",
			"several machines answer on %s, and none has router4 or router6: %s\n"
			"set router6_linklocal to OPNsense's in mwan.conf, then `update-routes`",
			interface, linklocals.s);
	else
		diagnosis_wrong(
			about_lan(patient->diagnosis), "linklocal-unknown",
			"no link-local address of OPNsense is known on %s: nothing downstream can "
			"be reached by IPv6\n"
			"OPNsense, Interfaces, the one that leads here: enabled, with IPv6 (a "
			"static address, or link-local at least); its firewall has to let "
			"neighbour discovery pass",
			interface);
}

static void look_at_linklocal(const struct patient *patient, const struct neighbours *neighbours)
{
	const struct config *config = patient->config;
	struct addr addr = patient->site->facts.router6_linklocal;
	const struct neighbour *machine = router6_machine(config, neighbours);
	const struct neighbour *found = neighbours_find(neighbours, addr);
	struct addr other = router6_linklocal(neighbours, machine);
	struct facts facts = { .router6_linklocal = addr };
	struct fault fault = {};

	if (machine && neighbour_is_shared(machine) && !(found && neighbour_is_shared(found)))
		facts.shared_router = machine->addr;
	if (facts_check_shared(&facts, &fault) < 0) {
		diagnosis_fault(patient->diagnosis, "router-shared", NULL, &fault);
		return;
	}
	if (!addr.family) {
		diagnose_no_linklocal(patient, neighbours);
		return;
	}
	if (found &&
	    (!machine || neighbour_same_mac(found, machine) || neighbour_is_shared(machine)))
		return;
	diagnosis_wrong(
		about_lan(patient->diagnosis), found ? "linklocal-foreign" : "linklocal-silent",
		found ? "%s on %s is another machine's than OPNsense's addresses%s%s\n%s"
		      : "nobody answers for router6_linklocal, %s, on %s%s%s\n%s",
		addr_str(addr).s, config->lan.interface,
		other.family ? "; router4's machine has " : "", addr_str(other).s,
		config->lan.router6_linklocal.family
			? "router6_linklocal = auto in mwan.conf, or OPNsense's own (there: "
			  "Interfaces, Overview), then `update-routes`"
			: "`update-routes`, when OPNsense is up");
}

static void look_at_router6(const struct patient *patient, const struct neighbours *neighbours)
{
	const char *interface = patient->config->lan.interface;
	struct addr router6 = patient->config->lan.router6;

	if (!router6.family || neighbours_find(neighbours, router6))
		return;
	diagnosis_wrong(about_lan(patient->diagnosis), "router6-silent",
			"nobody answers for router6, %s, on %s: the edge addresses lead nowhere\n"
			"OPNsense, Interfaces, the one that leads here: IPv6 address %s/64, "
			"static; its gateway is the link-local address of %s",
			addr_str(router6).s, interface, addr_str(router6).s, interface);
}

int doctor_opnsense(struct patient *patient, struct fault *fault)
{
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	const struct link_fact *link = &patient->site->facts.lan;
	struct addr linklocal = patient->site->facts.router6_linklocal;
	int r;

	/* If nftables has stopped the look, it has not come to OPNsense's address. */
	if (!patient->outcome.planned && !linklocal.family)
		return 0;
	if (!config_has_router6(patient->config) || !link->link.index || !link->up ||
	    !link->carrier)
		return 0;
	r = ask(patient, &neighbours, fault);
	if (r < 0)
		return r;
	look_at_linklocal(patient, &neighbours);
	look_at_router6(patient, &neighbours);
	diagnosis_good(patient->diagnosis, "%s on %s", addr_str(linklocal).s,
		       patient->config->lan.interface);
	return 0;
}
