// SPDX-License-Identifier: GPL-2.0-or-later
// The groups of flows from inside that choose a WAN among themselves.
// Sources that not all WANs can translate choose among those that can.

#include "plan/groups.h"

#include "model/conflict.h"
#include "plan/hairpin_rules.h"

/* The group after those of the families: IPv4 sources that are in no [map4]. */
static bool has_unmapped(const struct config *config)
{
	return config_any_wan(config, wan_maps4) && config_any_wan(config, wan_masquerades4);
}

/* The line of [map4] that is the n-th to be left out on a WAN; n_map4: there is none. */
static size_t nth_left_out(const struct site *site, size_t n)
{
	size_t i = 0;

	for (; i < site->config->n_map4; i++)
		if (map4_is_left_out(site->config, &site->facts, i) && n-- == 0)
			break;
	return i;
}

size_t flow_group_count(const struct site *site)
{
	size_t n = N_FAMILIES + has_unmapped(site->config);

	for (size_t i = 0; i < site->config->n_map4; i++)
		n += map4_is_left_out(site->config, &site->facts, i);
	return n;
}

/* What group is it, beside those of the families? n_map4: sources that are in no [map4]. */
static size_t map4_of(const struct site *site, size_t group)
{
	size_t n = group - N_FAMILIES;

	if (!has_unmapped(site->config))
		return nth_left_out(site, n);
	return n == 0 ? site->config->n_map4 : nth_left_out(site, n - 1);
}

struct flow_group flow_group_at(const struct site *site, size_t group)
{
	struct flow_group ret = { .mode = site->config->balance };
	size_t map4;

	if (group < N_FAMILIES) {
		ret.family = (enum family)group;
		return ret;
	}
	map4 = map4_of(site, group);
	ret.family = IPV4;
	snprintf(ret.name, sizeof(ret.name), "%s",
		 map4 < site->config->n_map4 ? addr_str(site->config->map4[map4].inside).s
					     : "unmapped");
	return ret;
}

bool flow_group_has(const struct site *site, size_t group, size_t wan)
{
	bool masquerades = wan_masquerades4(&site->config->wans[wan]);
	size_t map4;

	if (group < N_FAMILIES)
		return true;
	map4 = map4_of(site, group);
	return masquerades || (map4 < site->config->n_map4 &&
			       map4_is_usable(site->config, &site->facts, map4, wan));
}

struct group_suffix group_suffix(struct flow_group group)
{
	struct group_suffix suffix;

	snprintf(suffix.s, sizeof(suffix.s), "%c%s%s", family_digit(group.family),
		 *group.name ? "_" : "", group.name);
	return suffix;
}

/* One that is left out somewhere has a chain of its own, the others share one. */
static void write_mapped(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	const char *rule = "add rule inet mangle from_lan";
	size_t n = 0;

	for (size_t i = 0; i < config->n_map4; i++) {
		struct addr_text inside = addr_str(config->map4[i].inside);

		if (map4_is_left_out(config, &site->facts, i))
			fprintf(f, "%s ip saddr %s goto choose4_%s\n", rule, inside.s, inside.s);
	}
	for (size_t i = 0; i < config->n_map4; i++) {
		if (map4_is_left_out(config, &site->facts, i))
			continue;
		fprintf(f, "%s%s%s", n ? "" : rule, n ? ", " : " ip saddr { ",
			addr_str(config->map4[i].inside).s);
		n++;
	}
	if (n > 0)
		fputs(" } goto choose4\n", f);
}

/* Only sources that can be translated choose a WAN; the filter refuses the rest. */
void flow_groups_write(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	const char *rule = "add rule inet mangle from_lan";
	bool masquerades = config_any_wan(config, wan_masquerades4);

	fputs("# chain inet mangle from_lan\n", f);
	/* A flow older than these rules has no translation and never gets one. */
	fprintf(f, "%s ct status confirmed accept\n", rule);
	hairpins_write_from_lan(config, f);

	write_mapped(site, f);
	for (size_t i = 0; masquerades && i < config_n_inside4(config); i++)
		fprintf(f, "%s ip saddr %s goto choose4%s\n", rule,
			prefix_str(config_inside4(config, i)).s,
			has_unmapped(config) ? "_unmapped" : "");
	if (config->lan.prefix6.len > 0)
		fprintf(f, "%s ip6 saddr %s goto choose6\n", rule,
			prefix_str(config->lan.prefix6).s);
	if (config->lan.router6.family)
		fprintf(f, "%s ip6 saddr %s goto choose6\n", rule, addr_str(config->lan.router6).s);
}
