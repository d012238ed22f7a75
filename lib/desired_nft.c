#include "desired_nft.h"

#include "util.h"

#include <errno.h>
#include <string.h>

/* Any fixed number: one flow then chooses alike on all CPUs and after a reboot. */
#define HASH_SEED "0x6d77616e"

#define NAT_BASE_CHAINS                                                                            \
	"\tchain prerouting {\n"                                                                   \
	"\t\ttype nat hook prerouting priority dstnat; policy accept;\n"                           \
	"\t}\n\n"                                                                                  \
	"\tchain postrouting {\n"                                                                  \
	"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"                          \
	"\t}\n"

const struct nft_part_info nft_parts[N_NFT_PARTS] = {
	[NFT_FILTER] = {
		.name = "filter",
		.list = "list table inet filter",
		.wipe = "flush set inet filter lan\nflush set inet filter wan\n"
			"flush chain inet filter exits\nflush chain inet filter exits6\n"
			"flush chain inet filter inside\nflush chain inet filter inside6\n"
			"flush chain inet filter masqueraded\n"
			"flush map inet filter paths\n",
		.pristine = "\tchain exits {\n\t}\n"
			    "\tchain exits6 {\n\t}\n"
			    "\tchain inside {\n\t}\n"
			    "\tchain inside6 {\n\t}\n"
			    "\tchain masqueraded {\n\t}\n"
			    "\tmap paths {\n\t\ttype ifname . ifname : verdict\n\t}\n"
			    "\tset lan {\n\t\ttype ifname\n\t}\n"
			    "\tset wan {\n\t\ttype ifname\n\t}\n",
	},
	[NFT_MANGLE] = {
		.name = "mangle",
		.list = "list table inet mangle",
		.wipe = "delete table inet mangle\n",
		.create = "add table inet mangle\n"
			  "add chain inet mangle prerouting { type filter hook prerouting priority mangle; policy accept; }\n",
		.pristine = "table inet mangle {\n\tchain prerouting {\n"
			    "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
			    "\t}\n}\n",
	},
	[NFT_NAT] = {
		.name = "nat",
		.list = "list table ip nat",
		.wipe = "delete table ip nat\n",
		.create = "add table ip nat\n"
			  "add chain ip nat prerouting { type nat hook prerouting priority dstnat; policy accept; }\n"
			  "add chain ip nat postrouting { type nat hook postrouting priority srcnat; policy accept; }\n",
		.pristine = "table ip nat {\n" NAT_BASE_CHAINS "}\n",
	},
	[NFT_NAT6] = {
		.name = "nat6",
		.list = "list table ip6 nat",
		.wipe = "delete table ip6 nat\n",
		.create = "add table ip6 nat\n"
			  "add chain ip6 nat prerouting { type nat hook prerouting priority dstnat; policy accept; }\n"
			  "add chain ip6 nat postrouting { type nat hook postrouting priority srcnat; policy accept; }\n",
		.pristine = "table ip6 nat {\n" NAT_BASE_CHAINS "}\n",
	},
};

void nft_texts_done(struct nft_texts *texts)
{
	for (size_t i = 0; i < N_NFT_PARTS; i++)
		free(texts->v[i]);
	*texts = (struct nft_texts){};
}

/* What the writers below work from. */
struct site {
	const struct config *config;
	const struct facts *facts;
	const struct npt_state *npt;
	const struct selection *selections; /* by family */
	const struct selection *unmapped4;
};

static bool maps4(const struct wan_conf *wan)
{
	return !wan->masquerade4 && wan->gateway_mode[IPV4] != GATEWAY_NONE;
}

static bool masquerades4(const struct wan_conf *wan)
{
	return wan->masquerade4 && wan->gateway_mode[IPV4] != GATEWAY_NONE;
}

static bool any_wan(const struct config *config, bool (*is)(const struct wan_conf *))
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (is(&config->wans[i]))
			return true;
	return false;
}

/* ---- inet filter: the interfaces by name, and what leaves by them ---- */

bool nft_is_counter(const char *name)
{
	const char *direction;
	int end = 0;

	sscanf(name, "m%*3[0-9]_ipv%*1[46]_%n", &end);
	direction = name + end;
	return end > 0 && (strncmp(direction, "in ", 3) == 0 || strncmp(direction, "out ", 4) == 0);
}

static void declare_counters(const struct wan_conf *wan, FILE *f)
{
	static const char *const counts[] = { "ipv4_out", "ipv4_in", "ipv6_out", "ipv6_in" };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		fprintf(f, "add counter inet filter m%u_%s\n", wan->mark, counts[i]);
}

/*
 * To compare an interface's name costs five times a mark, and to look either up still
 * more: what an answer can only be, inside, is asked first, and a WAN's name once.
 *
 * What came in on a WAN leaves by none, also while the routes to the LAN are missing.
 */
static void fill_exits(const struct config *config, enum family family, FILE *f)
{
	const char *suffix = family == IPV6 ? "6" : "", *lan = config->lan.interface;
	unsigned version = family == IPV6 ? 6 : 4;

	fprintf(f, "# chain inet filter exits%s\n", suffix);
	if (family == IPV4)
		fputs("add rule inet filter exits meta nfproto ipv6 goto exits6\n", f);
	fprintf(f, "add rule inet filter exits%s ct direction reply oifname \"%s\" goto inside%s\n",
		suffix, lan, suffix);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f,
			"add rule inet filter exits%1$s meta mark %2$u oifname \"%3$s\" "
			"iifname \"%5$s\" counter name \"m%2$u_ipv%4$u_out\" accept\n",
			suffix, config->wans[i].mark, config->wans[i].interface, version, lan);
	fprintf(f, "add rule inet filter exits%s oifname \"%s\" goto inside%s\n", suffix, lan,
		suffix);

	fprintf(f, "# chain inet filter inside%s\n", suffix);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f,
			"add rule inet filter inside%1$s meta mark %2$u "
			"counter name \"m%2$u_ipv%3$u_in\" accept\n",
			suffix, config->wans[i].mark, version);
}

/* Of a WAN that has lost its address, a flow must not begin with another's. */
static void fill_masqueraded(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	fputs("# chain inet filter masqueraded\n", f);
	for (size_t i = 0; i < config->n_wans; i++) {
		bool by_family[N_FAMILIES] = { masquerades4(&config->wans[i]),
					       npt_masquerades(config, site->npt, i) };

		for (enum family family = 0; family < N_FAMILIES; family++)
			if (by_family[family])
				fprintf(f,
					"add rule inet filter masqueraded meta nfproto %s oifname "
					"\"%s\" "
					"fib saddr type local fib saddr . oif type != local "
					"counter drop "
					"comment \"masqueraded: another interface's address\"\n",
					family_word(family), config->wans[i].interface);
	}
}

static void write_filter(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	const char *lan = config->lan.interface;

	for (size_t i = 0; i < config->n_wans; i++)
		declare_counters(&config->wans[i], f);

	fprintf(f, "# set inet filter lan\nadd element inet filter lan { \"%s\" }\n", lan);
	fputs("# set inet filter wan\n", f);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f, "add element inet filter wan { \"%s\" }\n", config->wans[i].interface);
	for (enum family family = 0; family < N_FAMILIES; family++)
		fill_exits(config, family, f);
	fill_masqueraded(site, f);
	fputs("# map inet filter paths\n", f);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f,
			"add element inet filter paths { \"%s\" . \"%s\" : jump outbound }\n"
			"add element inet filter paths { \"%s\" . \"%s\" : jump inbound }\n",
			lan, config->wans[i].interface, config->wans[i].interface, lan);
}

/* ---- inet mangle: the WAN of each flow ---- */

static void declare_share(const char *name, FILE *f)
{
	/* The number that a new flow draws, and whose it is. */
	fprintf(f,
		"add map inet mangle %s { typeof numgen random mod %d : ct mark; flags interval; "
		"}\n",
		name, SLOTS);
}

static void fill_share(const char *name, const struct selection *selection, FILE *f)
{
	fprintf(f, "# map inet mangle %s\n", name);
	for (size_t i = 0; i < selection->n_ranges; i++)
		fprintf(f, "add element inet mangle %s { %u-%u : %u }\n", name,
			selection->ranges[i].first, selection->ranges[i].last,
			selection->ranges[i].mark);
}

/*
 * Sets the mark of a flow that has none, by a hash of what identifies it: when
 * its first packets race on two CPUs, both choose alike. Where there are no
 * ports, only chance is left.
 */
static void fill_choose(const struct config *config, const char *chain, const char *ip,
			const char *icmp, const char *share, FILE *f)
{
	const char *rule = "add rule inet mangle";

	fprintf(f, "# chain inet mangle %s\n", chain);
	switch (config->balance) {
	case BALANCE_FLOW:
		fprintf(f,
			"%s %s ct mark set jhash %s saddr . %s daddr . %s id mod %d seed %s map "
			"@%s\n",
			rule, chain, ip, ip, icmp, SLOTS, HASH_SEED, share);
		fprintf(f,
			"%s %s ct mark 0 ct mark set jhash %s saddr . %s daddr . th sport . th "
			"dport "
			"mod %d seed %s map @%s\n",
			rule, chain, ip, ip, SLOTS, HASH_SEED, share);
		fprintf(f, "%s %s ct mark 0 ct mark set numgen random mod %d map @%s\n", rule,
			chain, SLOTS, share);
		break;
	case BALANCE_SOURCE:
		fprintf(f, "%s %s ct mark set jhash %s saddr mod %d seed %s map @%s\n", rule, chain,
			ip, SLOTS, HASH_SEED, share);
		break;
	case BALANCE_SOURCE_DESTINATION:
		fprintf(f, "%s %s ct mark set jhash %s saddr . %s daddr mod %d seed %s map @%s\n",
			rule, chain, ip, ip, SLOTS, HASH_SEED, share);
		break;
	}
	fprintf(f, "%s %s meta mark set ct mark\n", rule, chain);
}

/* Only sources that can be translated choose a WAN; the filter refuses the rest. */
static void fill_from_lan(const struct config *config, FILE *f)
{
	const char *rule = "add rule inet mangle from_lan";
	bool map = any_wan(config, maps4), masquerade = any_wan(config, masquerades4);

	fputs("# chain inet mangle from_lan\n", f);
	/* A flow older than these rules has no translation and never gets one. */
	fprintf(f, "%s ct status confirmed accept\n", rule);

	if (map) {
		fprintf(f, "%s ip saddr { ", rule);
		for (size_t i = 0; i < config->n_map4; i++)
			fprintf(f, "%s%s", i ? ", " : "", addr_str(config->map4[i].inside).s);
		fputs(" } goto choose4\n", f);
	}
	if (masquerade)
		fprintf(f, "%s ip saddr %s goto %s\n", rule, prefix_str(config->lan.prefix4).s,
			map ? "choose4_unmapped" : "choose4");
	if (config->lan.prefix6.len > 0)
		fprintf(f, "%s ip6 saddr %s goto choose6\n", rule,
			prefix_str(config->lan.prefix6).s);
	if (config->lan.router6.family)
		fprintf(f, "%s ip6 saddr %s goto choose6\n", rule, addr_str(config->lan.router6).s);
}

/*
 * What comes in on a WAN is answered on it. Answers to the router itself stay
 * unmarked, and so does what claims to come from inside: the filter drops it.
 */
static void fill_from_wan(const struct config *config, const struct wan_conf *wan, FILE *f)
{
	const char *rule = "add rule inet mangle wan_";

	fprintf(f, "# chain inet mangle wan_%s\n", wan->name);
	fprintf(f, "%s%s ct status confirmed accept\n", rule, wan->name);
	fprintf(f, "%s%s ip saddr %s accept\n", rule, wan->name, prefix_str(config->lan.prefix4).s);
	if (config->lan.prefix6.len > 0)
		fprintf(f, "%s%s ip6 saddr %s accept\n", rule, wan->name,
			prefix_str(config->lan.prefix6).s);
	if (config->lan.router6.family)
		fprintf(f, "%s%s ip6 saddr %s accept\n", rule, wan->name,
			addr_str(config->lan.router6).s);
	fprintf(f, "%s%s ct mark set %u\n", rule, wan->name, wan->mark);
	fprintf(f, "%s%s meta mark set %u\n", rule, wan->name, wan->mark);
}

static void fill_prerouting(const struct config *config, FILE *f)
{
	const char *rule = "add rule inet mangle prerouting";

	fputs("# chain inet mangle prerouting\n", f);
	/* Whatever the flow, its WAN was chosen with its first packet. */
	fprintf(f, "%s ct mark != 0 meta mark set ct mark accept\n", rule);
	fprintf(f,
		"%s icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
		"nd-neighbor-advert, nd-redirect } accept\n",
		rule);
	fprintf(f, "%s iifname vmap { \"%s\" : goto from_lan", rule, config->lan.interface);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f, ", \"%s\" : goto wan_%s", config->wans[i].interface,
			config->wans[i].name);
	fputs(" }\n", f);
}

static void write_mangle(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	bool mixed = any_wan(config, maps4) && any_wan(config, masquerades4);

	declare_share("share4", f);
	if (mixed)
		declare_share("share4_unmapped", f);
	declare_share("share6", f);
	fputs("add chain inet mangle from_lan\n", f);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f, "add chain inet mangle wan_%s\n", config->wans[i].name);
	fputs("add chain inet mangle choose4\n", f);
	if (mixed)
		fputs("add chain inet mangle choose4_unmapped\n", f);
	fputs("add chain inet mangle choose6\n", f);

	fill_share("share4", &site->selections[IPV4], f);
	if (mixed)
		fill_share("share4_unmapped", site->unmapped4, f);
	fill_share("share6", &site->selections[IPV6], f);

	fill_choose(config, "choose4", "ip", "icmp", "share4", f);
	if (mixed)
		fill_choose(config, "choose4_unmapped", "ip", "icmp", "share4_unmapped", f);
	fill_choose(config, "choose6", "ip6", "icmpv6", "share6", f);

	for (size_t i = 0; i < config->n_wans; i++)
		fill_from_wan(config, &config->wans[i], f);
	fill_from_lan(config, f);
	fill_prerouting(config, f);
}

/* ---- ip nat: 1:1 maps and masquerade ---- */

static void fill_map4(const struct config *config, bool outbound, FILE *f)
{
	const char *map = outbound ? "outbound" : "inbound";

	fprintf(f, "# map ip nat %s\n", map);
	for (size_t i = 0; i < config->n_map4; i++) {
		for (size_t w = 0; w < config->n_wans; w++) {
			struct addr_text inside = addr_str(config->map4[i].inside);
			struct addr_text public = addr_str(config->map4[i].public[w]);

			if (!config->map4[i].public[w].family || !maps4(&config->wans[w]))
				continue;
			fprintf(f, "add element ip nat %s { \"%s\" . %s : %s }\n", map,
				config->wans[w].interface, outbound ? inside.s : public.s,
				outbound ? public.s : inside.s);
		}
	}
}

static void write_nat(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	bool map = any_wan(config, maps4);

	if (map)
		fputs("add map ip nat inbound { type ifname . ipv4_addr : ipv4_addr; }\n"
		      "add map ip nat outbound { type ifname . ipv4_addr : ipv4_addr; }\n",
		      f);

	if (map) {
		fill_map4(config, false, f);
		fill_map4(config, true, f);
	}

	fputs("# chain ip nat prerouting\n", f);
	if (map) {
		/* Most new flows come from inside, and have nothing to look up here. */
		fprintf(f, "add rule ip nat prerouting iifname \"%s\" accept\n",
			config->lan.interface);
		/*
		 * The leased address may be a mapped one. Sent inside, an answer of DHCP also
		 * makes a flow that keeps the router from hearing the answers to its renewals.
		 */
		fputs("add rule ip nat prerouting udp sport 67 udp dport 68 accept\n", f);
		fputs("add rule ip nat prerouting dnat to iifname . ip daddr map @inbound\n", f);
	}

	fputs("# chain ip nat postrouting\n", f);
	if (map)
		fputs("add rule ip nat postrouting snat to oifname . ip saddr map @outbound\n", f);
	for (size_t i = 0; i < config->n_wans; i++)
		if (masquerades4(&config->wans[i]))
			fprintf(f,
				"add rule ip nat postrouting oifname \"%s\" ip saddr %s "
				"masquerade\n",
				config->wans[i].interface, prefix_str(config->lan.prefix4).s);
}

/* ---- ip6 nat: NPT ---- */

static void fill_dnpt(const struct site *site, size_t wan, FILE *f)
{
	const struct config *config = site->config;
	const struct link_fact *link = &site->facts->wans[wan].link;
	const char *ifname = config->wans[wan].interface;
	const char *rule = "add rule ip6 nat prerouting iifname";
	struct prefix delegated = site->npt->delegated[wan];

	if (npt_active(config, site->npt, wan) && config->lan.router6.family)
		fprintf(f, "%s \"%s\" ip6 daddr %s dnat to %s\n", rule, ifname,
			addr_str(npt_edge(config, site->npt, wan)).s,
			addr_str(config->lan.router6).s);

	for (size_t i = 0; config->wans[wan].hairpin6 && i < link->n_addresses; i++)
		if (link->addresses[i].addr.family == AF_INET6 &&
		    (delegated.len == 0 || !prefix_contains(delegated, link->addresses[i].addr)))
			fprintf(f, "%s \"%s\" ip6 daddr %s dnat to %s\n", rule, ifname,
				addr_str(link->addresses[i].addr).s,
				addr_str(config->lan.router6).s);

	if (npt_active(config, site->npt, wan))
		fprintf(f, "%s \"%s\" ip6 daddr %s dnat prefix to %s\n", rule, ifname,
			prefix_str(npt_outside(config, site->npt, wan)).s,
			prefix_str(config->lan.prefix6).s);
}

static void fill_snpt(const struct site *site, size_t wan, FILE *f)
{
	const struct config *config = site->config;
	const char *ifname = config->wans[wan].interface;
	const char *rule = "add rule ip6 nat postrouting oifname";
	bool masquerade = npt_masquerades(config, site->npt, wan);

	if (!masquerade && !npt_active(config, site->npt, wan))
		return;

	if (config->lan.router6.family) {
		fprintf(f, "%s \"%s\" ip6 saddr %s ", rule, ifname,
			addr_str(config->lan.router6).s);
		if (masquerade)
			fputs("masquerade\n", f);
		else
			fprintf(f, "snat to %s\n", addr_str(npt_edge(config, site->npt, wan)).s);
	}

	fprintf(f, "%s \"%s\" ip6 saddr %s ", rule, ifname, prefix_str(config->lan.prefix6).s);
	if (masquerade)
		fputs("masquerade\n", f);
	else
		fprintf(f, "snat prefix to %s\n",
			prefix_str(npt_outside(config, site->npt, wan)).s);
}

static void write_nat6(const struct site *site, FILE *f)
{
	fputs("# chain ip6 nat prerouting\n", f);
	for (size_t i = 0; i < site->config->n_wans; i++)
		fill_dnpt(site, i, f);
	fputs("# chain ip6 nat postrouting\n", f);
	for (size_t i = 0; i < site->config->n_wans; i++)
		fill_snpt(site, i, f);
}

int desired_nft(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct selection selections[N_FAMILIES], const struct selection *unmapped4,
		struct nft_texts *ret)
{
	static void (*const writers[N_NFT_PARTS])(const struct site *, FILE *) = {
		[NFT_FILTER] = write_filter,
		[NFT_MANGLE] = write_mangle,
		[NFT_NAT] = write_nat,
		[NFT_NAT6] = write_nat6,
	};
	const struct site site = { config, facts, npt, selections, unmapped4 };
	_cleanup_(nft_texts_done) struct nft_texts texts = {};

	for (size_t i = 0; i < N_NFT_PARTS; i++) {
		size_t size;
		FILE *f = open_memstream(&texts.v[i], &size);

		if (!f)
			return -ENOMEM;
		writers[i](&site, f);
		if (fclose(f) != 0)
			return -ENOMEM;
	}

	*ret = TAKE(texts);
	return 0;
}
