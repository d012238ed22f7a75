#include "doctor.h"

#include "config.h"
#include "dot1x.h"
#include "lease.h"
#include "trouble.h"

#include <errno.h>
#include <string.h>

static const struct wan_conf *conf_of(const struct patient *patient, size_t wan)
{
	return &patient->config->wans[wan];
}

static const struct wan_facts *facts_of(const struct patient *patient, size_t wan)
{
	return &patient->outcome.facts.wans[wan];
}

/* ---- leases ---- */

/* True when IPv4 has what it needs on the link, whoever gave it. */
static bool has_ipv4(const struct patient *patient, size_t wan)
{
	return link_has_family(&facts_of(patient, wan)->link, AF_INET) ||
	       facts_of(patient, wan)->gateway[IPV4].present;
}

/* True when somebody else than networkd has given the link all that IPv4 needs. */
static bool is_anothers(const struct patient *patient, size_t wan, const struct lease *lease)
{
	const struct wan_facts *facts = facts_of(patient, wan);

	return lease->unmanaged && link_has_family(&facts->link, AF_INET) &&
	       facts->gateway[IPV4].present;
}

static int tell_no_dhcp4(const struct patient *patient, size_t wan, struct diagnosis *diagnosis)
{
	const struct wan_conf *conf = conf_of(patient, wan);
	char port[IFNAMSIZ];
	struct fault fault = {};

	if (dot1x_port(NULL, port, &fault) == 0 && dot1x_is_behind(conf->interface, port))
		return diagnosis_tell(diagnosis, FINDING_WRONG,
				      "%s: no address on %s, behind 802.1X: `systemctl start "
				      "bringup-att-vlan`; if that does not help, " LEASE_SILENT,
				      conf->name, conf->interface, conf->interface);
	return diagnosis_tell(
		diagnosis, FINDING_WRONG,
		"%s: no address on %s: `networkctl reconfigure %s` (IPv6 pauses); an ISP may know "
		"the card's own address alone (`ip link show %s`; passed through, "
		"the card is in `lspci`); or " LEASE_SILENT,
		conf->name, conf->interface, conf->interface, conf->interface, conf->interface);
}

/* What it has, whoever gave it: networkd's word for it, or the kernel's. */
static void note_addresses(const struct patient *patient, size_t wan, const struct lease *lease,
			   FILE *f)
{
	const struct link_fact *link = &facts_of(patient, wan)->link;

	fprintf(f, "%s%s", ftell(f) ? "; " : "", conf_of(patient, wan)->name);
	if (*lease->addresses)
		fprintf(f, " %s", lease->addresses);
	for (size_t i = 0; !*lease->addresses && i < link->n_addresses; i++)
		fprintf(f, "%s %s", i ? "," : "", addr_str(link->addresses[i].addr).s);
}

/* What networkd says of the WAN. *silent: it says nothing. */
static int look_at_lease(struct patient *patient, size_t wan, bool *silent, struct lease *lease,
			 struct diagnosis *diagnosis)
{
	const struct wan_conf *conf = conf_of(patient, wan);
	_cleanup_(freep) char *json =
		networkd_describe(patient->networkd, facts_of(patient, wan)->link.link.index);
	struct fault fault = {};
	int r = 0;

	*lease = (struct lease){};
	*silent = !json || !lease_from_json(json, lease);
	if (!*silent && is_anothers(patient, wan, lease)) {
		r = diagnosis_add(diagnosis, FINDING_NOTE,
				  "nothing, if that is meant; else a .network file in "
				  "/etc/systemd/network, and `networkctl reload`",
				  "%s: systemd-networkd leaves %s alone, and somebody else has "
				  "configured it",
				  conf->name, conf->interface);
	} else if (!*silent && !lease->managed) {
		lease_say_unmanaged(conf->interface, lease, &fault);
		doctor_explain(patient, wan);
		r = diagnosis_tell(diagnosis, FINDING_WRONG, "%s: %s", conf->name, fault.text);
	} else if (lease->bare4) {
		patient->explained[wan][IPV4] = true;
		r = diagnosis_tell(
			diagnosis, FINDING_WRONG,
			"%s: somebody has taken the leased address away from %s, and "
			"networkd does not put it back: `networkctl reconfigure %s` (IPv6 pauses)",
			conf->name, conf->interface, conf->interface);
	} else if (conf->gateway_mode[IPV4] != GATEWAY_NONE && !has_ipv4(patient, wan)) {
		patient->explained[wan][IPV4] = true;
		r = tell_no_dhcp4(patient, wan, diagnosis);
	}
	return r;
}

int doctor_leases(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	size_t before = diagnosis->n, n_silent = 0, size;
	FILE *f = open_memstream(&text, &size);
	int r = 0;

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < patient->config->n_wans && r == 0; i++) {
		struct lease lease;
		bool silent;

		if (patient->explained[i][IPV4])
			continue;
		r = look_at_lease(patient, i, &silent, &lease, diagnosis);
		n_silent += silent;
		note_addresses(patient, i, &lease, f);
	}
	if (fclose(f) != 0)
		return -ENOMEM;
	if (r == 0 && n_silent > 0)
		r = diagnosis_tell(
			diagnosis, FINDING_NOTE,
			"systemd-networkd says nothing of %zu WAN%s: `systemctl status "
			"systemd-networkd`; if it runs, `systemctl status dbus`, and then "
			"`systemctl restart systemd-networkd`",
			n_silent, n_silent > 1 ? "s" : "");
	if (r < 0 || diagnosis->n > before || !*text)
		return r;
	return diagnosis_good(diagnosis, "%s", text);
}

/* ---- prefixes ---- */

/* One kind of what trouble.h knows: 1: there is such, and it has been said. */
static int tell_trouble(const struct patient *patient, size_t wan, enum family family,
			enum trouble trouble, enum finding_kind kind, struct diagnosis *diagnosis)
{
	const struct trouble_view view = {
		.config = patient->config,
		.facts = &patient->outcome.facts,
		.npt = &patient->outcome.npt,
		.wan = wan,
		.family = family,
	};
	_cleanup_(freep) char *line = NULL;
	int r = trouble_find(&view, trouble, &line);

	if (r == 0 && line)
		r = diagnosis_tell(diagnosis, kind, "%s: %s", conf_of(patient, wan)->name, line);
	return r < 0 ? r : line != NULL;
}

static int tell_refused(const struct patient *patient, size_t wan, struct diagnosis *diagnosis)
{
	const struct wan_conf *conf = conf_of(patient, wan);
	const struct npt_state *npt = &patient->outcome.npt;
	struct fault why = {};
	char fix[320];

	if (npt_check(patient->config, conf->name, npt->refused[wan], &why) == 0)
		npt_check_others(patient->config, npt, wan, npt->refused[wan], &why);
	snprintf(fix, sizeof(fix),
		 "ask for a larger one (`PrefixDelegationHint=::/%u` under [DHCPv6] in the "
		 ".network file of %s, then `networkctl reconfigure %s`: IPv4 pauses), or the ISP",
		 patient->config->lan.prefix6.len, conf->interface, conf->interface);
	return diagnosis_add(diagnosis, FINDING_WRONG, fix, "%s", why.text);
}

/* networkd is there, and has no lease of what is in use: nobody renews it. */
static bool is_stale(const struct patient *patient, size_t wan)
{
	_cleanup_(freep) char *json =
		networkd_describe(patient->networkd, facts_of(patient, wan)->link.link.index);

	return json &&
	       delegation_from_json(json, clock_us(CLOCK_BOOTTIME), (struct delegation_word){}, 128)
			       .said == DELEGATION_NONE;
}

/* Seconds from now; none is far away. */
static uint64_t seconds_left(const struct patient *patient, size_t wan)
{
	uint64_t until_us = patient->outcome.npt.until_us[wan], now_us = clock_us(CLOCK_BOOTTIME);

	return until_us > now_us ? (until_us - now_us) / 1000000 : 0;
}

static int look_at_prefix(struct patient *patient, size_t wan, struct diagnosis *diagnosis)
{
	const struct wan_conf *conf = conf_of(patient, wan);
	const struct npt_state *npt = &patient->outcome.npt;
	uint64_t left_s = seconds_left(patient, wan);
	int r;

	if (npt->refused[wan].len > 0) {
		patient->explained[wan][IPV6] = true;
		return tell_refused(patient, wan, diagnosis);
	}
	/* Without a router's advertisement, DHCPv6 does not begin: that is told under gateways. */
	if (!facts_of(patient, wan)->gateway[IPV6].present)
		return 0;
	r = tell_trouble(patient, wan, IPV6, TROUBLE_TRANSLATION, FINDING_WRONG, diagnosis);
	if (r > 0)
		patient->explained[wan][IPV6] = true;
	if (r == 0)
		r = tell_trouble(patient, wan, IPV6, TROUBLE_FALLBACK, FINDING_NOTE, diagnosis);
	if (r != 0 || conf->fixed6 || conf->masquerade6 || npt->delegated[wan].len == 0)
		return r < 0 ? r : 0;
	if (is_stale(patient, wan))
		return diagnosis_tell(diagnosis, FINDING_NOTE,
				      "%s: %s is in use from before, and networkd has no lease of "
				      "it: `networkctl reconfigure %s` if it stays so (IPv4 "
				      "pauses); `update-npt` "
				      "gives it up",
				      conf->name, prefix_str(npt->delegated[wan]).s,
				      conf->interface);
	if (left_s < 60)
		return diagnosis_tell(diagnosis, FINDING_NOTE,
				      "%s: %s ends in %ju s, and is not renewed: `networkctl renew "
				      "%s`, and `journalctl -u systemd-networkd`",
				      conf->name, prefix_str(npt->delegated[wan]).s,
				      (uintmax_t)left_s, conf->interface);
	return 0;
}

int doctor_prefixes(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	const struct npt_state *npt = &patient->outcome.npt;
	char text[512] = "";
	size_t before = diagnosis->n, at = 0;
	int r = 0;

	for (size_t i = 0; i < patient->config->n_wans && r == 0; i++) {
		if (!config_has_family(patient->config, i, IPV6) || patient->explained[i][IPV6])
			continue;
		r = look_at_prefix(patient, i, diagnosis);
		if (at < sizeof(text))
			at += snprintf(text + at, sizeof(text) - at, "%s%s %s", at ? ", " : "",
				       conf_of(patient, i)->name,
				       npt->delegated[i].len > 0 ? prefix_str(npt->delegated[i]).s
								 : "masquerades");
	}
	if (r < 0 || diagnosis->n > before || !at)
		return r;
	return diagnosis_good(diagnosis, "%s", text);
}

/* ---- gateways ---- */

int doctor_gateways(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	const struct config *config = patient->config;
	char text[512] = "";
	size_t before = diagnosis->n, at = 0;
	int r = 0;

	for (size_t i = 0; i < config->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES && r >= 0; family++) {
			struct addr via = facts_of(patient, i)->gateway[family].via;

			if (!config_has_family(config, i, family) || patient->explained[i][family])
				continue;
			r = tell_trouble(patient, i, family, TROUBLE_GATEWAY, FINDING_WRONG,
					 diagnosis);
			if (r > 0)
				patient->explained[i][family] = true;
			if (at < sizeof(text))
				at += snprintf(text + at, sizeof(text) - at, "%s%s %s",
					       at ? ", " : "", config->wans[i].name,
					       via.family ? addr_str(via).s : "on-link");
		}
	}
	if (r < 0 || diagnosis->n > before || !at)
		return r < 0 ? r : 0;
	return diagnosis_good(diagnosis, "%s", text);
}
