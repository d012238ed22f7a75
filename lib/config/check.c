// SPDX-License-Identifier: GPL-2.0-or-later
// Checks what the keys of a configuration must be to one another.
// Each check relies on what those before it have made sure of.

#include "config/source.h"

#include <errno.h>
#include <string.h>

static int missing_section(const struct config_source *source, const struct section_kind *kind)
{
	struct config_words needs = {};

	for (size_t k = 0; k < kind->n_keys; k++)
		if (!kind->keys[k].fallback)
			config_words_add(&needs, ", ", "%s", kind->keys[k].name);
	return fault_set(source->fault, -EINVAL,
			 "%s:%u: [" KIND_FORMAT "]: the section is missing: it needs %s",
			 source->path, source->n_lines, KIND_WORDS(kind), needs.s);
}

/* Required sections, and required keys of all sections, have to be there. */
static int check_complete(const struct config_source *source)
{
	for (size_t i = 0; i < ARRAY_SIZE(section_kinds); i++)
		if (section_kinds[i]->required && !config_section(source, section_kinds[i], 0))
			return missing_section(source, section_kinds[i]);
	for (size_t i = 0; i < source->n_sections; i++) {
		const struct section *section = &source->sections[i];

		for (size_t k = 0; k < section->kind->n_keys; k++) {
			const struct key *key = &section->kind->keys[k];

			if (!key->fallback && !section_setting(section, key->name))
				return config_mistake(source, section, key->name,
						      "the key is missing: it has to be %s",
						      key->expected);
		}
	}
	return 0;
}

/* With hosts on the link itself, there is no router that these keys could be about. */
static int check_no_router(const struct config_source *source, const struct section *lan)
{
	const struct config *config = &source->config;

	if (config->lan.inside4.n > 0)
		return config_mistake(source, lan, "inside4",
				      "networks behind router4 need one, but router4 is none");
	if (config->lan.router6.family)
		return config_mistake(source, lan, "router6",
				      "it has no effect with router4 = none: the edge addresses "
				      "are this router's own");
	if (config->lan.router6_linklocal.family)
		return config_mistake(source, lan, "router6_linklocal",
				      "it has no effect with router4 = none: prefix6 is on the "
				      "link itself");
	return 0;
}

static int check_inside4(const struct config_source *source, const struct section *lan)
{
	const struct config *config = &source->config;

	for (size_t i = 1; i < config_n_inside4(config); i++) {
		struct prefix prefix = config_inside4(config, i);

		for (size_t other = 0; other < i; other++) {
			struct prefix before = config_inside4(config, other);

			if (prefix_overlaps(before, prefix))
				return config_mistake(source, lan, "inside4", "%s overlaps %s%s",
						      prefix_str(prefix).s,
						      other == 0 ? "prefix4, " : "",
						      prefix_str(before).s);
		}
	}
	return 0;
}

static int check_router4(const struct config_source *source, const struct section *lan)
{
	struct prefix prefix4 = source->config.lan.prefix4;
	struct addr router4 = source->config.lan.router4;

	if (!router4.family)
		return check_no_router(source, lan);
	if (!prefix_contains(prefix4, router4))
		return config_mistake(source, lan, "router4", "%s is not in prefix4, %s",
				      addr_str(router4).s, prefix_str(prefix4).s);
	if (!prefix_has_host(prefix4, router4))
		return config_mistake(
			source, lan, "router4",
			"%s is the first or last address of prefix4, %s: no host can have it",
			addr_str(router4).s, prefix_str(prefix4).s);
	return check_inside4(source, lan);
}

int check_lan(struct config_source *source)
{
	const struct section *lan = config_section(source, &section_lan, 0);
	struct addr router6 = source->config.lan.router6;
	const char *const need_prefix6[] = { "router6", "router6_linklocal" };
	const struct addr given[] = { router6, source->config.lan.router6_linklocal };
	int r = check_router4(source, lan);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		if (given[i].family != AF_UNSPEC && source->config.lan.prefix6.len == 0)
			return config_mistake(source, lan, need_prefix6[i],
					      "it has no effect without prefix6: set that too");
	if (addr_is_linklocal(router6))
		return config_mistake(source, lan, "router6",
				      "%s is link-local: it belongs in router6_linklocal",
				      addr_str(router6).s);
	return 0;
}

static int check_wan_translation(const struct config_source *source, const struct wan_conf *wan,
				 const struct section *section)
{
	struct prefix inside = source->config.lan.prefix6;
	struct addr gateway4 = wan->gateway[IPV4];
	struct prefix inside4 = config_inside_of(&source->config, gateway4);

	if (wan->masquerade4 && wan->onlink4)
		return config_mistake(source, section, "public4",
				      "onlink has no effect with nat4 = masquerade: leave it out");
	if (wan->gateway_mode[IPV4] == GATEWAY_NONE && wan->gateway_mode[IPV6] == GATEWAY_NONE)
		return config_mistake(source, section, "gateway6",
				      "gateway4 and gateway6 are none: the WAN carries nothing");
	if (inside4.len > 0)
		return config_mistake(
			source, section, "gateway4",
			"%s is on the LAN side: it is in %s of [lan], %s", addr_str(gateway4).s,
			prefix_cmp(inside4, source->config.lan.prefix4) == 0 ? "prefix4"
									     : "inside4",
			prefix_str(inside4).s);
	if (wan->hairpin6 && !source->config.lan.router6.family)
		return config_mistake(source, section, "hairpin6",
				      "it needs router6 in [lan], where it sends the addresses");
	if (wan->prefix6_block > 0 && inside.len == 0)
		return config_mistake(source, section, "prefix6_block",
				      "it has no effect: [lan] has no prefix6 to translate");
	if (!wan->fixed6)
		return 0;

	if (inside.len == 0)
		return config_mistake(source, section, "prefix6",
				      "%s has no effect: [lan] has no prefix6 to translate",
				      prefix_str(wan->prefix6).s);
	if (wan->prefix6.len > inside.len)
		return config_mistake(
			source, section, "prefix6",
			"%s is too small: prefix6 of [lan] is a /%u and has to fit in",
			prefix_str(wan->prefix6).s, inside.len);
	if (wan->prefix6.len > config_longest6(&source->config, wan - source->config.wans))
		return config_mistake(source, section, "prefix6_block",
				      "%s, its prefix6, has no block %u of a /%u: its last is %u",
				      prefix_str(wan->prefix6).s, wan->prefix6_block, inside.len,
				      (1U << (inside.len - wan->prefix6.len)) - 1);
	if (prefix_overlaps(wan->prefix6, inside))
		return config_mistake(source, section, "prefix6",
				      "%s overlaps prefix6 of [lan], %s",
				      prefix_str(wan->prefix6).s, prefix_str(inside).s);
	if (prefix_contains(wan->prefix6, source->config.lan.router6))
		return config_mistake(
			source, section, "prefix6",
			"%s contains router6 of [lan], %s, which is an address inside",
			prefix_str(wan->prefix6).s, addr_str(source->config.lan.router6).s);
	return 0;
}

/* The section that sets the key for this WAN: its own or [health]. NULL: it is the default. */
static const struct section *health_section(const struct config_source *source,
					    const struct section *wan, const char *key)
{
	const struct section *health = config_section(source, &section_health, 0);

	if (section_setting(wan, key))
		return wan;
	return health && section_setting(health, key) ? health : NULL;
}

static int check_targets(const struct config_source *source, const struct wan_conf *wan,
			 const struct section *section, enum family family)
{
	const struct health_conf *health = &wan->health;
	size_t n = health->targets[family].n;

	if (n == 0 || health->min_targets <= n || wan->gateway_mode[family] == GATEWAY_NONE)
		return 0;
	if (family == IPV6 && source->config.lan.prefix6.len == 0)
		return 0;

	/* It is set somewhere, for its default is 1. */
	return config_mistake(source, health_section(source, section, "min_targets"), "min_targets",
			      "%u targets have to answer, but [wan %s] has only %zu for %s",
			      health->min_targets, wan->name, n, family_name(family));
}

static int check_health(const struct config_source *source, const struct wan_conf *wan,
			const struct section *section)
{
	int r;

	if (wan->health.timeout_us > wan->health.interval_us) {
		const struct section *at = health_section(source, section, "timeout");
		const char *key = "timeout";

		if (!at || (at != section && section_setting(section, "interval"))) {
			key = "interval";
			at = health_section(source, section, key);
		}
		return config_mistake(source, at, key,
				      "[wan %s] has a timeout of %jums and an interval of %jums: "
				      "a probe has to end before the next begins",
				      wan->name, (uintmax_t)wan->health.timeout_us / 1000,
				      (uintmax_t)wan->health.interval_us / 1000);
	}
	r = check_targets(source, wan, section, IPV6);
	return r < 0 ? r : check_targets(source, wan, section, IPV4);
}

/* Two WANs must differ in mark, table, interface and prefix; b is the later one. */
static int check_pair(const struct config_source *source, size_t a, size_t b)
{
	const struct wan_conf *wa = &source->config.wans[a], *wb = &source->config.wans[b];
	const struct section *sa = config_section(source, &section_wan, a);
	const struct section *sb = config_section(source, &section_wan, b);
	const char *key = wa->mark == wb->mark			      ? "mark"
			  : wa->table == wb->table		      ? "table"
			  : strcmp(wa->interface, wb->interface) == 0 ? "interface"
								      : NULL;

	if (key)
		return config_mistake(source, sb, key, "%s is also that of [wan %s], in line %u",
				      section_setting(sb, key)->value, wa->name,
				      section_line(sa, key));
	if (wa->fixed6 && wb->fixed6 && prefix_overlaps(wa->prefix6, wb->prefix6))
		return config_mistake(source, sb, "prefix6",
				      "%s overlaps %s of [wan %s], in line %u",
				      prefix_str(wb->prefix6).s, prefix_str(wa->prefix6).s,
				      wa->name, section_line(sa, "prefix6"));
	return 0;
}

static int check_wan(const struct config_source *source, size_t i)
{
	const struct wan_conf *wan = &source->config.wans[i];
	const struct section *section = config_section(source, &section_wan, i);
	const struct section *lan = config_section(source, &section_lan, 0);
	int r = 0;

	if (strcmp(wan->interface, source->config.lan.interface) == 0)
		return config_mistake(source, section, "interface",
				      "%s is also that of [lan], in line %u", wan->interface,
				      section_line(lan, "interface"));
	for (size_t other = 0; other < i && r == 0; other++)
		r = check_pair(source, other, i);
	if (r == 0)
		r = check_wan_translation(source, wan, section);
	return r < 0 ? r : check_health(source, wan, section);
}

int check_wans(struct config_source *source)
{
	int r = 0;

	for (size_t i = 0; i < source->config.n_wans && r == 0; i++)
		r = check_wan(source, i);
	return r;
}

/* As the file calls the links, until somebody has seen them. */
static void keep_names(struct config *config)
{
	memcpy(config->lan.written, config->lan.interface, IFNAMSIZ);
	for (size_t i = 0; i < config->n_wans; i++)
		memcpy(config->wans[i].written, config->wans[i].interface, IFNAMSIZ);
	for (size_t i = 0; i < config->n_directs; i++)
		memcpy(config->directs[i].written, config->directs[i].interface, IFNAMSIZ);
}

int config_check(struct config_source *source)
{
	int r = check_complete(source);

	keep_names(&source->config);

	for (size_t i = 0; i < ARRAY_SIZE(section_kinds) && r == 0; i++)
		r = section_kinds[i]->check ? section_kinds[i]->check(source) : 0;
	return r < 0 ? r : check_modems(source);
}
