// SPDX-License-Identifier: GPL-2.0-or-later
// The groups of flows from inside that choose a WAN among themselves.
// Sources that not all WANs can translate choose among those that can.

#include "plan/groups.h"

#include "base/util.h"
#include "model/conflict.h"
#include "plan/desired_nft.h"
#include "plan/directs.h"
#include "plan/hairpin_rules.h"
#include "plan/rules.h"

/* The group after those of the families: IPv4 sources that are in no [map4]. */
static bool has_unmapped(const struct config *config)
{
	return config_any_wan(config, wan_maps4) && config_any_wan(config, wan_masquerades4);
}

void flow_groups_done(struct flow_groups *groups)
{
	free(groups->v);
	*groups = (struct flow_groups){};
}

int flow_groups_list(const struct site *site, struct flow_groups *ret)
{
	_cleanup_(flow_groups_done) struct flow_groups groups = {};
	const struct config *config = site->config;
	struct flow_group unmapped = { .sources = SOURCES_UNMAPPED, .name = "unmapped" };
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++)
		r = APPEND(groups.v, groups.n, (struct flow_group){ .family = family });
	if (r == 0 && has_unmapped(config))
		r = APPEND(groups.v, groups.n, unmapped);
	for (size_t i = 0; i < config->n_map4 && r == 0; i++) {
		struct flow_group host = { .sources = SOURCES_MAP4, .map4 = i };

		if (!map4_is_left_out(config, &site->facts, i))
			continue;
		snprintf(host.name, sizeof(host.name), "%s",
			 prefix_brief_str(config->map4[i].inside).s);
		r = APPEND(groups.v, groups.n, host);
	}
	if (r == 0)
		*ret = TAKE(groups);
	return r;
}

bool flow_group_has(const struct site *site, const struct flow_group *group, size_t wan)
{
	const struct config *config = site->config;
	bool masquerades = wan_masquerades4(&config->wans[wan]);

	if (!config->policies[group->policy].wans[wan])
		return false;
	switch (group->sources) {
	case SOURCES_UNMAPPED:
		return masquerades;
	case SOURCES_MAP4:
		return masquerades || map4_is_usable(config, &site->facts, group->map4, wan);
	case SOURCES_ALL:
		break;
	}
	return true;
}

struct group_suffix group_suffix(const struct config *config, const struct flow_group *group)
{
	const char *policy = config->policies[group->policy].name;
	struct group_suffix suffix;

	snprintf(suffix.s, sizeof(suffix.s), "%c%s%s%s%s", family_digit(group->family),
		 *group->name ? "_" : "", group->name, *policy ? "/" : "", policy);
	return suffix;
}

/* ---- the chains ---- */

/* More hosts than this are in a set, where each policy has to know them. */
#define FEW_HOSTS 16

/* The hosts of [map4]. */
struct mapped_hosts {
	bool *left_out; /* owned; by the line's index: some WAN can't translate it */
	size_t n;	/* the others */
	char set[24];	/* that has these, and is named for them; "": there is none */
};

static void hosts_done(struct mapped_hosts *hosts)
{
	free(hosts->left_out);
}

static int find_hosts(const struct site *site, struct mapped_hosts *ret)
{
	const struct config *config = site->config;
	uint32_t hash = 2166136261U; /* FNV-1a */

	ret->left_out = calloc(config->n_map4_hosts + 1, sizeof(*ret->left_out));
	if (!ret->left_out)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_map4_hosts; i++) {
		ret->left_out[i] = map4_is_left_out(config, &site->facts, i);
		if (ret->left_out[i])
			continue;
		hash = (hash ^ config->map4[i].inside.addr.in.s_addr) * 16777619U;
		ret->n++;
	}
	if (config->n_rules > 0 && ret->n > FEW_HOSTS)
		snprintf(ret->set, sizeof(ret->set), "mapped.%08x", hash);
	return 0;
}

static void write_hosts(const struct config *config, const struct mapped_hosts *hosts, FILE *f)
{
	const char *separator = "";

	for (size_t i = 0; i < config->n_map4_hosts; i++) {
		if (hosts->left_out[i])
			continue;
		fprintf(f, "%s%s", separator, prefix_brief_str(config->map4[i].inside).s);
		separator = ", ";
	}
}

int flow_groups_declare(const struct site *site, FILE *f)
{
	_cleanup_(hosts_done) struct mapped_hosts hosts = {};
	int r = find_hosts(site, &hosts);

	if (r == 0 && *hosts.set)
		fprintf(f, "add set inet mangle %s { type ipv4_addr; }\n", hosts.set);
	return r;
}

/* A chain that leads to the groups of one policy. */
struct group_writer {
	const struct site *site;
	const struct mapped_hosts *hosts;
	char rule[144];	  /* "add rule inet mangle from_lan" */
	char policy[100]; /* what names of its chains end in: "", "/att" */
	FILE *f;
};

/* One that is left out somewhere has a chain of its own, the others share one. */
static void write_line(const struct group_writer *writer, size_t map4)
{
	const struct config *config = writer->site->config;
	struct prefix_text inside = prefix_brief_str(config->map4[map4].inside);
	bool own = map4_is_left_out(config, &writer->site->facts, map4);

	fprintf(writer->f, "%s ip saddr %s goto choose4%s%s%s\n", writer->rule, inside.s,
		own ? "_" : "", own ? inside.s : "", writer->policy);
}

/* A host's line comes before a prefix that holds it, and so does a longer prefix. */
static void write_mapped(const struct group_writer *writer)
{
	const struct config *config = writer->site->config;
	const struct mapped_hosts *hosts = writer->hosts;

	for (size_t i = 0; i < config->n_map4_hosts; i++)
		if (hosts->left_out[i])
			write_line(writer, i);
	if (*hosts->set) {
		fprintf(writer->f, "%s ip saddr @%s goto choose4%s\n", writer->rule, hosts->set,
			writer->policy);
	} else if (hosts->n > 0) {
		fprintf(writer->f, "%s ip saddr { ", writer->rule);
		write_hosts(config, hosts, writer->f);
		fprintf(writer->f, " } goto choose4%s\n", writer->policy);
	}
	for (size_t i = config->n_map4_hosts; i < config->n_map4; i++)
		write_line(writer, i);
}

/* Only sources that can be translated choose a WAN; the filter refuses the rest. */
static void write_groups(const struct group_writer *writer)
{
	const struct config *config = writer->site->config;
	const char *rule = writer->rule, *policy = writer->policy;
	bool masquerades = config_any_wan(config, wan_masquerades4);
	FILE *f = writer->f;

	write_mapped(writer);
	for (size_t i = 0; masquerades && i < config_n_inside4(config); i++)
		fprintf(f, "%s ip saddr %s goto choose4%s%s\n", rule,
			prefix_str(config_inside4(config, i)).s,
			has_unmapped(config) ? "_unmapped" : "", policy);
	if (config->lan.prefix6.len > 0)
		fprintf(f, "%s ip6 saddr %s goto choose6%s\n", rule,
			prefix_str(config->lan.prefix6).s, policy);
	if (config->lan.router6.family)
		fprintf(f, "%s ip6 saddr %s goto choose6%s\n", rule,
			addr_str(config->lan.router6).s, policy);
}

static struct group_writer writer_for(const struct site *site, const struct mapped_hosts *hosts,
				      const char *chain, size_t policy, FILE *f)
{
	const char *name = site->config->policies[policy].name;
	struct group_writer writer = { .site = site, .hosts = hosts, .f = f };

	snprintf(writer.rule, sizeof(writer.rule), "add rule inet mangle %s", chain);
	snprintf(writer.policy, sizeof(writer.policy), "%s%s", *name ? "/" : "", name);
	return writer;
}

/*
 * Where the hosts are on the link itself, the router has an address there that may leave by a WAN,
 * and answers to it would be let in as to a flow of its own. The kernel drops IPv4 sources of its
 * own, but not IPv6.
 */
static void refuse_own_source(const struct config *config, const char *rule, FILE *f)
{
	if (!config->lan.router4.family && config->lan.prefix6.len > 0)
		fprintf(f,
			"%s ip6 saddr %s fib saddr type local fib daddr type unicast counter drop "
			"comment \"from the LAN: an address of this router\"\n",
			rule, prefix_str(config->lan.prefix6).s);
}

/* With rules, each policy has a chain, to which they lead; without, all flows take one way. */
int flow_groups_write(const struct site *site, const struct rule_maps *maps, FILE *f)
{
	const struct config *config = site->config;
	_cleanup_(hosts_done) struct mapped_hosts hosts = {};
	struct group_writer writer = writer_for(site, &hosts, "from_lan", 0, f);
	int r = find_hosts(site, &hosts);

	if (r < 0)
		return r;
	if (*hosts.set) {
		fprintf(f, "# set inet mangle %s\nadd element inet mangle %s { ", hosts.set,
			hosts.set);
		write_hosts(config, &hosts, f);
		fputs(" }\n", f);
	}
	for (size_t i = 0; i < config->n_policies && config->n_rules > 0; i++) {
		struct policy_chain chain = policy_chain(config, i);
		struct group_writer of_policy = writer_for(site, &hosts, chain.s, i, f);

		fprintf(f, "# chain inet mangle %s\n", chain.s);
		/* Instead of the rank of a rule. */
		fprintf(f, "%s meta mark set %d\n", of_policy.rule, MARK_SEEN);
		write_groups(&of_policy);
	}
	fputs("# chain inet mangle from_lan\n", f);
	fprintf(f, "%s meta mark set %d\n", writer.rule, MARK_SEEN);
	/* A flow older than these rules has no translation and never gets one. */
	fprintf(f, "%s ct status confirmed accept\n", writer.rule);
	refuse_own_source(config, writer.rule, f);
	directs_write_lookup(config, writer.rule, f);
	hairpins_write_from_lan(config, f);

	if (config->n_rules == 0) {
		write_groups(&writer);
		return 0;
	}
	rules_write_lookups(config, maps, writer.rule, f);
	fprintf(f, "%s goto %s\n", writer.rule, policy_chain(config, 0).s);
	return 0;
}
