// SPDX-License-Identifier: GPL-2.0-or-later
// Who is refused from inside, though his packets come in: networks that mwan.conf does not know.
// The base ruleset remembers the source of what it refuses for a minute; this lists it by networks.

#include "doctor/check.h"

#include "base/fileio.h"
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
		if (prefix_contains(config->map4[i].inside, source))
			return true;
	return config_any_wan(config, wan_masquerades4);
}

/* Known, and refused while no WAN carries it: another check says why. */
static bool is_known(const struct config *config, struct addr source)
{
	return config_inside_of(config, source).len > 0 &&
	       (source.family == AF_INET6 || is_mapped(config, source));
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

/* 192.168.1.0/24, 192.168.1.45 and others */
static void write_who(const struct refused *one, FILE *f)
{
	fprintf(f, "%s, %s%s", prefix_str(one->network).s, addr_str(one->first).s,
		one->hosts > 1 ? " and others" : "");
}

static void write_known4(const struct config *config, FILE *f)
{
	fprintf(f, "prefix4, %s,", prefix_str(config->lan.prefix4).s);
	for (size_t i = 0; i < config->lan.inside4.n; i++)
		fprintf(f, "%s%s%s", i == 0 ? " and inside4, " : " ",
			prefix_str(config->lan.inside4.v[i]).s, ",");
}

/* The line of mwan.conf that makes the network known. */
static void write_inside4(const struct config *config, struct prefix network, FILE *f)
{
	fputs("`inside4 = ", f);
	for (size_t i = 0; i < config->lan.inside4.n; i++)
		fprintf(f, "%s, ", prefix_str(config->lan.inside4.v[i]).s);
	fprintf(f, "%s`", prefix_str(network).s);
}

static void advise4(const struct config *config, const struct refused *one, FILE *f)
{
	char row[128] = "";

	if (!config->lan.router4.family) {
		fprintf(f, "give these hosts addresses of %s, or correct prefix4",
			prefix_str(config->lan.prefix4).s);
		return;
	}
	if (!config_any_wan(config, wan_masquerades4))
		snprintf(row, sizeof(row), " and `%s = %s PUBLIC, ...` in [map4]",
			 prefix_str(one->network).s, config->wans[0].name);
	fputs("if router4 leads there, ", f);
	write_inside4(config, one->network, f);
	fprintf(f,
		" in [lan]%s, then `update-routes`; else, at router4 (OPNsense: Firewall, NAT, "
		"Outbound), translate %s to an address in %s",
		row, prefix_str(one->network).s, prefix_str(config->lan.prefix4).s);
}

static void write_source(const struct config *config, const struct refused *one, FILE *f)
{
	bool six = one->first.family == AF_INET6;

	fputs("LAN: what comes from ", f);
	write_who(one, f);
	fputs(", is refused: mwan.conf knows only ", f);
	if (!six)
		write_known4(config, f);
	else
		fprintf(f, "prefix6, %s,",
			config->lan.prefix6.len > 0 ? prefix_str(config->lan.prefix6).s
						    : "which is not set");
	fputs(" inside\n", f);
	if (!six)
		advise4(config, one, f);
	else if (config_has_router6(config))
		fputs("at router6, give that network addresses of prefix6, or translate it to some",
		      f);
	else
		fputs("give these hosts addresses of prefix6", f);
}

static void write_unmapped(const struct refused *one, FILE *f)
{
	fprintf(f,
		"LAN: what comes from %s%s is refused: it is in no row of [map4], and no WAN "
		"masquerades\n"
		"a row for it in [map4], with a public address of each WAN; or `nat4 = "
		"masquerade` in a [wan]; then `update-routes`",
		addr_str(one->first).s, one->hosts > 1 ? " and others" : "");
}

static int diagnose(const struct patient *patient, const struct refused *one)
{
	bool known = config_inside_of(patient->config, one->first).len > 0;
	_cleanup_(freep) char *words = NULL;
	struct memory out = {};

	if (memory_open(&out) < 0)
		return -ENOMEM;
	if (known)
		write_unmapped(one, out.f);
	else
		write_source(patient->config, one, out.f);
	if (memory_close(&out, &words) < 0)
		return -ENOMEM;
	diagnosis_wrong(about_lan(patient->diagnosis),
			known ? "refused-unmapped" : "refused-source", "%s", words);
	return 0;
}

int doctor_judge_refused(const struct patient *patient, char *listing)
{
	_cleanup_(refused_list_done) struct refused_list list = {};
	int r = read_elements(patient->config, listing, &list);

	for (size_t i = 0; i < list.n && r == 0; i++)
		if (list.v[i].packets >= FEWEST_PACKETS)
			r = diagnose(patient, &list.v[i]);
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
