// SPDX-License-Identifier: GPL-2.0-or-later
// What each WAN has been given: addresses by DHCP, a delegated prefix, gateways.
// It asks networkd about leases, and takes prefixes and gateways from the run's look.

#include "doctor/check.h"

#include "dot1x/dot1x.h"
#include "health/trouble.h"
#include "model/conflict.h"
#include "networkd/lease.h"

static void diagnose_no_dhcp4(const struct patient *patient, size_t wan)
{
	const char *interface = patient->config->wans[wan].interface;
	const char *name = patient->config->wans[wan].name;
	const char *again = manager_again(patient, interface);
	struct fault ignored = {};
	char port[IFNAMSIZ];

	if (again)
		diagnosis_wrong(about_wan(patient->diagnosis, wan, IPV4), "lease-missing",
				"%s: no address on %s\n"
				"`%s%s`; if that does not help, the ISP's DHCP does not answer: "
				"`tcpdump -ni %s`",
				name, interface, again, interface, interface);
	else if (dot1x_port(NULL, port, &ignored) == 0 && dot1x_is_behind(interface, port))
		diagnosis_wrong(
			about_wan(patient->diagnosis, wan, IPV4), "lease-missing",
			"%s: no address on %s, behind 802.1X\n"
			"`systemctl start bringup-att-vlan`; if that does not help, " LEASE_SILENT,
			name, interface, interface);
	else
		diagnosis_wrong(
			about_wan(patient->diagnosis, wan, IPV4), "lease-missing",
			"%s: no address on %s\n"
			"`networkctl reconfigure %s` (IPv6 pauses); an ISP may know only the "
			"card's own address (`ip link show %s`; a card passed through is in "
			"`lspci`); or " LEASE_SILENT,
			name, interface, interface, interface, interface);
}

/* Somebody else than networkd has configured the link, or nobody. */
static void diagnose_unmanaged(struct patient *patient, size_t wan, const struct lease *lease)
{
	const struct wan_conf *conf = &patient->config->wans[wan];
	const struct wan_facts *facts = &patient->site->facts.wans[wan];
	struct fault why = {};

	if (lease->unmanaged && link_has_family(&facts->link, AF_INET) &&
	    facts->gateway[IPV4].present) {
		diagnosis_note(about_wan(patient->diagnosis, wan, N_FAMILIES), "lease-foreign",
			       "%s: systemd-networkd leaves %s alone, and somebody else has "
			       "configured it\n"
			       "nothing, if that is meant; else a .network file in "
			       "/etc/systemd/network, and `networkctl reload`",
			       conf->name, conf->interface);
		return;
	}
	lease_say_unmanaged(conf->interface, lease, &why);
	diagnosis_fault(about_wan(patient->diagnosis, wan, N_FAMILIES), "lease-unmanaged",
			conf->name, &why);
	patient_explain(patient, wan);
}

/* What networkd says of the WAN. False: nothing. */
static bool look_at_lease(struct patient *patient, size_t wan, struct lease *lease)
{
	const struct wan_conf *conf = &patient->config->wans[wan];
	const struct wan_facts *facts = &patient->site->facts.wans[wan];
	_cleanup_(freep) char *json = networkd_describe(patient->networkd, facts->link.link.index);
	bool known = json && lease_from_json(json, lease);

	if (known && !lease->managed) {
		diagnose_unmanaged(patient, wan, lease);
	} else if (lease->bare4) {
		diagnosis_wrong(about_wan(patient->diagnosis, wan, IPV4), "lease-address-removed",
				"%s: somebody has taken the leased address away from %s, and "
				"networkd does not put it back\n"
				"`networkctl reconfigure %s` (IPv6 pauses)",
				conf->name, conf->interface, conf->interface);
		patient->explained[wan][IPV4] = true;
	} else if (conf->gateway_mode[IPV4] != GATEWAY_NONE && !facts->gateway[IPV4].present &&
		   !link_has_family(&facts->link, AF_INET)) {
		diagnose_no_dhcp4(patient, wan);
		patient->explained[wan][IPV4] = true;
	}
	return known;
}

/* Somebody's prefix is networkd's, and it can't be asked. */
static bool is_networkd_lost(const struct patient *patient)
{
	const struct config *config = patient->config;
	bool needed = false;

	for (size_t i = 0; i < config->n_wans; i++)
		needed |= config_has_family(config, i, IPV6) && !config->wans[i].masquerade6 &&
			  !config->wans[i].fixed6;
	return needed && access(NETWORKD_STATE_PATH, F_OK) == 0;
}

static void diagnose_unknown(const struct patient *patient, size_t n)
{
	if (is_networkd_lost(patient))
		diagnosis_wrong(
			patient->diagnosis, "networkd-lost",
			"systemd-networkd can't be asked over the system bus: " NETWORKD_LOST
			"\n%s",
			networkd_has_bus(patient->networkd) ? NETWORKD_REJOIN
							    : NETWORKD_REJOIN_BUS);
	else
		diagnosis_note(patient->diagnosis, "lease-unknown",
			       "systemd-networkd says nothing of %zu WAN%s\n"
			       "`systemctl status systemd-networkd`; if it runs, `systemctl status "
			       "dbus`, and then `systemctl restart systemd-networkd`",
			       n, n > 1 ? "s" : "");
}

int doctor_leases(struct patient *patient, struct fault *fault)
{
	struct enumeration leases = {};
	size_t n_unknown = 0;

	for (size_t i = 0; i < patient->config->n_wans; i++) {
		const struct link_fact *link = &patient->site->facts.wans[i].link;
		struct enumeration seen = {};
		struct lease lease = {};

		if (patient->explained[i][IPV4])
			continue;
		n_unknown += !look_at_lease(patient, i, &lease);
		for (size_t k = 0; k < link->n_addresses; k++)
			enumerate(&seen, "%s", addr_str(link->addresses[k].addr).s);
		enumerate(&leases, "%s %s", patient->config->wans[i].name,
			  *lease.addresses ? lease.addresses : seen.s);
	}
	if (n_unknown > 0 && !managers_have_wans(patient))
		diagnose_unknown(patient, n_unknown);
	if (*leases.s)
		diagnosis_good(patient->diagnosis, "%s", leases.s);
	return 0;
}

/* Adds one kind of what trouble.h knows of the WAN. False: there is no such. */
static bool diagnose_trouble(const struct patient *patient, size_t wan, enum family family,
			     enum trouble_kind trouble, enum severity severity, const char *kind)
{
	const struct trouble_view view = { .site = patient->site, .wan = wan, .family = family };
	_cleanup_(trouble_done) struct trouble found = {};

	patient->diagnosis->r = patient->diagnosis->r ?: trouble_find(&view, trouble, &found);
	if (!found.what)
		return false;
	diagnosis_add(about_wan(patient->diagnosis, wan, family), severity, kind, "%s: %s\n%s",
		      patient->config->wans[wan].name, found.what, found.fix ?: "");
	return true;
}

/* networkd is there, but has no lease of the prefix in use: nobody renews it. */
static bool is_stale(const struct patient *patient, size_t wan)
{
	_cleanup_(freep) char *json = networkd_describe(
		patient->networkd, patient->site->facts.wans[wan].link.link.index);

	return json &&
	       delegation_from_json(json, clock_us(CLOCK_BOOTTIME), (struct delegation){}, 128)
			       .state == DELEGATION_NONE;
}

static void look_at_lifetime(const struct patient *patient, size_t wan)
{
	const char *interface = patient->config->wans[wan].interface;
	const char *name = patient->config->wans[wan].name;
	struct prefix_text prefix = prefix_str(patient->site->npt.delegated[wan]);
	uint64_t until_us = patient->site->npt.until_us[wan], now_us = clock_us(CLOCK_BOOTTIME);
	uint64_t left_s = until_us > now_us ? (until_us - now_us) / 1000000 : 0;

	if (is_stale(patient, wan))
		diagnosis_note(about_wan(patient->diagnosis, wan, IPV6), "prefix-stale",
			       "%s: %s is in use from before, and networkd has no lease of it\n"
			       "`networkctl reconfigure %s` if it stays so (IPv4 pauses); "
			       "`update-npt` gives it up",
			       name, prefix.s, interface);
	else if (left_s < 60)
		diagnosis_note(about_wan(patient->diagnosis, wan, IPV6), "prefix-ending",
			       "%s: %s ends in %ju s, and is not renewed\n"
			       "`networkctl renew %s`, and `journalctl -u systemd-networkd`",
			       name, prefix.s, (uintmax_t)left_s, interface);
}

static void look_at_prefix(struct patient *patient, size_t wan)
{
	const struct wan_conf *conf = &patient->config->wans[wan];
	const struct npt_state *npt = &patient->site->npt;

	if (facts_onlink6(patient->config, &patient->site->facts, wan, npt->refused[wan]))
		return; /* a conflict */
	if (npt->refused[wan].len > 0) {
		patient->explained[wan][IPV6] = true;
		if (!diagnose_trouble(patient, wan, IPV6, TROUBLE_PREFIX, FINDING_WRONG,
				      "prefix-refused"))
			diagnose_trouble(patient, wan, IPV6, TROUBLE_FALLBACK, FINDING_WRONG,
					 "prefix-refused");
		return;
	}
	/* Without a router's advertisement, DHCPv6 does not begin: gateways says so. */
	if (!patient->site->facts.wans[wan].gateway[IPV6].present)
		return;
	if (diagnose_trouble(patient, wan, IPV6, TROUBLE_TRANSLATION, FINDING_WRONG,
			     "prefix-missing"))
		patient->explained[wan][IPV6] = true;
	else if (!diagnose_trouble(patient, wan, IPV6, TROUBLE_FALLBACK, FINDING_NOTE,
				   "prefix-fallback") &&
		 !conf->fixed6 && !conf->masquerade6 && npt->delegated[wan].len > 0)
		look_at_lifetime(patient, wan);
}

int doctor_prefixes(struct patient *patient, struct fault *fault)
{
	const struct npt_state *npt = &patient->site->npt;
	struct enumeration prefixes = {};

	for (size_t i = 0; i < patient->config->n_wans; i++) {
		if (!config_has_family(patient->config, i, IPV6) || patient->explained[i][IPV6])
			continue;
		look_at_prefix(patient, i);
		enumerate(&prefixes, "%s %s", patient->config->wans[i].name,
			  npt->delegated[i].len > 0 ? npt_use(patient->config, npt, i).s
						    : "masquerades");
	}
	if (*prefixes.s)
		diagnosis_good(patient->diagnosis, "%s", prefixes.s);
	return 0;
}

int doctor_gateways(struct patient *patient, struct fault *fault)
{
	struct enumeration gateways = {};

	for (size_t i = 0; i < patient->config->n_wans * N_FAMILIES; i++) {
		enum family family = i % N_FAMILIES;
		size_t wan = i / N_FAMILIES;
		struct addr via = patient->site->facts.wans[wan].gateway[family].via;
		bool *explained = &patient->explained[wan][family];

		if (!config_has_family(patient->config, wan, family) || *explained)
			continue;
		*explained = diagnose_trouble(patient, wan, family, TROUBLE_GATEWAY, FINDING_WRONG,
					      "gateway-missing");
		diagnose_trouble(patient, wan, family, TROUBLE_ROUTER, FINDING_NOTE,
				 "router-passed-over");
		enumerate(&gateways, "%s %s", patient->config->wans[wan].name,
			  via.family ? addr_str(via).s : "on-link");
	}
	if (*gateways.s)
		diagnosis_good(patient->diagnosis, "%s", gateways.s);
	return 0;
}
