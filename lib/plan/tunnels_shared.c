// SPDX-License-Identifier: GPL-2.0-or-later
// Rules that remember whom those have asked for who share an outside address with a host.
// A peer is known by his address and protocol, and by who has asked.

#include "plan/tunnels_shared.h"

#include "base/util.h"
#include "model/conflict.h"

#define KEY_IN "meta mark . ip saddr . meta l4proto"
#define KEY_OUT "meta mark . ip daddr . meta l4proto"

/* The host that the WAN's lease leads to; n_map4_hosts: none. */
static size_t leaseholder(const struct site *site, size_t wan)
{
	const struct config *config = site->config;
	size_t i = 0;

	while (i < config->n_map4_hosts && !(config->map4[i].publics[wan].lease &&
					     map4_is_usable(config, &site->facts, i, wan)))
		i++;
	return i;
}

/* Who has the WAN's lease besides, as one that comes after the lines of [map4]. */
static uint32_t mark_of_others(const struct config *config, size_t wan)
{
	return tunnel_mark(config->n_map4 + wan, 0);
}

/* True when what comes in there is a host's. */
static bool is_hosts(const struct site *site, size_t wan, struct addr public)
{
	const struct config *config = site->config;

	for (size_t i = 0; i < config->n_map4_hosts; i++)
		if (addr_cmp(map4_public(config, &site->facts, i, wan), public) == 0)
			return true;
	return false;
}

static void write_in(const struct config *config, size_t wan, struct addr public, uint32_t mark,
		     FILE *f)
{
	fprintf(f,
		ADD "tunnels iifname \"%s\" ip daddr %s meta mark set %u " KEY_IN
		    " @tunnels4 update @tunnels4 { " KEY_IN " } " RESET " accept\n",
		config->wans[wan].interface, addr_str(public).s, mark);
}

void tunnels_write_shared_in(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	for (size_t i = config->n_map4_hosts; i < config->n_map4; i++) {
		for (size_t w = 0; w < config->n_wans; w++) {
			struct addr public = map4_public(config, &site->facts, i, w);

			if (wan_maps4(&config->wans[w]) && is_hosts(site, w, public) &&
			    map4_is_usable(config, &site->facts, i, w))
				write_in(config, w, public, tunnel_mark(i, 0), f);
		}
	}
	for (size_t w = 0; w < config->n_wans; w++) {
		size_t holder = leaseholder(site, w);

		if (holder < config->n_map4_hosts)
			write_in(config, w, map4_public(config, &site->facts, holder, w),
				 mark_of_others(config, w), f);
	}
}

void tunnels_write_masqueraded_out(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	for (size_t w = 0; w < config->n_wans; w++) {
		size_t holder = leaseholder(site, w);

		if (!wan_masquerades4(&config->wans[w]) || holder == config->n_map4_hosts)
			continue;
		for (size_t i = 0; i < config_n_inside4(config); i++)
			fprintf(f,
				ADD "tunnels iifname \"%s\" ip saddr %s ip saddr != %s meta mark "
				    "set %u update @tunnels4 { " KEY_OUT " }\n",
				config->lan.interface, prefix_str(config_inside4(config, i)).s,
				addr_str(config->map4[holder].inside.addr).s,
				mark_of_others(config, w));
	}
}

void tunnels_write_networks_out(const struct config *config, FILE *f)
{
	for (size_t i = config->n_map4_hosts; i < config->n_map4; i++)
		fprintf(f,
			ADD "tunnels iifname \"%s\" ip saddr %s meta mark set %u update @tunnels4 "
			    "{ " KEY_OUT " } " RESET " accept\n",
			config->lan.interface, prefix_str(config->map4[i].inside).s,
			tunnel_mark(i, 0));
}

void tunnels_write_own(const struct site *site, FILE *f)
{
	const struct config *config = site->config;

	for (size_t w = 0; w < config->n_wans; w++) {
		size_t holder = leaseholder(site, w);

		if (holder < config->n_map4_hosts)
			fprintf(f,
				ADD
				"tunnels_own oifname \"%s\" ip saddr %s meta mark 0 meta l4proto "
				"!= { 1, 6, 17, 33, 132, 136 } meta mark set %u update "
				"@tunnels4 { " KEY_OUT " } " RESET "\n",
				config->wans[w].interface,
				addr_str(map4_public(config, &site->facts, holder, w)).s,
				mark_of_others(config, w));
	}
}
