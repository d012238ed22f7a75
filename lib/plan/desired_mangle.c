// SPDX-License-Identifier: GPL-2.0-or-later
// Table inet mangle: gives each new flow the mark of its WAN.
// A flow from inside draws a WAN by a hash of what identifies it; one from a WAN stays there.

#include "plan/desired_nft.h"
#include "plan/directs.h"
#include "plan/draw.h"
#include "plan/forged.h"
#include "plan/groups.h"
#include "plan/hairpin_rules.h"
#include "plan/masqueraded.h"
#include "plan/modems.h"
#include "plan/rules.h"

/* A group of flows that choose among themselves, while it is written. */
struct mangle_group {
	const struct selection *selection;
	struct group_suffix suffix;
};

typedef void (*mangle_writer)(const struct mangle_group *group, FILE *f);

static void each_selection(const struct site *site, mangle_writer write, FILE *f)
{
	for (enum family family = 0; family < N_FAMILIES; family++) {
		for (size_t i = 0; i < site->selections.n; i++) {
			const struct selection *selection = &site->selections.v[i];
			const struct flow_group *of = &selection->group;
			struct mangle_group group = {
				.selection = selection,
				.suffix = group_suffix(site->config, of),
			};

			if (of->family == family)
				write(&group, f);
		}
	}
}

/* The map from the number that a new flow draws to the mark of a WAN. */
static void declare_share(const struct mangle_group *group, FILE *f)
{
	fprintf(f,
		"add map inet mangle share%s { typeof numgen random mod %d : ct mark; flags "
		"interval; }\n",
		group->suffix.s, SLOTS);
}

static void fill_share(const struct mangle_group *group, FILE *f)
{
	const struct selection *selection = group->selection;

	fprintf(f, "# map inet mangle share%s\n", group->suffix.s);
	for (size_t i = 0; i < selection->n_ranges; i++)
		fprintf(f, "add element inet mangle share%s { %u-%u : %u }\n", group->suffix.s,
			selection->ranges[i].first, selection->ranges[i].last,
			selection->ranges[i].mark);
}

static void declare_choose(const struct mangle_group *group, FILE *f)
{
	fprintf(f, "add chain inet mangle choose%s\n", group->suffix.s);
}

/* A rule that draws: the source of the number, and the selection whose share it is of. */
static void draw(const struct mangle_group *group, const char *condition, const char *source,
		 FILE *f)
{
	const char *suffix = group->suffix.s;

	fprintf(f, "add rule inet mangle choose%s %sct mark set %s map @share%s\n", suffix,
		condition, source, suffix);
}

static void draw_by_hash(const struct mangle_group *group, const char *condition, const char *of,
			 FILE *f)
{
	const char *ip = family_nft(group->selection->group.family);
	char source[160];

	snprintf(source, sizeof(source), "jhash %s saddr%s%s%s mod %d seed 0x%x", ip,
		 *of ? " . " : "", *of ? ip : "", of, SLOTS, DRAW_SEED);
	draw(group, condition, source, f);
}

/*
 * Sets the mark of a flow that has none, by a hash of what identifies it: when its first packets
 * race on two CPUs, both choose alike. Of a protocol without ports, the first four bytes behind the
 * IP header are hashed, such as the SPI of ESP; a packet that has fewer draws by chance.
 */
static void fill_choose(const struct mangle_group *group, FILE *f)
{
	const char *suffix = group->suffix.s;
	char source[64];

	fprintf(f, "# chain inet mangle choose%s\n", suffix);
	switch (group->selection->group.mode) {
	case BALANCE_FLOW:
		draw_by_hash(group, "",
			     group->selection->group.family == IPV4 ? " daddr . icmp id"
								    : " daddr . icmpv6 id",
			     f);
		draw_by_hash(group, "ct mark 0 ", " daddr . th sport . th dport", f);
		snprintf(source, sizeof(source), "numgen random mod %d", SLOTS);
		draw(group, "ct mark 0 ", source, f);
		break;
	case BALANCE_SOURCE:
		draw_by_hash(group, "", "", f);
		break;
	case BALANCE_SOURCE_DESTINATION:
		draw_by_hash(group, "", " daddr", f);
		break;
	}
	/* Where nobody carries, the flow has got none. */
	fprintf(f, "add rule inet mangle choose%s ct mark != 0 meta mark set ct mark\n", suffix);
}

/*
 * Answers to a packet leave by the WAN that it came in on; answers to the router itself stay
 * unmarked. A source that cannot come from there is refused with the first packet, so that later
 * ones pay nothing. What is of no flow begins none: answers to probes, and errors about them. They,
 * and a DHCP server, may have a private address.
 */
static void fill_from_wan(const struct site *site, size_t i, FILE *f)
{
	const struct wan_conf *wan = &site->config->wans[i];
	char rule[80];

	snprintf(rule, sizeof(rule), "add rule inet mangle wan_%s", wan->name);
	fprintf(f, "# chain inet mangle wan_%s\n", wan->name);
	fprintf(f, "%s ct status confirmed accept\n", rule);
	fprintf(f, "%s ct state invalid,untracked accept\n", rule);
	fprintf(f, "%s meta nfproto ipv4 udp sport 67 udp dport 68 accept\n", rule);
	forged_write_wan(site, i, rule, f);
	fprintf(f, "%s ct mark set %u\n", rule, wan->mark);
	fprintf(f, "%s meta mark set %u\n", rule, wan->mark);
}

static void fill_prerouting(const struct config *config, FILE *f)
{
	const char *rule = "add rule inet mangle prerouting";

	fputs("# chain inet mangle prerouting\n", f);
	/* The first packet of the flow has chosen its WAN. */
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
	/* From other interfaces: what an admin lets pass. */
	fprintf(f, "%s meta mark 0 meta mark set %d\n", rule, MARK_SEEN);
}

int desired_mangle(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	_cleanup_(rule_maps_done) struct rule_maps maps = {};
	int r = rule_maps_make(config, &maps);

	if (r < 0)
		return r;
	each_selection(site, declare_share, f);
	fputs("add chain inet mangle from_lan\n", f);
	forged_declare(f);
	hairpins_declare(config, f);
	masqueraded_declare(config, f);
	/* nft sends the elements of a new map along with the map: their chains have to be there. */
	modems_declare(config, f);
	directs_declare(config, f);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f, "add chain inet mangle wan_%s\n", config->wans[i].name);
	each_selection(site, declare_choose, f);
	rules_declare(config, &maps, f);
	r = flow_groups_declare(site, f);
	if (r < 0)
		return r;

	each_selection(site, fill_share, f);
	each_selection(site, fill_choose, f);
	modems_write_chains(config, f);
	directs_write_elements(site, f);
	forged_write(site, f);
	for (size_t i = 0; i < config->n_wans; i++)
		fill_from_wan(site, i, f);
	hairpins_write(site, f);
	rules_write_maps(config, &maps, f);
	r = flow_groups_write(site, &maps, f);
	if (r < 0)
		return r;
	masqueraded_write(site, f);
	fill_prerouting(config, f);
	return 0;
}
