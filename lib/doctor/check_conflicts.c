// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses that two have: of mwan.conf and the ISP, and of two machines on a link.
// The run's look knows of the first; for the others it asks the links by ARP.

#include "doctor/check.h"

#include "kernel/duplicates.h"
#include "model/conflict.h"

#include <errno.h>
#include <string.h>

static int diagnose(struct patient *patient, const struct conflict *conflict)
{
	_cleanup_(freep) char *what = NULL, *fix = NULL;
	int r = conflict_describe(patient->config, conflict, &what, &fix);

	if (r < 0)
		return r;
	diagnosis_wrong(about_wan(patient->diagnosis, conflict->wan, conflict->family),
			conflict_kind_name(conflict->kind), "%s: %s\n%s",
			patient->config->wans[conflict->wan].name, what, fix);
	return 0;
}

/* True when the WAN has nothing of the family because of it. */
static bool takes_all(const struct patient *patient, const struct conflict *conflict)
{
	return conflict->kind == CONFLICT_INSIDE ||
	       (conflict->kind == CONFLICT_ONLINK6 &&
		!npt_masquerades(patient->config, &patient->site->npt, conflict->wan));
}

static void diagnose_duplicate(const struct patient *patient, const struct duplicate *duplicate)
{
	const struct claim *claim = duplicate->claim;
	size_t wan = patient_wan(patient, claim->ifindex);
	const uint8_t *mac = duplicate->mac;

	diagnosis_wrong(about_wan(patient->diagnosis, wan, IPV4), "address-duplicate",
			"%s: another machine on the link has %s as well (MAC "
			"%02x:%02x:%02x:%02x:%02x:%02x): packets for it find either\n"
			"find that machine, or ask the ISP whose the address is; else take it out "
			"of [map4]",
			patient->config->wans[wan].name, addr_str(claim->addr).s, mac[0], mac[1],
			mac[2], mac[3], mac[4], mac[5]);
}

static int look_for_duplicates(const struct patient *patient, struct fault *fault)
{
	_cleanup_(claims_done) struct claims claims = {};
	_cleanup_(freep) struct duplicate *duplicates = NULL;
	size_t n = 0;
	int r = observe_claims(patient->kernel.sk, patient->config, &claims);

	if (r == -EAGAIN)
		return 0; /* addresses come and go just now */
	if (r < 0)
		return fault_set(fault, r, "our addresses: %s", strerror(-r));
	duplicates = calloc(claims.n + 1, sizeof(*duplicates));
	if (!duplicates)
		return -ENOMEM;
	for (size_t i = 0; i < claims.n; i++)
		if (claims.v[i].addr.family == AF_INET &&
		    patient_wan(patient, claims.v[i].ifindex) < patient->config->n_wans)
			duplicates[n++].claim = &claims.v[i];
	r = duplicates_find(duplicates, n);
	if (r < 0)
		return fault_set(fault, r, "who else has our addresses: %s", strerror(-r));
	for (size_t i = 0; i < n; i++)
		if (duplicates[i].found)
			diagnose_duplicate(patient, &duplicates[i]);
	return 0;
}

int doctor_conflicts(struct patient *patient, struct fault *fault)
{
	_cleanup_(conflicts_done) struct conflicts conflicts = {};
	int r = conflicts_find(patient->site, &conflicts);

	for (size_t i = 0; i < conflicts.n && r == 0; i++) {
		const struct conflict *conflict = &conflicts.v[i];

		r = diagnose(patient, conflict);
		if (takes_all(patient, conflict))
			patient->explained[conflict->wan][conflict->family] = true;
	}
	if (r == 0)
		r = look_for_duplicates(patient, fault);
	if (r == 0)
		diagnosis_good(patient->diagnosis, "no address is another machine's");
	return r;
}
