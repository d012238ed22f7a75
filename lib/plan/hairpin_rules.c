// SPDX-License-Identifier: GPL-2.0-or-later
// The rules that turn flows from inside round to hosts inside.
// Maps by address find the WAN and the host, and another one the source that the host is shown.

#include "plan/hairpin_rules.h"

#include "model/conflict.h"
#include "model/source.h"
#include "plan/desired_nft.h"
#include "plan/elements.h"

bool hairpins_possible(const struct config *config, enum family family)
{
	return config->lan.hairpin &&
	       (family == IPV4 ? config->n_map4_hosts > 0 : config->lan.prefix6.len > 0);
}

/* ---- inet mangle ---- */

void hairpins_declare(const struct config *config, FILE *f)
{
	if (!config->lan.hairpin)
		return;
	fputs("add chain inet mangle hairpin\n"
	      "add map inet mangle hairpin4 { type ipv4_addr : mark; }\n"
	      "add map inet mangle hairpin6 { type ipv6_addr : mark; flags interval; }\n",
	      f);
}

/* True for an address that has no place in the map, for a block has it. */
static bool is_in_block(const struct hairpins *hairpins, struct addr addr)
{
	for (size_t i = hairpins->n_hosts; i < hairpins->n; i++)
		if (prefix_contains(hairpins->v[i].outside, addr))
			return true;
	return false;
}

static void fill_marks(const struct site *site, enum family family, FILE *f)
{
	const struct hairpins *hairpins = &site->hairpins;
	struct elements marks = { f, family == IPV4 ? "inet mangle hairpin4"
						    : "inet mangle hairpin6" };

	fprintf(f, "# map %s\n", marks.of);
	for (size_t i = 0; i < hairpins->n; i++) {
		const struct hairpin *at = &hairpins->v[i];
		bool is_host = i < hairpins->n_hosts;

		if (at->outside.addr.family != family_af(family) ||
		    (is_host && is_in_block(hairpins, at->outside.addr)))
			continue;
		elements_add(&marks, "%s : %u",
			     is_host ? addr_str(at->outside.addr).s : prefix_str(at->outside).s,
			     HAIRPIN_MARK + site->config->wans[at->wan].mark);
	}
	elements_end(&marks);
}

void hairpins_write(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	struct prefix inside6[] = { config->lan.prefix6, prefix_host(config->lan.router6) };

	if (!config->lan.hairpin)
		return;
	fill_marks(site, IPV4, f);
	fill_marks(site, IPV6, f);
	/* Whoever claims a source that is not inside is refused, as on the way to a WAN. */
	fputs("# chain inet mangle hairpin\n", f);
	for (size_t i = 0; i < config_n_inside4(config); i++)
		fprintf(f, "add rule inet mangle hairpin ip saddr %s accept\n",
			prefix_str(config_inside4(config, i)).s);
	for (size_t i = 0; i < ARRAY_SIZE(inside6); i++)
		if (inside6[i].addr.family)
			fprintf(f, "add rule inet mangle hairpin ip6 saddr %s accept\n",
				prefix_str(inside6[i]).s);
	fprintf(f, "add rule inet mangle hairpin meta mark set %d\n", MARK_SEEN);
}

void hairpins_write_from_lan(const struct config *config, FILE *f)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (hairpins_possible(config, family))
			fprintf(f,
				"add rule inet mangle from_lan meta mark set %s daddr map "
				"@hairpin%c goto hairpin\n",
				family_nft(family), family_digit(family));
}

/* ---- ip nat, ip6 nat ---- */

void hairpins_declare_nat(const struct config *config, enum family family, FILE *f)
{
	if (!hairpins_possible(config, family))
		return;
	if (family == IPV4)
		fputs("add map ip nat hairpin { type ipv4_addr : ipv4_addr; }\n"
		      "add map ip nat hairpin_sources { type mark . ipv4_addr : ipv4_addr; }\n"
		      "add chain ip nat hairpin_out\n",
		      f);
	else
		fputs("add chain ip6 nat hairpin_in\n"
		      "add chain ip6 nat hairpin_out\n",
		      f);
}

static void fill_destinations4(const struct site *site, FILE *f)
{
	struct elements destinations = { f, "ip nat hairpin" };

	fprintf(f, "# map %s\n", destinations.of);
	for (size_t i = 0; i < site->hairpins.n_hosts; i++) {
		const struct hairpin *at = &site->hairpins.v[i];

		if (at->outside.addr.family == AF_INET)
			elements_add(&destinations, "%s : %s", addr_str(at->outside.addr).s,
				     addr_str(at->inside.addr).s);
	}
	elements_end(&destinations);
}

static void fill_destinations6(const struct site *site, FILE *f)
{
	fputs("# chain ip6 nat hairpin_in\n", f);
	for (size_t i = 0; i < site->hairpins.n; i++) {
		const struct hairpin *at = &site->hairpins.v[i];

		if (at->outside.addr.family != AF_INET6)
			continue;
		if (!at->inside.addr.family)
			fprintf(f, "add rule ip6 nat hairpin_in ip6 daddr %s accept\n",
				addr_str(at->outside.addr).s);
		else if (i < site->hairpins.n_hosts)
			fprintf(f, "add rule ip6 nat hairpin_in ip6 daddr %s dnat to %s\n",
				addr_str(at->outside.addr).s, addr_str(at->inside.addr).s);
		else
			fprintf(f, "add rule ip6 nat hairpin_in ip6 daddr %s dnat prefix to %s\n",
				prefix_str(at->outside).s, prefix_str(at->inside).s);
	}
}

static uint32_t mark_of(const struct site *site, size_t wan)
{
	return HAIRPIN_MARK + site->config->wans[wan].mark;
}

static void fill_sources4(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	struct elements sources = { f, "ip nat hairpin_sources" };

	fprintf(f, "# map %s\n", sources.of);
	for (size_t i = 0; i < config->n_map4_hosts; i++)
		for (size_t w = 0; w < config->n_wans; w++)
			if (map4_is_usable(config, &site->facts, i, w))
				elements_add(&sources, "%u . %s : %s", mark_of(site, w),
					     addr_str(config->map4[i].inside.addr).s,
					     addr_str(map4_public(config, &site->facts, i, w)).s);
	elements_end(&sources);
}

/* Those of whole networks, the smallest first. */
static void write_prefixes4(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	for (size_t i = config->n_map4_hosts; i < config->n_map4; i++)
		for (size_t w = 0; w < config->n_wans; w++)
			if (map4_is_usable(config, &site->facts, i, w))
				fprintf(f,
					"add rule ip nat hairpin_out meta mark %u ip saddr %s snat "
					"to %s\n",
					mark_of(site, w), prefix_str(config->map4[i].inside).s,
					addr_str(map4_public(config, &site->facts, i, w)).s);
}

static void write_npt(const struct site *site, const struct hairpin *block, FILE *f)
{
	const struct config *config = site->config;

	if (config->lan.router6.family)
		fprintf(f, "add rule ip6 nat hairpin_out meta mark %u ip6 saddr %s snat to %s\n",
			mark_of(site, block->wan), addr_str(config->lan.router6).s,
			addr_str(prefix_nth(block->outside, 1)).s);
	fprintf(f, "add rule ip6 nat hairpin_out meta mark %u ip6 saddr %s snat prefix to %s\n",
		mark_of(site, block->wan), prefix_str(block->inside).s,
		prefix_str(block->outside).s);
}

/* Who has no address of his own on the WAN shows the WAN's, or else the router's on the LAN. */
static void fill_out(const struct site *site, enum family family, FILE *f)
{
	const struct config *config = site->config;
	const char *table = family_nft(family);

	fprintf(f, "# chain %s nat hairpin_out\n", table);
	if (family == IPV4) {
		fputs("add rule ip nat hairpin_out snat to meta mark . ip saddr map "
		      "@hairpin_sources\n",
		      f);
		write_prefixes4(site, f);
	}
	for (size_t i = 0; i < config->n_wans; i++) {
		bool masquerades = family == IPV4 ? wan_masquerades4(&config->wans[i])
						  : npt_masquerades(config, &site->npt, i);

		const struct hairpin *block =
			family == IPV6 ? hairpins_block(&site->hairpins, i) : NULL;

		if (block)
			write_npt(site, block, f);
		else if (masquerades && source_of(site, i, family).family)
			fprintf(f, "add rule %s nat hairpin_out meta mark %u snat to %s\n", table,
				mark_of(site, i), addr_str(source_of(site, i, family)).s);
	}
	fprintf(f, "add rule %s nat hairpin_out masquerade\n", table);
}

void hairpins_write_nat(const struct site *site, enum family family, FILE *f)
{
	if (!hairpins_possible(site->config, family))
		return;
	if (family == IPV4) {
		fill_destinations4(site, f);
		fill_sources4(site, f);
	} else {
		fill_destinations6(site, f);
	}
	fill_out(site, family, f);
}

void hairpins_write_prerouting(const struct config *config, enum family family, FILE *f)
{
	if (hairpins_possible(config, family))
		fprintf(f, "add rule %s nat prerouting meta mark >= %u %s\n", family_nft(family),
			HAIRPIN_MARK,
			family == IPV4 ? "dnat to ip daddr map @hairpin" : "goto hairpin_in");
}

void hairpins_write_postrouting(const struct config *config, enum family family, FILE *f)
{
	if (hairpins_possible(config, family))
		fprintf(f,
			"add rule %s nat postrouting meta mark >= %u oifname \"%s\" goto "
			"hairpin_out\n",
			family_nft(family), HAIRPIN_MARK, config->lan.interface);
}

/* ---- inet filter ---- */

void hairpins_write_inside(const struct config *config, enum family family, FILE *f)
{
	if (hairpins_possible(config, family))
		fprintf(f, "add rule inet filter inside%s iifname \"%s\" ct status dnat accept\n",
			family == IPV6 ? "6" : "", config->lan.interface);
}
