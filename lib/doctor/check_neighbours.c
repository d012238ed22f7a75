// SPDX-License-Identifier: GPL-2.0-or-later
// Whether a machine answers at each address that packets are sent to.
// It makes the kernel ask for the WANs' gateways and for OPNsense with all addresses of [map4].

#include "doctor/check.h"

#include "health/trouble.h"
#include "kernel/neighbours.h"

#include <errno.h>

static bool is_up(const struct link_fact *link)
{
	return link->link.index && link->up && link->carrier;
}

static size_t list_gateways(const struct patient *patient, struct sought *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < patient->config->n_wans; i++) {
		const struct wan_facts *wan = &patient->site->facts.wans[i];

		for (enum family family = 0; family < N_FAMILIES; family++)
			if (config_has_family(patient->config, i, family) &&
			    !patient->explained[i][family] && is_up(&wan->link) &&
			    wan->gateway[family].present && wan->gateway[family].via.family)
				ret[n++] = (struct sought){
					.addr = wan->gateway[family].via,
					.interface = patient->config->wans[i].interface,
					.ifindex = wan->link.link.index,
				};
	}
	return n;
}

static void diagnose_silent_gateway(const struct patient *patient, const struct sought *gateway)
{
	const struct trouble_view view = { .site = patient->site,
					   .wan = patient_wan(patient, gateway->ifindex),
					   .family = family_of_af(gateway->addr.family),
					   .gateway = PRESENCE_MISSED };
	char fix[256] = "";
	FILE *f = fmemopen(fix, sizeof(fix), "w");

	if (f) {
		trouble_advise_silence(&view, f);
		fclose(f);
	}
	diagnosis_wrong(about_wan(patient->diagnosis, view.wan, view.family), "gateway-silent",
			"%s: nobody answers for the gateway %s on %s\n%s",
			patient->config->wans[view.wan].name, addr_str(gateway->addr).s,
			gateway->interface, fix);
}

/* *answering: how many of them do */
static int look_at_gateways(const struct patient *patient, size_t *answering, struct fault *fault)
{
	_cleanup_(freep) struct sought *gateways =
		calloc(patient->config->n_wans * N_FAMILIES, sizeof(*gateways));
	size_t n;
	int r;

	if (!gateways)
		return -ENOMEM;
	n = list_gateways(patient, gateways);
	r = neighbours_seek(patient->kernel.sk, gateways, n, fault);
	for (size_t i = 0; i < n && r == 0; i++) {
		*answering += gateways[i].answers;
		if (gateways[i].answers)
			continue;
		diagnose_silent_gateway(patient, &gateways[i]);
	}
	return r;
}

/* The addresses on the link that somebody has to have for [map4]. */
static void look_at_map4(const struct patient *patient, const struct sought *inside, size_t n)
{
	const struct sought *first = NULL;
	size_t silent = 0;

	for (size_t i = 0; i < n; i++)
		if (!inside[i].answers && silent++ == 0)
			first = &inside[i];
	if (silent == 0)
		return;
	diagnosis_note(
		about_lan(patient->diagnosis), "map4-silent",
		"nobody answers for %s%s on %s: what comes in for %s public addresses is lost\n"
		"%s; or take them out of [map4]",
		addr_str(first->addr).s, silent > 1 ? " and others of [map4]" : "",
		first->interface, silent > 1 ? "their" : "its",
		patient->config->lan.router4.family
			? "OPNsense, Interfaces, Virtual IPs: add them as IP Alias"
			: "start the hosts that should have them");
}

static void diagnose_router4(const struct patient *patient)
{
	const struct config *config = patient->config;
	struct addr_text router4 = addr_str(config->lan.router4);

	diagnosis_wrong(about_lan(patient->diagnosis), "router4-silent",
			"nobody answers for router4, %s, on %s: OPNsense is off, or has another "
			"address\n"
			"OPNsense, Interfaces, the one that leads here: IPv4 address %s/%u, and %s "
			"connected to it",
			router4.s, config->lan.interface, router4.s, config->lan.prefix4.len,
			config->lan.interface);
}

/* Of router4, if there is one, and the hosts of [map4] on the link. Returns how many. */
static size_t list_inside(const struct patient *patient, struct sought *ret)
{
	const struct config *config = patient->config;
	struct sought sought = {
		.addr = config->lan.router4,
		.interface = config->lan.interface,
		.ifindex = patient->site->facts.lan.link.index,
	};
	size_t n = 0;

	if (sought.addr.family)
		ret[n++] = sought;
	for (size_t i = 0; i < config->n_map4_hosts; i++) {
		sought.addr = config->map4[i].inside.addr;
		if (prefix_contains(config->lan.prefix4, sought.addr))
			ret[n++] = sought;
	}
	return n;
}

static int look_at_lan(const struct patient *patient, struct fault *fault)
{
	const struct config *config = patient->config;
	_cleanup_(freep) struct sought *inside = calloc(config->n_map4 + 1, sizeof(*inside));
	size_t n, router = config->lan.router4.family ? 1 : 0;
	int r;

	if (!inside)
		return -ENOMEM;
	if (!is_up(&patient->site->facts.lan))
		return 0;
	n = list_inside(patient, inside);
	r = neighbours_seek(patient->kernel.sk, inside, n, fault);
	if (r < 0)
		return r;
	/* If nobody at all answers on the link, one finding is enough. */
	if (router && !inside[0].answers)
		diagnose_router4(patient);
	else
		look_at_map4(patient, inside + router, n - router);
	return 0;
}

int doctor_neighbours(struct patient *patient, struct fault *fault)
{
	size_t answering = 0;
	int r;

	r = look_at_gateways(patient, &answering, fault);
	if (r == 0)
		r = look_at_lan(patient, fault);
	if (r == 0)
		diagnosis_good(patient->diagnosis, "%zu gateways answer%s", answering,
			       is_up(&patient->site->facts.lan) &&
					       patient->config->lan.router4.family
				       ? ", and OPNsense"
				       : "");
	return r;
}
