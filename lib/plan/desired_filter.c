// SPDX-License-Identifier: GPL-2.0-or-later
// The base filter's sets and chains that name this site's interfaces, and the counters of each WAN.
// Writes one command a line for each WAN, into the chunks that the base ruleset leaves empty.

#include "plan/desired_nft.h"

#include "model/counters.h"
#include "plan/directs.h"
#include "plan/elements.h"
#include "plan/hairpin_rules.h"
#include "plan/masqueraded.h"
#include "plan/tunnels.h"

#include <arpa/inet.h>
#include <string.h>

static void declare_counters(const struct wan_conf *wan, FILE *f)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		for (enum direction direction = 0; direction < N_DIRECTIONS; direction++)
			fprintf(f, "add counter inet filter %s\n",
				counter_name((struct counter){ wan->mark, family, direction }).s);
}

/*
 * A packet may leave by its own WAN, or by the LAN. Comparing an interface's name costs five times
 * as much as comparing a mark, and a look-up in a set costs more still. So an answer, which can
 * only go inside, is accepted first, and a WAN's name is compared once.
 *
 * A packet from a WAN never leaves by a WAN, also while the routes to the LAN are missing.
 */
static void fill_exits(const struct config *config, enum family family, FILE *f)
{
	const char *suffix = family == IPV6 ? "6" : "", *lan = config->lan.interface;

	fprintf(f, "# chain inet filter exits%s\n", suffix);
	if (family == IPV4)
		fputs("add rule inet filter exits meta nfproto ipv6 goto exits6\n", f);
	fprintf(f, "add rule inet filter exits%s ct direction reply oifname \"%s\" goto inside%s\n",
		suffix, lan, suffix);
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		fprintf(f,
			"add rule inet filter exits%s meta mark %u oifname \"%s\" iifname \"%s\" "
			"counter name \"%s\" accept\n",
			suffix, wan->mark, wan->interface, lan,
			counter_name((struct counter){ wan->mark, family, OUTBOUND }).s);
	}
	fprintf(f, "add rule inet filter exits%s oifname \"%s\" ct status dnat goto inside%s\n",
		suffix, lan, suffix);

	fprintf(f, "# chain inet filter inside%s\n", suffix);
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		fprintf(f,
			"add rule inet filter inside%s meta mark %u counter name \"%s\" accept\n",
			suffix, wan->mark,
			counter_name((struct counter){ wan->mark, family, INBOUND }).s);
	}
	hairpins_write_inside(config, family, f);
}

/*
 * Both ends of a connection are told what fits: as the mark says the WAN, no route has to be looked
 * up, which would be main's for the way back. A size is only ever lowered.
 */
static void lower_mss(const char *condition, enum family family, unsigned mtu, FILE *f)
{
	static const unsigned headers[N_FAMILIES] = { 20 + 20, 40 + 20 };

	if (mtu > headers[family])
		fprintf(f,
			"add rule inet filter mss %s meta nfproto %s tcp option maxseg size set "
			"%u\n",
			condition, family_word(family), mtu - headers[family]);
}

/* True when an earlier section has the same interface. */
static bool is_repeated(const struct config *config, size_t direct)
{
	for (size_t i = 0; i < direct; i++)
		if (strcmp(config->directs[i].interface, config->directs[direct].interface) == 0)
			return true;
	return false;
}

/* Flows to [direct] networks have no mark. */
static void fill_mss_directs(const struct site *site, enum family family, FILE *f)
{
	const struct config *config = site->config;

	for (size_t i = 0; i < config->n_directs; i++) {
		unsigned mtu = facts_direct_mtu(&site->facts, i, family);
		char condition[64];

		if (is_repeated(config, i))
			continue;
		snprintf(condition, sizeof(condition), "oifname \"%s\"",
			 config->directs[i].interface);
		lower_mss(condition, family, mtu, f);
		condition[0] = 'i';
		lower_mss(condition, family, mtu, f);
	}
}

static void fill_mss(const struct site *site, FILE *f)
{
	fputs("# chain inet filter mss\n", f);
	for (size_t i = 0; i < site->config->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			char condition[32];

			snprintf(condition, sizeof(condition), "meta mark %u",
				 site->config->wans[i].mark);
			lower_mss(condition, family, facts_mtu(&site->facts, i, family), f);
		}
	}
	for (enum family family = 0; family < N_FAMILIES; family++)
		fill_mss_directs(site, family, f);
}

static void refuse(struct prefix inside, FILE *f)
{
	if (inside.addr.family)
		fprintf(f, "add rule inet filter refuse %s saddr %s reject with icmpx no-route\n",
			af_nft(inside.addr.family), prefix_str(inside).s);
}

/* What is inside is told that there is no WAN for it. The base drops the rest. */
static void fill_refuse(const struct config *config, FILE *f)
{
	struct prefix inside6[] = { config->lan.prefix6, prefix_host(config->lan.router6) };

	fputs("# chain inet filter refuse\n", f);
	for (size_t i = 0; i < config_n_inside4(config); i++)
		refuse(config_inside4(config, i), f);
	for (size_t i = 0; i < ARRAY_SIZE(inside6); i++)
		refuse(inside6[i], f);
}

/* Our echo requests and the answers to them, by what they begin with. They are not tracked. */
static void fill_probes(const struct site *site, bool answers, FILE *f)
{
	const char *chain = answers ? "probes" : "probes_own";

	fprintf(f, "# chain inet filter %s\n", chain);
	for (enum family family = 0; site->facts.machine && family < N_FAMILIES; family++)
		fprintf(f, "add rule inet filter %s %s type %s @th,64,32 0x%08x notrack\n", chain,
			family == IPV4 ? "icmp" : "icmpv6", answers ? "echo-reply" : "echo-request",
			ntohl(site->facts.machine));
}

int desired_filter(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	const char *lan = config->lan.interface;
	struct elements wans = { f, "inet filter wan" };

	for (size_t i = 0; i < config->n_wans; i++)
		declare_counters(&config->wans[i], f);

	/* The first packet by one of its interfaces puts it in, too, before any run. */
	fputs("# set inet filter " MANAGEMENT_SET "\n", f);
	fputs(management_is_missing(&site->facts.management)
		      ? "flush set inet filter " MANAGEMENT_SET "\n"
		      : "add element inet filter " MANAGEMENT_SET " { 0 }\n",
	      f);
	fprintf(f, "# set inet filter lan\nadd element inet filter lan { \"%s\" }\n", lan);
	fprintf(f, "# set %s\n", wans.of);
	for (size_t i = 0; i < config->n_wans; i++)
		elements_add(&wans, "\"%s\"", config->wans[i].interface);
	elements_end(&wans);
	for (enum family family = 0; family < N_FAMILIES; family++)
		fill_exits(config, family, f);
	directs_write_filter(config, f);
	fill_probes(site, true, f);
	fill_probes(site, false, f);
	tunnels_write(site, f);
	fill_refuse(config, f);
	fputs("# chain inet filter shared\n", f);
	shared_addresses_write(site, "add rule inet filter shared", f);
	fill_mss(site, f);
	return 0;
}
