// SPDX-License-Identifier: GPL-2.0-or-later
// Who is refused from inside, though his packets come in: networks that mwan.conf does not know.
// The base ruleset remembers the source of what it refuses for a minute; this lists it by networks.

#include "doctor/check.h"

#include "base/parse.h"
#include "kernel/nft.h"

#include <errno.h>
#include <string.h>

/* A router that forgets a flow may let some packets pass untranslated. */
#define FEWEST_PACKETS 5

/* The hosts of one network that are refused. */
struct refused {
	struct prefix network;
	struct addr first; /* one of them */
	size_t hosts;
	uint64_t packets;
};

struct refused_list {
	struct refused *v; /* owned */
	size_t n;
};

static void refused_list_done(struct refused_list *list)
{
	free(list->v);
}

static int add(struct refused_list *list, struct addr source, uint64_t packets)
{
	struct prefix host = { source, source.family == AF_INET ? 24 : 64 };
	struct refused one = { prefix_network(host), source, 1, packets };

	for (size_t i = 0; i < list->n; i++) {
		if (!prefix_contains(list->v[i].network, source))
			continue;
		list->v[i].hosts++;
		list->v[i].packets += packets;
		return 0;
	}
	return APPEND(list->v, list->n, one);
}

static bool is_mapped(const struct config *config, struct addr source)
{
	for (size_t i = 0; i < config->n_map4; i++)
		if (addr_cmp(config->map4[i].inside, source) == 0)
			return true;
	return config_any_wan(config, wan_masquerades4);
}

/* Known, and refused while no WAN carries it: another check says why. */
static bool is_known(const struct config *config, struct addr source)
{
	return addr_cmp(source, config->lan.router6) == 0 ||
	       prefix_contains(config->lan.prefix6, source) ||
	       (prefix_contains(config->lan.prefix4, source) && is_mapped(config, source));
}

/* elements = { 192.168.1.45 counter packets 3 bytes 252 timeout 1m expires 59s, … } */
static int read_elements(const struct config *config, char *listing, struct refused_list *ret)
{
	char *elements = strstr(listing, "elements = {"), *item;
	int r = 0;

	if (!elements)
		return 0;
	elements += strlen("elements = {");
	elements[strcspn(elements, "}")] = '\0';
	while (r == 0 && (item = parse_item(&elements, ",\n"))) {
		const char *packets = strstr(item, "packets ");
		struct addr source;

		item[strcspn(item, " ")] = '\0';
		if (addr_parse(item, AF_UNSPEC, &source) < 0 || is_known(config, source))
			continue;
		r = add(ret, source,
			packets ? strtoull(packets + strlen("packets "), NULL, 10) : 1);
	}
	return r;
}

static void diagnose(const struct patient *patient, const struct refused *one)
{
	const struct config *config = patient->config;
	struct addr_text first = addr_str(one->first);
	struct prefix_text lan4 = prefix_str(config->lan.prefix4);
	const char *others = one->hosts > 1 ? " and others" : "";

	if (one->first.family == AF_INET6)
		diagnosis_wrong(about_lan(patient->diagnosis), "refused-source",
				"LAN: what comes from %s, %s%s, is refused: mwan.conf knows only "
				"prefix6, %s, inside\n"
				"at router6, give that network addresses of prefix6, or translate "
				"it to some",
				prefix_str(one->network).s, first.s, others,
				config->lan.prefix6.len > 0 ? prefix_str(config->lan.prefix6).s
							    : "which is not set");
	else if (prefix_contains(config->lan.prefix4, one->first))
		diagnosis_wrong(about_lan(patient->diagnosis), "refused-unmapped",
				"LAN: what comes from %s%s is refused: it is in no row of [map4], "
				"and no WAN masquerades\n"
				"a row for it in [map4], with a public address of each WAN; or "
				"`nat4 = masquerade` in a [wan]; then `update-routes`",
				first.s, others);
	else
		diagnosis_wrong(about_lan(patient->diagnosis), "refused-source",
				"LAN: what comes from %s, %s%s, is refused: mwan.conf knows only "
				"prefix4, %s, inside\n"
				"at router4 (OPNsense: Firewall, NAT, Outbound), translate %s to "
				"an address in %s",
				prefix_str(one->network).s, first.s, others, lan4.s,
				prefix_str(one->network).s, lan4.s);
}

int doctor_judge_refused(const struct patient *patient, char *listing)
{
	_cleanup_(refused_list_done) struct refused_list list = {};
	int r = read_elements(patient->config, listing, &list);

	for (size_t i = 0; i < list.n && r == 0; i++)
		if (list.v[i].packets >= FEWEST_PACKETS)
			diagnose(patient, &list.v[i]);
	return r;
}

int doctor_refused(struct patient *patient, struct fault *fault)
{
	static const char *const sets[] = { "refused4", "refused6" };
	struct nft **nft = &patient->kernel.nft;
	int r = *nft ? 0 : nft_open(nft, fault);

	for (size_t i = 0; i < ARRAY_SIZE(sets) && r == 0; i++) {
		_cleanup_(freep) char *listing = NULL;
		struct fault why = {};
		char command[64];

		snprintf(command, sizeof(command), "list set inet filter %s", sets[i]);
		r = nft_run_counted(*nft, command, &listing, &why);
		if (r == -ENOENT) /* an older base ruleset, or none */
			return 0;
		if (r == 0 && listing)
			r = doctor_judge_refused(patient, listing);
		else if (r < 0 && r != -ENOMEM)
			return fault_set(fault, r, "%s", why.text);
	}
	if (r == 0)
		diagnosis_good(patient->diagnosis, "nobody inside is refused");
	return r;
}
