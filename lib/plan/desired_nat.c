// SPDX-License-Identifier: GPL-2.0-or-later
// Tables ip nat and ip6 nat: 1:1 maps, prefix translation (RFC 6296) and masquerade.
// Writes for each WAN the rules of the translation that mwan.conf and its prefix give it.

#include "plan/desired_nft.h"

#include "model/conflict.h"
#include "model/source.h"
#include "plan/elements.h"
#include "plan/hairpin_rules.h"
#include "plan/modems.h"

/* A WAN that masquerades leads the host in that has its lease; outbound, masquerade does. */
static void fill_map4(const struct site *site, bool outbound, FILE *f)
{
	const struct config *config = site->config;
	struct elements map = { f, outbound ? "ip nat outbound" : "ip nat inbound" };

	fprintf(f, "# map %s\n", map.of);
	for (size_t i = 0; i < config->n_map4_hosts; i++) {
		for (size_t w = 0; w < config->n_wans; w++) {
			struct addr_text inside = addr_str(config->map4[i].inside.addr);
			struct addr_text public = addr_str(map4_public(config, &site->facts, i, w));

			if (!map4_is_usable(config, &site->facts, i, w) ||
			    (outbound && !wan_maps4(&config->wans[w])))
				continue;
			elements_add(&map, "\"%s\" . %s : %s", config->wans[w].interface,
				     outbound ? inside.s : public.s,
				     outbound ? public.s : inside.s);
		}
	}
	elements_end(&map);
}

/* Many to one: hosts of a prefix share a public address, and only send from it. */
static void fill_prefixes4(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	for (size_t i = config->n_map4_hosts; i < config->n_map4; i++) {
		bool found = false;

		for (size_t w = 0; w < config->n_wans; w++) {
			if (!wan_maps4(&config->wans[w]) ||
			    !map4_is_usable(config, &site->facts, i, w))
				continue;
			if (found)
				fputs(", ", f);
			else
				fprintf(f,
					"add rule ip nat postrouting ip saddr %s snat to oifname "
					"map { ",
					prefix_str(config->map4[i].inside).s);
			fprintf(f, "\"%s\" : %s", config->wans[w].interface,
				addr_str(map4_public(config, &site->facts, i, w)).s);
			found = true;
		}
		if (found)
			fputs(" }\n", f);
	}
}

struct masquerade_text {
	char s[sizeof("snat to ") + ADDR_TEXT];
};

/*
 * nft's own masquerade takes the first address of the interface, whatever the route says. Where
 * there is no other, it is better: the kernel ends its flows when the address goes.
 */
static struct masquerade_text masquerade(const struct site *site, size_t wan, enum family family)
{
	struct masquerade_text text = { "masquerade" };

	if (!site->facts.wans[wan].link.sole[family])
		snprintf(text.s, sizeof(text.s), "snat to %s",
			 addr_str(source_of(site, wan, family)).s);
	return text;
}

int desired_nat(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	bool map = config_any_wan(config, wan_maps4), inbound = map || config->n_map4_hosts > 0;

	if (inbound)
		fputs("add map ip nat inbound { type ifname . ipv4_addr : ipv4_addr; }\n", f);
	if (map)
		fputs("add map ip nat outbound { type ifname . ipv4_addr : ipv4_addr; }\n", f);
	hairpins_declare_nat(config, IPV4, f);

	if (inbound)
		fill_map4(site, false, f);
	if (map)
		fill_map4(site, true, f);
	hairpins_write_nat(site, IPV4, f);

	fputs("# chain ip nat prerouting\n", f);
	hairpins_write_prerouting(config, IPV4, f);
	if (inbound) {
		/* Most new flows come from inside: skip the look-up for them. */
		fprintf(f, "add rule ip nat prerouting iifname \"%s\" accept\n",
			config->lan.interface);
		/*
		 * The leased address may be a mapped one. An answer of DHCP that is sent inside
		 * makes a flow, and the router no longer gets the answers to its renewals.
		 */
		fputs("add rule ip nat prerouting udp sport 67 udp dport 68 accept\n", f);
		fputs("add rule ip nat prerouting dnat to iifname . ip daddr map @inbound\n", f);
	}

	fputs("# chain ip nat postrouting\n", f);
	modems_write_nat(site, IPV4, f);
	if (map)
		fputs("add rule ip nat postrouting snat to oifname . ip saddr map @outbound\n", f);
	fill_prefixes4(site, f);
	for (size_t w = 0; w < config->n_wans; w++) {
		if (!wan_masquerades4(&config->wans[w]) || !source_of(site, w, IPV4).family)
			continue;
		for (size_t i = 0; i < config_n_inside4(config); i++)
			fprintf(f, "add rule ip nat postrouting oifname \"%s\" ip saddr %s %s\n",
				config->wans[w].interface, prefix_str(config_inside4(config, i)).s,
				masquerade(site, w, IPV4).s);
	}
	modems_write_rest(site, f);
	hairpins_write_postrouting(config, IPV4, f);
	return 0;
}

/* ---- ip6 nat: NPT ---- */

static void fill_dnpt(const struct site *site, size_t wan, FILE *f)
{
	const struct config *config = site->config;
	const struct link_fact *link = &site->facts.wans[wan].link;
	const char *ifname = config->wans[wan].interface;
	const char *rule = "add rule ip6 nat prerouting iifname";

	if (npt_active(config, &site->npt, wan) && config->lan.router6.family)
		fprintf(f, "%s \"%s\" ip6 daddr %s dnat to %s\n", rule, ifname,
			addr_str(npt_edge(config, &site->npt, wan)).s,
			addr_str(config->lan.router6).s);
	else if (npt_active(config, &site->npt, wan) && !config->lan.router4.family)
		/* The edge is this router, and no host inside. */
		fprintf(f, "%s \"%s\" ip6 daddr %s accept\n", rule, ifname,
			addr_str(npt_edge(config, &site->npt, wan)).s);

	for (size_t i = 0; i < link->n_addresses; i++)
		if (npt_leads_own(config, &site->npt, wan, link->addresses[i].addr))
			fprintf(f, "%s \"%s\" ip6 daddr %s dnat to %s\n", rule, ifname,
				addr_str(link->addresses[i].addr).s,
				addr_str(config->lan.router6).s);

	if (npt_active(config, &site->npt, wan))
		fprintf(f, "%s \"%s\" ip6 daddr %s dnat prefix to %s\n", rule, ifname,
			prefix_str(npt_outside(config, &site->npt, wan)).s,
			prefix_str(config->lan.prefix6).s);
}

static void fill_snpt(const struct site *site, size_t wan, FILE *f)
{
	const struct config *config = site->config;
	const char *ifname = config->wans[wan].interface;
	const char *rule = "add rule ip6 nat postrouting oifname";
	bool masquerades = npt_masquerades(config, &site->npt, wan);
	struct addr source = source_of(site, wan, IPV6);

	if (!source.family || (!masquerades && !npt_active(config, &site->npt, wan)))
		return;

	if (config->lan.router6.family) {
		fprintf(f, "%s \"%s\" ip6 saddr %s ", rule, ifname,
			addr_str(config->lan.router6).s);
		if (masquerades)
			fprintf(f, "%s\n", masquerade(site, wan, IPV6).s);
		else
			fprintf(f, "snat to %s\n", addr_str(source).s);
	}

	fprintf(f, "%s \"%s\" ip6 saddr %s ", rule, ifname, prefix_str(config->lan.prefix6).s);
	if (masquerades)
		fprintf(f, "%s\n", masquerade(site, wan, IPV6).s);
	else
		fprintf(f, "snat prefix to %s\n",
			prefix_str(npt_outside(config, &site->npt, wan)).s);
}

int desired_nat6(const struct site *site, FILE *f)
{
	hairpins_declare_nat(site->config, IPV6, f);
	hairpins_write_nat(site, IPV6, f);
	fputs("# chain ip6 nat prerouting\n", f);
	hairpins_write_prerouting(site->config, IPV6, f);
	for (size_t i = 0; i < site->config->n_wans; i++)
		fill_dnpt(site, i, f);
	fputs("# chain ip6 nat postrouting\n", f);
	modems_write_nat(site, IPV6, f);
	for (size_t i = 0; i < site->config->n_wans; i++)
		fill_snpt(site, i, f);
	hairpins_write_postrouting(site->config, IPV6, f);
	return 0;
}
