// SPDX-License-Identifier: GPL-2.0-or-later
// Rules that give tunnels without ports a connection zone for each WAN.
// A rule works out in the packet's mark who is meant inside, and in its last byte the zone.

#include "plan/tunnels.h"

#include "base/util.h"
#include "model/conflict.h"
#include "plan/elements.h"
#include "plan/tunnels_shared.h"

#include <string.h>

#define SET_ZONE "meta mark set meta mark & 0xffffff00 | "

/* What is known by single addresses, and what by the rest of an address in a prefix. */
enum tunnel_kind {
	TUNNELS_HOSTS4,
	TUNNELS_HOSTS6,
	TUNNELS_PREFIX6,
	N_TUNNEL_KINDS,
};

static const char *const kind_names[N_TUNNEL_KINDS] = { "4", "6", "6_prefix" };

/* What names a tunnel: who is meant inside, its peer, its protocol. */
struct tunnel_key {
	char s[160];
};

static struct tunnel_key key_of(const struct config *config, enum tunnel_kind kind, bool in)
{
	const char *own = in ? "daddr" : "saddr", *peer = in ? "saddr" : "daddr";
	struct tunnel_key key;
	struct prefix rest = { .addr.family = AF_INET6 };

	if (kind == TUNNELS_PREFIX6) {
		for (unsigned bit = config->lan.prefix6.len; bit < 128; bit++)
			rest.addr.bytes[bit / 8] |= 0x80 >> bit % 8;
		snprintf(key.s, sizeof(key.s),
			 "{ meta mark . ip6 %s & %s . ip6 %s . meta l4proto }", own,
			 addr_str(rest.addr).s, peer);
	} else {
		snprintf(key.s, sizeof(key.s), "{ meta mark . %s %s . meta l4proto }",
			 kind == TUNNELS_HOSTS4 ? "ip" : "ip6", peer);
	}
	return key;
}

#define ROUTER6 0x7fffff

/* Which WAN an IPv6 peer was seen on last: errors about him quote who is meant. */
#define PEER6 "tunnels6_peers { meta mark & 0x000000ff . ip6 saddr }"

/* ICMP errors about packets without ports, by what they quote. */
static const char *const errors[N_FAMILIES] = {
	[IPV4] = "icmp type { destination-unreachable, time-exceeded, parameter-problem } "
		 "@th,136,8 != { 1, 6, 17, 33, 132, 136 }",
	[IPV6] = "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, "
		 "parameter-problem } @th,112,8 != { 6, 17, 33, 58, 132, 136 }",
};

/* True where the site has such tunnels; with a single WAN, no peer can move. */
static bool has(const struct site *site, enum tunnel_kind kind)
{
	const struct config *config = site->config;

	for (size_t i = 0; config->n_wans > 1 && i < config->n_wans; i++)
		if (kind == TUNNELS_HOSTS4 ? tunnels_lead_in4(config, i)
					   : npt_active(config, &site->npt, i))
			return kind != TUNNELS_HOSTS6 || config->lan.router6.family;
	return false;
}

static void fill_hosts4(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	size_t n_hosts = has(site, TUNNELS_HOSTS4) ? config->n_map4_hosts : 0;
	struct elements public = { f, "inet filter tunnels_public4" };
	struct elements inside = { f, "inet filter tunnels_inside4" };

	fprintf(f, "# map %s\n", public.of);
	for (size_t i = 0; i < n_hosts; i++)
		for (size_t w = 0; w < config->n_wans; w++)
			if (map4_is_usable(config, &site->facts, i, w))
				elements_add(&public, "\"%s\" . %s : %u", config->wans[w].interface,
					     addr_str(map4_public(config, &site->facts, i, w)).s,
					     tunnel_mark(i, config->wans[w].mark));
	elements_end(&public);
	fprintf(f, "# map %s\n", inside.of);
	for (size_t i = 0; i < n_hosts; i++)
		elements_add(&inside, "%s : %u", addr_str(config->map4[i].inside.addr).s,
			     tunnel_mark(i, 0));
	elements_end(&inside);
}

/* From a WAN: the peer's tunnel is there now, and on no other WAN. */
static void fill_in(const struct site *site, enum tunnel_kind kind, FILE *f)
{
	const struct config *config = site->config;
	const char *name = kind_names[kind];

	fprintf(f, "# chain inet filter tunnels%s_in\n", name);
	if (!has(site, kind))
		return;
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f,
			ADD "tunnels%s_in " SET_ZONE
			    "%u iifname != \"%s\" delete @tunnels%s %s%s\n",
			name, config->wans[i].mark, config->wans[i].interface, name,
			key_of(config, kind, true).s,
			kind == TUNNELS_HOSTS4 ? "" : " delete @" PEER6);
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f, ADD "tunnels%s_in iifname \"%s\" ct zone set %u\n", name,
			config->wans[i].interface, config->wans[i].mark);
	fprintf(f, ADD "tunnels%s_in " RESET "\n", name);
}

/* From inside: to where the peer was seen last. */
static void fill_out(const struct site *site, enum tunnel_kind kind, FILE *f)
{
	const struct config *config = site->config;
	const char *name = kind_names[kind];
	struct tunnel_key key = key_of(config, kind, false);

	fprintf(f, "# chain inet filter tunnels%s_out\n", name);
	if (!has(site, kind))
		return;
	for (size_t i = 0; i < config->n_wans; i++)
		fprintf(f,
			ADD "tunnels%s_out " SET_ZONE "%u %.*s @tunnels%s update @tunnels%s %s "
			    "ct zone set %u\n",
			name, config->wans[i].mark, (int)strlen(key.s) - 4, key.s + 2, name, name,
			key.s, config->wans[i].mark);
	fprintf(f, ADD "tunnels%s_out " RESET "\n", name);
}

/* The rest of a rule that has found out who is meant by a packet from a WAN. */
static void enter(const struct config *config, enum tunnel_kind kind, FILE *f)
{
	fprintf(f, " update @tunnels%s %s update @%s goto tunnels%s_in\n", kind_names[kind],
		key_of(config, kind, true).s,
		kind == TUNNELS_HOSTS4 ? "tunnels_seen { meta mark }" : PEER6, kind_names[kind]);
}

/* With hosts on the LAN link itself, the edge is this router's, whose tunnels have no zones. */
static void pass_own(const struct site *site, size_t wan, const char *chain, FILE *f)
{
	if (!site->config->lan.router4.family)
		fprintf(f, ADD "%s iifname \"%s\" ip6 daddr %s accept\n", chain,
			site->config->wans[wan].interface,
			addr_str(npt_edge(site->config, &site->npt, wan)).s);
}

static void fill_tunnels6(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (!npt_active(config, &site->npt, i))
			continue;
		if (config->lan.router6.family) {
			fprintf(f, ADD "tunnels iifname \"%s\" ip6 daddr %s meta mark set %u",
				wan->interface, addr_str(npt_edge(config, &site->npt, i)).s,
				tunnel_mark(ROUTER6, wan->mark));
			enter(config, TUNNELS_HOSTS6, f);
		}
		pass_own(site, i, "tunnels", f);
		fprintf(f, ADD "tunnels iifname \"%s\" ip6 daddr %s meta mark set %u",
			wan->interface, prefix_str(npt_outside(config, &site->npt, i)).s,
			wan->mark);
		enter(config, TUNNELS_PREFIX6, f);
	}
	if (config->lan.router6.family)
		fprintf(f,
			ADD "tunnels iifname \"%s\" ip6 saddr %s meta mark set %u goto "
			    "tunnels6_out\n",
			config->lan.interface, addr_str(config->lan.router6).s,
			tunnel_mark(ROUTER6, 0));
	if (config->lan.prefix6.len > 0)
		fprintf(f, ADD "tunnels iifname \"%s\" ip6 saddr %s goto tunnels6_prefix_out\n",
			config->lan.interface, prefix_str(config->lan.prefix6).s);
}

static void fill_tunnels(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	fputs("# chain inet filter tunnels\n", f);
	if (!has(site, TUNNELS_HOSTS4) && !has(site, TUNNELS_PREFIX6))
		return;
	/* nft finds other words for them, such as ipv6-icmp, only where netbase is installed. */
	fputs(ADD "tunnels meta l4proto { icmp, icmpv6 } goto tunnels_errors\n", f);
	fputs(ADD "tunnels meta l4proto { dccp, sctp, udplite } accept\n", f);
	tunnels_write_shared_in(site, f);
	fputs(ADD "tunnels meta mark set iifname . ip daddr map @tunnels_public4", f);
	enter(config, TUNNELS_HOSTS4, f);
	tunnels_write_masqueraded_out(site, f);
	fprintf(f,
		ADD "tunnels iifname \"%s\" meta mark set ip saddr map @tunnels_inside4 goto "
		    "tunnels4_out\n",
		config->lan.interface);
	tunnels_write_networks_out(config, f);
	fill_tunnels6(site, f);
	fputs(ADD "tunnels " RESET "\n", f);
}

/*
 * An error belongs to the zone of what it quotes: from a WAN, and to one, to the WAN's, if the host
 * that is meant has tunnels there. The quoted peer can't be looked up.
 */
static void fill_errors(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	const char *lan = config->lan.interface;

	fputs("# chain inet filter tunnels_errors\n", f);
	if (!has(site, TUNNELS_HOSTS4) && !has(site, TUNNELS_PREFIX6))
		return;
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		fprintf(f,
			ADD "tunnels_errors iifname \"%s\" %s meta mark set iifname . ip daddr map "
			    "@tunnels_public4 meta mark @tunnels_seen ct zone set %u\n",
			wan->interface, errors[IPV4], wan->mark);
		fprintf(f,
			ADD "tunnels_errors iifname \"%s\" %s meta mark set ip saddr map "
			    "@tunnels_inside4 " SET_ZONE "%u meta mark @tunnels_seen ct zone set "
			    "%u\n",
			lan, errors[IPV4], wan->mark, wan->mark);
		if (!npt_active(config, &site->npt, i))
			continue;
		pass_own(site, i, "tunnels_errors", f);
		fprintf(f, ADD "tunnels_errors iifname \"%s\" ip6 daddr %s %s ct zone set %u\n",
			wan->interface, prefix_str(npt_outside(config, &site->npt, i)).s,
			errors[IPV6], wan->mark);
		fprintf(f,
			ADD "tunnels_errors iifname \"%s\" %s meta mark set %u meta mark . ip6 "
			    "daddr @tunnels6_peers ct zone set %u\n",
			lan, errors[IPV6], wan->mark, wan->mark);
	}
	fputs(ADD "tunnels_errors " RESET "\n", f);
}

/* The router's own errors about what came in on a WAN. */
static void fill_own(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	fputs("# chain inet filter tunnels_own\n", f);
	for (size_t i = 0; i < config->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (has(site, family == IPV4 ? TUNNELS_HOSTS4 : TUNNELS_PREFIX6))
				fprintf(f,
					ADD "tunnels_own meta mark %u oifname \"%s\" %s ct zone "
					    "set %u\n",
					config->wans[i].mark, config->wans[i].interface,
					errors[family], config->wans[i].mark);
	if (has(site, TUNNELS_HOSTS4))
		tunnels_write_own(site, f);
}

/* What is known of the peer of a packet from inside is forgotten, if it is of this zone. */
static void forget(const struct site *site, size_t wan, FILE *f)
{
	const struct config *config = site->config;
	unsigned zone = config->wans[wan].mark;

	if (has(site, TUNNELS_HOSTS4) && tunnels_lead_in4(config, wan))
		fprintf(f,
			ADD "tunnels_moved ct zone %u meta mark set ip saddr map "
			    "@tunnels_inside4 " SET_ZONE "%u delete @tunnels4 %s\n",
			zone, zone, key_of(config, TUNNELS_HOSTS4, false).s);
	if (!npt_active(config, &site->npt, wan))
		return;
	if (has(site, TUNNELS_HOSTS6))
		fprintf(f,
			ADD "tunnels_moved ct zone %u ip6 saddr %s meta mark set %u delete "
			    "@tunnels6 %s\n",
			zone, addr_str(config->lan.router6).s, tunnel_mark(ROUTER6, zone),
			key_of(config, TUNNELS_HOSTS6, false).s);
	if (has(site, TUNNELS_PREFIX6))
		fprintf(f,
			ADD "tunnels_moved ct zone %u ip6 saddr %s meta mark set %u delete "
			    "@tunnels6_prefix %s\n",
			zone, prefix_str(config->lan.prefix6).s, zone,
			key_of(config, TUNNELS_PREFIX6, false).s);
}

/*
 * A flow whose peer was on another WAN has got one that masquerades. From there, answers tell of
 * nobody inside, but of the host that has the lease, and come in no zone, or the WAN's. So its
 * first packet is given up, and what was known of the peer: the next one begins the flow in no
 * zone.
 */
static void fill_moved(const struct site *site, FILE *f)
{
	const struct config *config = site->config;
	const char *chosen = ADD "tunnels_chosen meta nfproto";

	fputs("# chain inet filter tunnels_chosen\n", f);
	for (size_t i = 0; config->n_wans > 1 && i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (wan_masquerades4(wan))
			fprintf(f,
				"%s ipv4 oifname \"%s\" ct zone != 0 ct zone != %u goto "
				"tunnels_moved\n",
				chosen, wan->interface, wan->mark);
		if (npt_masquerades(config, &site->npt, i))
			fprintf(f, "%s ipv6 oifname \"%s\" ct zone != 0 goto tunnels_moved\n",
				chosen, wan->interface);
	}
	fputs("# chain inet filter tunnels_moved\n", f);
	for (size_t i = 0; i < config->n_wans; i++)
		forget(site, i, f);
	fputs(ADD "tunnels_moved drop\n", f);
}

void tunnels_write(const struct site *site, FILE *f)
{
	fill_hosts4(site, f);
	for (enum tunnel_kind kind = 0; kind < N_TUNNEL_KINDS; kind++) {
		fill_in(site, kind, f);
		fill_out(site, kind, f);
	}
	fill_errors(site, f);
	fill_own(site, f);
	fill_moved(site, f);
	fill_tunnels(site, f);
}
