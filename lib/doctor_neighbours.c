/*
 * Whether there is a machine at each address that packets are sent to: the WANs' gateways, and
 * OPNsense on the LAN link with all that it is to answer for.
 */
#include "doctor.h"
#include "neighbours.h"

#include <errno.h>

static bool is_up(const struct link_fact *link)
{
	return link->link.index && link->up && link->carrier;
}

/* ---- gateways ---- */

static size_t list_gateways(const struct patient *patient, struct sought *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < patient->config->n_wans; i++) {
		const struct wan_facts *wan = &patient->outcome.facts.wans[i];

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

static int tell_gateway(struct diagnosis *diagnosis, const struct sought *gateway)
{
	_cleanup_(freep) char *fix = NULL;

	if (asprintf(&fix,
		     "`networkctl status %s`: is it the gateway of this line? if so, its other end "
		     "is off, or knows another MAC: restart the ISP's device, or ask the ISP",
		     gateway->interface) < 0)
		return -ENOMEM;
	return diagnosis_add(diagnosis, FINDING_WRONG, fix,
			     "nobody answers for the gateway %s on %s", addr_str(gateway->addr).s,
			     gateway->interface);
}

static int look_at_gateways(struct patient *patient, struct diagnosis *diagnosis, size_t *answering,
			    struct fault *fault)
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
		if (!gateways[i].answers)
			r = tell_gateway(diagnosis, &gateways[i]);
	}
	return r;
}

/* ---- the addresses that OPNsense translates to ---- */

static int tell_router4(struct diagnosis *diagnosis, const struct config *config)
{
	_cleanup_(freep) char *fix = NULL;

	if (asprintf(&fix,
		     "OPNsense, Interfaces, the one that leads here: IPv4 address %s/%u, and %s "
		     "connected to it",
		     addr_str(config->lan.router4).s, config->lan.prefix4.len,
		     config->lan.interface) < 0)
		return -ENOMEM;
	return diagnosis_add(diagnosis, FINDING_WRONG, fix,
			     "nobody answers for router4, %s, on %s: OPNsense is off, or has "
			     "another address",
			     addr_str(config->lan.router4).s, config->lan.interface);
}

static int tell_map4(struct diagnosis *diagnosis, const struct config *config,
		     const struct sought *inside, size_t n)
{
	struct addr first = {};
	size_t silent = 0;

	for (size_t i = 0; i < n; i++) {
		if (inside[i].answers || addr_cmp(inside[i].addr, config->lan.router4) == 0)
			continue;
		if (silent++ == 0)
			first = inside[i].addr;
	}
	if (silent == 0)
		return 0;
	return diagnosis_add(diagnosis, FINDING_NOTE,
			     "OPNsense, Interfaces, Virtual IPs: add them as IP Alias; or take "
			     "them out of [map4]",
			     "nobody answers for %s%s on %s: what comes in for %s public addresses "
			     "is lost",
			     addr_str(first).s, silent > 1 ? " and others of [map4]" : "",
			     config->lan.interface, silent > 1 ? "their" : "its");
}

static int look_at_lan(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	const struct config *config = patient->config;
	_cleanup_(freep) struct sought *inside = calloc(config->n_map4 + 1, sizeof(*inside));
	int r;

	if (!inside)
		return -ENOMEM;
	if (!is_up(&patient->outcome.facts.lan))
		return 0;
	for (size_t i = 0; i <= config->n_map4; i++)
		inside[i] = (struct sought){
			.addr = i == 0 ? config->lan.router4 : config->map4[i - 1].inside,
			.interface = config->lan.interface,
			.ifindex = patient->outcome.facts.lan.link.index,
		};
	r = neighbours_seek(patient->kernel.sk, inside, config->n_map4 + 1, fault);
	if (r < 0)
		return r;
	/* A link on which nobody is at all says so once. */
	return inside[0].answers ? tell_map4(diagnosis, config, inside, config->n_map4 + 1)
				 : tell_router4(diagnosis, config);
}

int doctor_neighbours(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	size_t before = diagnosis->n, answering = 0;
	int r;

	r = look_at_gateways(patient, diagnosis, &answering, fault);
	if (r == 0)
		r = look_at_lan(patient, diagnosis, fault);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "%zu gateways answer%s", answering,
			      is_up(&patient->outcome.facts.lan) ? ", and OPNsense" : "");
}
