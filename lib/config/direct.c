// SPDX-License-Identifier: GPL-2.0-or-later
// [direct NAME]: networks that are reached over an interface that is no WAN.
// Each address of them has to be nobody else's in mwan.conf.

#include "config/source.h"

#include <string.h>

/* clang-format off */
static const struct key direct_keys[] = {
	{ "interface", set_interface, offsetof(struct direct_conf, interface), NULL, EXPECTED_INTERFACE },
	{ "networks", set_prefixes, offsetof(struct direct_conf, networks), NULL,
	  "a prefix or an address, e.g. 10.89.0.0/16 or fd00:89::/48" },
};
/* clang-format on */

/* One network of a section, as its mistakes name it. */
struct direct_network {
	const struct section *section;
	struct prefix prefix;
};

static int overlaps(const struct config_source *source, struct direct_network network,
		    struct prefix other, const char *whose)
{
	if (!other.addr.family || !prefix_overlaps(network.prefix, other))
		return 0;
	return config_mistake(source, network.section, "networks", "%s overlaps %s, %s",
			      prefix_str(network.prefix).s, whose, prefix_str(other).s);
}

static int check_lan_side(const struct config_source *source, struct direct_network network)
{
	const struct config *config = &source->config;
	int r = overlaps(source, network, config->lan.prefix4, "prefix4 of [lan]");

	for (size_t i = 0; i < config->lan.inside4.n && r == 0; i++)
		r = overlaps(source, network, config->lan.inside4.v[i], "inside4 of [lan]");
	if (r == 0 && config->lan.prefix6.len > 0)
		r = overlaps(source, network, config->lan.prefix6, "prefix6 of [lan]");
	if (r == 0)
		r = overlaps(source, network, prefix_host(config->lan.router6), "router6 of [lan]");
	return r;
}

static int check_wan_side(const struct config_source *source, struct direct_network network,
			  size_t i)
{
	const struct config *config = &source->config;
	const struct wan_conf *wan = &config->wans[i];
	char whose[64];
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		snprintf(whose, sizeof(whose), "gateway%c of [wan %s]", family_digit(family),
			 wan->name);
		r = overlaps(source, network, prefix_host(wan->gateway[family]), whose);
	}
	snprintf(whose, sizeof(whose), "prefix6 of [wan %s]", wan->name);
	if (r == 0 && wan->fixed6)
		r = overlaps(source, network, wan->prefix6, whose);
	for (size_t k = 0; k < config->n_map4 && r == 0; k++) {
		snprintf(whose, sizeof(whose), "an address of [map4] in line %u",
			 config->map4[k].line);
		r = overlaps(source, network, prefix_host(config->map4[k].publics[i].addr), whose);
	}
	return r;
}

/* Those of the sections before it, and those before it in its own. */
static int check_others(const struct config_source *source, struct direct_network network, size_t i,
			size_t n)
{
	int r = 0;

	for (size_t other = 0; other <= i && r == 0; other++) {
		const struct direct_conf *direct = &source->config.directs[other];
		const struct section *section = config_section(source, &section_direct, other);
		size_t end = other < i ? direct->networks.n : n;
		char whose[96];

		snprintf(whose, sizeof(whose), "another of [%s] in line %u", section->label,
			 section_line(section, "networks"));
		for (size_t k = 0; k < end && r == 0; k++)
			r = overlaps(source, network, direct->networks.v[k], whose);
	}
	return r;
}

static int check_interface(const struct config_source *source, const struct direct_conf *direct,
			   const struct section *section)
{
	const struct section *of = NULL;

	if (strcmp(direct->interface, source->config.lan.interface) == 0)
		of = config_section(source, &section_lan, 0);
	for (size_t i = 0; i < source->config.n_wans; i++)
		if (strcmp(direct->interface, source->config.wans[i].interface) == 0)
			of = config_section(source, &section_wan, i);
	if (!of)
		return 0;
	return config_mistake(source, section, "interface", "%s is also that of [%s], in line %u",
			      direct->interface, of->label, section_line(of, "interface"));
}

static int check_direct(const struct config_source *source, size_t i)
{
	const struct direct_conf *direct = &source->config.directs[i];
	const struct section *section = config_section(source, &section_direct, i);
	int r = check_interface(source, direct, section);

	for (size_t n = 0; n < direct->networks.n && r == 0; n++) {
		struct direct_network network = { section, direct->networks.v[n] };

		r = check_lan_side(source, network);
		for (size_t w = 0; w < source->config.n_wans && r == 0; w++)
			r = check_wan_side(source, network, w);
		if (r == 0)
			r = check_others(source, network, i, n);
	}
	return r;
}

static int check_directs(struct config_source *source)
{
	int r = 0;

	for (size_t i = 0; i < source->config.n_directs && r == 0; i++)
		r = check_direct(source, i);
	return r;
}

static void done_direct(void *base)
{
	free(((struct direct_conf *)base)->networks.v);
}

const struct section_kind section_direct = {
	.name = "direct",
	.example = "vpn",
	.keys = direct_keys,
	.n_keys = ARRAY_SIZE(direct_keys),
	.offset = offsetof(struct config, directs),
	.n_offset = offsetof(struct config, n_directs),
	.size = sizeof(struct direct_conf),
	.check = check_directs,
	.done = done_direct,
};
