// SPDX-License-Identifier: GPL-2.0-or-later
// Sources that no new flow from a WAN can have, as rules that drop them.
// A block that the internet does not have may still be a WAN's own, for instance behind a modem.

#include "plan/forged.h"

#include "base/util.h"
#include "model/conflict.h"
#include "plan/elements.h"

/* Behind one modem may be another, and the ISP's own NAT: where one block is, all may be. */
#define PRIVATE true

/*
 * RFC 6890's, without the blocks for documentation: nobody on the internet has those, and test
 * networks play the internet with them. fe80::/10 is a neighbour's, and is not forwarded.
 */
static const struct forged_block {
	const char *text;
	bool is_private;
} blocks[N_FAMILIES][16] = {
	[IPV4] = { { "0.0.0.0/8" },
		   { "10.0.0.0/8", PRIVATE },
		   { "100.64.0.0/10", PRIVATE },
		   { "127.0.0.0/8" },
		   { "169.254.0.0/16" },
		   { "172.16.0.0/12", PRIVATE },
		   { "192.0.0.0/24" },
		   { "192.168.0.0/16", PRIVATE },
		   { "198.18.0.0/15" },
		   { "224.0.0.0/4" },
		   { "240.0.0.0/4" } },
	[IPV6] = { { "::/128" },
		   { "::1/128" },
		   { "::ffff:0:0/96" },
		   { "100::/64" },
		   { "2001:2::/48" },
		   { "2001:10::/28" },
		   { "fc00::/7" },
		   { "ff00::/8" } },
};

static void refuse_own(struct prefix own, FILE *f)
{
	if (own.addr.family && own.len > 0)
		fprintf(f,
			"add rule inet mangle forged %s saddr %s counter drop comment \"from a "
			"WAN: a source of this site\"\n",
			af_nft(own.addr.family), prefix_str(own).s);
}

void forged_declare(FILE *f)
{
	fputs("add chain inet mangle forged\n", f);
	fputs("add set inet mangle own4 { type ipv4_addr; }\n", f);
	fputs("add set inet mangle own6 { type ipv6_addr; }\n", f);
}

static void add_own(struct addr own, int family, struct elements *elements)
{
	if (own.family == family)
		elements_add(elements, "%s", addr_str(own).s);
}

/* The addresses of the WANs' interfaces, and those of [map4]. */
static void fill_own(const struct site *site, enum family family, FILE *f)
{
	const struct config *config = site->config;
	struct elements own = { f, family == IPV4 ? "inet mangle own4" : "inet mangle own6" };
	int af = family_af(family);

	fprintf(f, "# set %s\n", own.of);
	for (size_t w = 0; w < config->n_wans; w++) {
		const struct link_fact *link = &site->facts.wans[w].link;

		for (size_t i = 0; i < link->n_addresses; i++)
			add_own(link->addresses[i].addr, af, &own);
		for (size_t i = 0; i < config->n_map4; i++)
			if (map4_is_usable(config, &site->facts, i, w))
				add_own(map4_public(config, &site->facts, i, w), af, &own);
	}
	elements_end(&own);
}

void forged_write(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	fill_own(site, IPV4, f);
	fill_own(site, IPV6, f);
	fputs("# chain inet mangle forged\n", f);
	for (size_t i = 0; i < config_n_inside4(config); i++)
		refuse_own(config_inside4(config, i), f);
	refuse_own(config->lan.prefix6, f);
	refuse_own(prefix_host(config->lan.router6), f);
	for (size_t i = 0; i < config->n_wans; i++)
		refuse_own(site->npt.delegated[i], f);
	for (size_t i = 0; i < config->n_directs; i++)
		for (size_t n = 0; n < config->directs[i].networks.n; n++)
			refuse_own(config->directs[i].networks.v[n], f);
	for (enum family family = 0; family < N_FAMILIES; family++)
		fprintf(f,
			"add rule inet mangle forged %s saddr @own%c counter drop comment \"from a "
			"WAN: an address of this router\"\n",
			family_nft(family), family_digit(family));
}

/* True when the WAN itself, or its gateway, has an address of the block. */
static bool is_wans(const struct site *site, size_t wan, struct prefix block)
{
	const struct wan_facts *fact = &site->facts.wans[wan];
	enum family family = family_of_af(block.addr.family);
	const struct config *config = site->config;

	if (prefix_contains(block, fact->gateway[family].via) ||
	    prefix_contains(block, config->wans[wan].gateway[family]) ||
	    (site->npt.delegated[wan].len > 0 && prefix_overlaps(block, site->npt.delegated[wan])))
		return true;
	for (size_t i = 0; i < fact->link.n_addresses; i++)
		if (prefix_contains(block, fact->link.addresses[i].addr))
			return true;
	for (size_t i = 0; i < config->n_map4; i++)
		if (prefix_contains(block, config->map4[i].publics[wan].addr))
			return true;
	return false;
}

static struct prefix block_prefix(const struct forged_block *block)
{
	struct prefix prefix = {};

	prefix_parse(block->text, AF_UNSPEC, &prefix);
	return prefix;
}

static bool is_behind_nat(const struct site *site, size_t wan, enum family family)
{
	for (const struct forged_block *at = blocks[family]; at->text; at++)
		if (at->is_private && is_wans(site, wan, block_prefix(at)))
			return true;
	return false;
}

void forged_write_wan(const struct site *site, size_t wan, const char *rule, FILE *f)
{
	fprintf(f, "%s jump forged\n", rule);
	for (enum family family = 0; family < N_FAMILIES; family++) {
		bool behind_nat = is_behind_nat(site, wan, family);
		const char *before = "{ ";

		fprintf(f, "%s %s saddr ", rule, family_nft(family));
		for (const struct forged_block *at = blocks[family]; at->text; at++) {
			if (is_wans(site, wan, block_prefix(at)) || (at->is_private && behind_nat))
				continue;
			fprintf(f, "%s%s", before, at->text);
			before = ", ";
		}
		fputs(" } counter drop comment \"from a WAN: a source that the internet does not "
		      "have\"\n",
		      f);
	}
}

/* A public, delegated or inside address of this site. */
static bool is_own(const struct site *site, struct addr addr)
{
	const struct config *config = site->config;

	if (config_inside_of(config, addr).len > 0)
		return true;
	for (size_t w = 0; w < config->n_wans; w++) {
		if (link_has_address(&site->facts.wans[w].link, addr) ||
		    (site->npt.delegated[w].len > 0 &&
		     prefix_contains(site->npt.delegated[w], addr)))
			return true;
		for (size_t i = 0; i < config->n_map4; i++)
			if (map4_is_usable(config, &site->facts, i, w) &&
			    addr_cmp(map4_public(config, &site->facts, i, w), addr) == 0)
				return true;
	}
	return false;
}

bool forged_is(const struct site *site, size_t wan, struct addr source)
{
	enum family family = family_of_af(source.family);
	bool behind_nat = is_behind_nat(site, wan, family);

	if (is_own(site, source))
		return true;
	for (const struct forged_block *at = blocks[family]; at->text; at++)
		if (!is_wans(site, wan, block_prefix(at)) && !(at->is_private && behind_nat) &&
		    prefix_contains(block_prefix(at), source))
			return true;
	return false;
}
