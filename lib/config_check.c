/*
 * What the keys of a configuration must be to one another. Each check takes
 * what the ones before it have made sure of for granted.
 */
#include "config_source.h"

#include <errno.h>
#include <string.h>

/* A configuration and where it came from: every check looks at both. */
struct subject {
	const struct config *config;
	const struct config_source *source;
	const struct section *lan;
	struct fault *fault;
};

#define MISTAKE(s, section, key, ...)                                                              \
	config_mistake((s)->source, section, key, (s)->fault, __VA_ARGS__)

static const struct section *wan_section(const struct subject *s, size_t wan)
{
	return config_wan_section(s->source, wan);
}

/* Keys without a default have to be there. */
static int check_complete(const struct subject *s)
{
	const struct key *key;

	if (!s->lan)
		return config_mistake_at(
			s->source, s->source->n_lines, "lan", NULL, s->fault,
			"the section is missing: it needs interface, prefix4 and router4");
	if (s->config->n_wans == 0)
		return config_mistake_at(s->source, s->source->n_lines, "wan NAME", NULL, s->fault,
					 "there is no WAN: one at least has to be there");

	for (size_t i = 0; i < s->source->n_sections; i++) {
		const struct section *section = &s->source->sections[i];

		for (size_t k = 0; (key = key_at(k)); k++) {
			if (key->section == section->kind && !key->fallback &&
			    !section_setting(section, key->name))
				return MISTAKE(s, section, key->name,
					       "the key is missing: it has to be %s", key->want);
		}
	}
	return 0;
}

static int check_lan(const struct subject *s)
{
	struct prefix prefix4 = s->config->lan.prefix4;
	struct addr router4 = s->config->lan.router4;
	const char *const need_prefix6[] = { "router6", "router6_linklocal" };
	const struct addr given[] = { s->config->lan.router6, s->config->lan.router6_linklocal };

	if (!prefix_contains(prefix4, router4))
		return MISTAKE(s, s->lan, "router4", "%s is not in prefix4, %s",
			       addr_str(router4).s, prefix_str(prefix4).s);
	if (!prefix_has_host(prefix4, router4))
		return MISTAKE(s, s->lan, "router4",
			       "%s is the first or last address of prefix4, %s: no machine has it",
			       addr_str(router4).s, prefix_str(prefix4).s);

	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		if (given[i].family != AF_UNSPEC && s->config->lan.prefix6.len == 0)
			return MISTAKE(s, s->lan, need_prefix6[i],
				       "it has no effect without prefix6: give that too");
	}
	if (addr_is_linklocal(s->config->lan.router6))
		return MISTAKE(s, s->lan, "router6",
			       "%s is link-local: that one goes into router6_linklocal",
			       addr_str(s->config->lan.router6).s);
	return 0;
}

static int check_wan_translation(const struct subject *s, const struct wan_conf *wan,
				 const struct section *section)
{
	struct prefix inside = s->config->lan.prefix6;

	if (wan->masquerade4 && wan->onlink4)
		return MISTAKE(s, section, "public4",
			       "onlink has no effect with nat4 = masquerade: leave it out");
	if (wan->gateway_mode[IPV4] == GATEWAY_NONE && wan->gateway_mode[IPV6] == GATEWAY_NONE)
		return MISTAKE(s, section, "gateway6",
			       "it is none and so is gateway4: the WAN would carry nothing");
	if (prefix_contains(s->config->lan.prefix4, wan->gateway[IPV4]))
		return MISTAKE(
			s, section, "gateway4", "%s is on the LAN side, in prefix4 of [lan], %s",
			addr_str(wan->gateway[IPV4]).s, prefix_str(s->config->lan.prefix4).s);
	if (wan->hairpin6 && !s->config->lan.router6.family)
		return MISTAKE(s, section, "hairpin6",
			       "it needs router6 in [lan]: that is where the addresses lead");
	if (!wan->fixed6)
		return 0;

	if (inside.len == 0)
		return MISTAKE(s, section, "prefix6",
			       "%s has no effect: [lan] has no prefix6 to translate",
			       prefix_str(wan->prefix6).s);
	if (wan->prefix6.len > inside.len)
		return MISTAKE(
			s, section, "prefix6",
			"%s is too small, a /%u: prefix6 of [lan] is a /%u and has to fit in",
			prefix_str(wan->prefix6).s, wan->prefix6.len, inside.len);
	if (prefix_overlaps(wan->prefix6, inside))
		return MISTAKE(s, section, "prefix6", "%s overlaps prefix6 of [lan], %s",
			       prefix_str(wan->prefix6).s, prefix_str(inside).s);
	if (prefix_contains(wan->prefix6, s->config->lan.router6))
		return MISTAKE(s, section, "prefix6",
			       "%s holds router6 of [lan], %s, which is an address inside",
			       prefix_str(wan->prefix6).s, addr_str(s->config->lan.router6).s);
	return 0;
}

/* The section that set the key for this WAN: its own, or [health]. NULL: it is the default. */
static const struct section *health_section(const struct subject *s, const struct section *wan,
					    const char *key)
{
	const struct section *health = config_section(s->source, SECTION_HEALTH);

	if (section_setting(wan, key))
		return wan;
	return health && section_setting(health, key) ? health : NULL;
}

static int check_targets(const struct subject *s, const struct wan_conf *wan,
			 const struct section *section, enum family family)
{
	const char *const keys[N_FAMILIES][2] = { { "ping4", "http4" }, { "ping6", "http6" } };
	const struct health_conf *health = &wan->health;
	size_t n = health->ping[family].n + health->http[family].n;
	const char *key = "min_targets";
	const struct section *at;

	if (n == 0 || health->min_targets <= n || wan->gateway_mode[family] == GATEWAY_NONE)
		return 0;
	if (family == IPV6 && s->config->lan.prefix6.len == 0)
		return 0;

	at = health_section(s, section, key);
	if (!at) {
		key = keys[family][0];
		at = health_section(s, section, key);
	}
	return MISTAKE(s, at ? at : section, key,
		       "%u targets have to answer, but [wan %s] has only %zu for IPv%c (%s and %s)",
		       health->min_targets, wan->name, n, family == IPV4 ? '4' : '6',
		       keys[family][0], keys[family][1]);
}

static int check_health(const struct subject *s, const struct wan_conf *wan,
			const struct section *section)
{
	int r;

	if (wan->health.timeout_us > wan->health.interval_us) {
		const struct section *at = health_section(s, section, "timeout");
		const char *key = at ? "timeout" : "interval";

		if (!at || (at != section && section_setting(section, "interval"))) {
			key = "interval";
			at = health_section(s, section, key);
		}
		return MISTAKE(s, at, key,
			       "[wan %s] has a timeout of %jums and an interval of %jums: "
			       "a probe has to end before the next begins",
			       wan->name, (uintmax_t)wan->health.timeout_us / 1000,
			       (uintmax_t)wan->health.interval_us / 1000);
	}

	r = check_targets(s, wan, section, IPV6);
	if (r < 0)
		return r;
	return check_targets(s, wan, section, IPV4);
}

/* Two WANs must differ in everything that tells packets apart; b is the later one. */
static int check_pair(const struct subject *s, size_t a, size_t b)
{
	const struct wan_conf *wa = &s->config->wans[a], *wb = &s->config->wans[b];
	const char *key = NULL;
	char value[PREFIX_TEXT];

	if (wa->mark == wb->mark) {
		key = "mark";
		snprintf(value, sizeof(value), "%u", wb->mark);
	} else if (wa->table == wb->table) {
		key = "table";
		snprintf(value, sizeof(value), "%u", wb->table);
	} else if (strcmp(wa->interface, wb->interface) == 0) {
		key = "interface";
		snprintf(value, sizeof(value), "%s", wb->interface);
	}
	if (key)
		return MISTAKE(s, wan_section(s, b), key, "%s is also that of [wan %s], in line %u",
			       value, wa->name, section_line(wan_section(s, a), key));

	if (wa->fixed6 && wb->fixed6 && prefix_overlaps(wa->prefix6, wb->prefix6))
		return MISTAKE(s, wan_section(s, b), "prefix6",
			       "%s overlaps %s of [wan %s], in line %u", prefix_str(wb->prefix6).s,
			       prefix_str(wa->prefix6).s, wa->name,
			       section_line(wan_section(s, a), "prefix6"));
	return 0;
}

static int check_wan(const struct subject *s, size_t i)
{
	const struct wan_conf *wan = &s->config->wans[i];
	const struct section *section = wan_section(s, i);
	int r;

	if (strcmp(wan->interface, s->config->lan.interface) == 0)
		return MISTAKE(s, section, "interface", "%s is also that of [lan], in line %u",
			       wan->interface, section_line(s->lan, "interface"));
	for (size_t other = 0; other < i; other++) {
		r = check_pair(s, other, i);
		if (r < 0)
			return r;
	}

	r = check_wan_translation(s, wan, section);
	if (r < 0)
		return r;
	return check_health(s, wan, section);
}

int config_check(const struct config *config, const struct config_source *source,
		 struct fault *fault)
{
	const struct subject s = {
		.config = config,
		.source = source,
		.lan = config_section(source, SECTION_LAN),
		.fault = fault,
	};
	int r;

	r = check_complete(&s);
	if (r < 0)
		return r;

	r = check_lan(&s);
	if (r < 0)
		return r;

	for (size_t i = 0; i < config->n_wans; i++) {
		r = check_wan(&s, i);
		if (r < 0)
			return r;
	}
	return 0;
}
