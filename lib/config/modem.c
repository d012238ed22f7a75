// SPDX-License-Identifier: GPL-2.0-or-later
// The key modem of [wan]: each address is reached over one link, and is nobody else's.
// Compares each with those before it, and with what the rest of the file has.

#include "config/source.h"

/* One that was there before: of an earlier WAN, or of the same list. */
static int check_twice(const struct config_source *source, size_t wan, size_t n)
{
	const struct config *config = &source->config;
	const struct section *section = config_section(source, &section_wan, wan);
	struct addr addr = config->wans[wan].modem.v[n].addr;
	size_t other = config_modem_of(config, addr);

	if (other < wan) {
		const struct section *first = config_section(source, &section_wan, other);

		return config_mistake(source, section, "modem",
				      "%s is also that of [wan %s], in line %u", addr_str(addr).s,
				      config->wans[other].name, section_line(first, "modem"));
	}
	for (size_t i = 0; i < n; i++)
		if (addr_cmp(config->wans[wan].modem.v[i].addr, addr) == 0)
			return config_mistake(source, section, "modem", "%s is there twice",
					      addr_str(addr).s);
	return 0;
}

static int check_modem(const struct config_source *source, size_t wan, struct addr addr)
{
	const struct config *config = &source->config;
	const struct section *section = config_section(source, &section_wan, wan);
	const struct direct_conf *direct = config_direct_of(config, addr);

	if (config_overlaps_inside(config, prefix_host(addr)))
		return config_mistake(source, section, "modem",
				      "%s is inside: a modem is on the WAN's link",
				      addr_str(addr).s);
	if (direct)
		return config_mistake(source, section, "modem",
				      "%s is in a network of [direct %s]: only one can have it",
				      addr_str(addr).s, direct->name);
	for (size_t i = 0; i < config->n_map4; i++)
		for (size_t w = 0; w < config->n_wans; w++)
			if (addr_cmp(config->map4[i].publics[w].addr, addr) == 0)
				return config_mistake(
					source, section, "modem",
					"%s is an address of [map4] in line %u, and so this "
					"router's",
					addr_str(addr).s, config->map4[i].line);
	return 0;
}

int check_modems(struct config_source *source)
{
	int r = 0;

	for (size_t i = 0; i < source->config.n_wans; i++) {
		const struct prefix_list *list = &source->config.wans[i].modem;

		for (size_t n = 0; n < list->n && r == 0; n++) {
			r = check_twice(source, i, n);
			if (r == 0)
				r = check_modem(source, i, list->v[n].addr);
		}
	}
	return r;
}
