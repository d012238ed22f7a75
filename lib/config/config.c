// SPDX-License-Identifier: GPL-2.0-or-later
// Answers questions about a configuration.
// Each answer follows from the struct alone.

#include "config/config.h"

#include <string.h>

size_t config_n_inside4(const struct config *config)
{
	return 1 + config->lan.inside4.n;
}

struct prefix config_inside4(const struct config *config, size_t i)
{
	return i == 0 ? config->lan.prefix4 : config->lan.inside4.v[i - 1];
}

struct prefix config_inside_of(const struct config *config, struct addr addr)
{
	for (size_t i = 0; i < config_n_inside4(config); i++)
		if (prefix_contains(config_inside4(config, i), addr))
			return config_inside4(config, i);
	if (config->lan.prefix6.len > 0 && prefix_contains(config->lan.prefix6, addr))
		return config->lan.prefix6;
	if (addr.family && addr_cmp(config->lan.router6, addr) == 0)
		return prefix_host(addr);
	return (struct prefix){};
}

bool config_overlaps_inside(const struct config *config, struct prefix prefix)
{
	for (size_t i = 0; i < config_n_inside4(config); i++)
		if (prefix_overlaps(prefix, config_inside4(config, i)))
			return true;
	return (config->lan.prefix6.len > 0 && prefix_overlaps(prefix, config->lan.prefix6)) ||
	       (config->lan.router6.family && prefix_contains(prefix, config->lan.router6));
}

bool config_has_router6(const struct config *config)
{
	return config->lan.prefix6.len > 0 && config->lan.router4.family;
}

bool map4_is_host(const struct map4 *map4)
{
	return map4->inside.len == 32;
}

bool config_maps_lease(const struct config *config, size_t wan)
{
	for (size_t i = 0; i < config->n_map4; i++)
		if (config->map4[i].publics[wan].lease)
			return true;
	return false;
}

bool config_has_family(const struct config *config, size_t wan, enum family family)
{
	return config->wans[wan].gateway_mode[family] != GATEWAY_NONE &&
	       (family == IPV4 || config->lan.prefix6.len > 0);
}

bool wan_maps4(const struct wan_conf *wan)
{
	return !wan->masquerade4 && wan->gateway_mode[IPV4] != GATEWAY_NONE;
}

bool wan_masquerades4(const struct wan_conf *wan)
{
	return wan->masquerade4 && wan->gateway_mode[IPV4] != GATEWAY_NONE;
}

bool wan_has_modem(const struct wan_conf *wan, enum family family)
{
	for (size_t i = 0; i < wan->modem.n; i++)
		if (wan->modem.v[i].addr.family == family_af(family))
			return true;
	return false;
}

bool wan_may_masquerade(const struct wan_conf *wan, enum family family)
{
	return wan_has_modem(wan, family) ||
	       (family == IPV4 ? wan_masquerades4(wan) : wan->masquerade6 || wan->fallback6);
}

bool config_any_wan(const struct config *config, bool (*is)(const struct wan_conf *))
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (is(&config->wans[i]))
			return true;
	return false;
}

size_t config_find_wan(const struct config *config, const char *name)
{
	size_t i = 0;

	while (i < config->n_wans && strcmp(config->wans[i].name, name) != 0)
		i++;
	return i;
}

static bool list_has(const struct prefix_list *list, struct addr addr)
{
	for (size_t i = 0; i < list->n; i++)
		if (prefix_contains(list->v[i], addr))
			return true;
	return false;
}

const struct direct_conf *config_direct_of(const struct config *config, struct addr addr)
{
	for (size_t i = 0; i < config->n_directs; i++)
		if (list_has(&config->directs[i].networks, addr))
			return &config->directs[i];
	return NULL;
}

size_t config_modem_of(const struct config *config, struct addr addr)
{
	size_t i = 0;

	while (i < config->n_wans && !list_has(&config->wans[i].modem, addr))
		i++;
	return i;
}

const struct wan_conf *config_wan_by_interface(const struct config *config, const char *interface)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (strcmp(config->wans[i].interface, interface) == 0 ||
		    strcmp(config->wans[i].written, interface) == 0)
			return &config->wans[i];
	return NULL;
}

/* Each bit of the block's number is a bit that the delegation has to leave free. */
unsigned config_longest6(const struct config *config, size_t wan)
{
	unsigned len = config->lan.prefix6.len;

	for (uint32_t block = config->wans[wan].prefix6_block; block > 0; block >>= 1)
		len--;
	return len;
}
