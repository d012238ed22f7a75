/*
 * Every key of mwan.conf but those of [map4]: a row of one table.
 */
#include "config_source.h"
#include "parse.h"

#include <errno.h>
#include <string.h>

/* The member that the key is about. */
static void *member(const struct key *key, void *base)
{
	return (char *)base + key->offset;
}

static int set_count(const struct key *key, char *text, void *base, struct fault *why)
{
	return parse_count(text, key->min, key->max, member(key, base));
}

/* 253 to 255 are the kernel's own tables. */
static int set_table(const struct key *key, char *text, void *base, struct fault *why)
{
	uint32_t *table = member(key, base);

	if (parse_count(text, 1, 252, table) == 0)
		return 0;
	return parse_count(text, 256, 65535, table);
}

/* The first word is false, the second true. */
static int set_switch(const struct key *key, char *text, void *base, struct fault *why)
{
	bool *on = member(key, base);
	unsigned word;
	int r;

	r = parse_word(text, key->words, &word);
	if (r == 0)
		*on = word == 1;
	return r;
}

static int set_balance(const struct key *key, char *text, void *base, struct fault *why)
{
	struct config *config = base;
	unsigned word;
	int r;

	r = parse_word(text, key->words, &word);
	if (r == 0)
		config->balance = (enum balance_mode)word;
	return r;
}

static int set_duration(const struct key *key, char *text, void *base, struct fault *why)
{
	uint64_t *duration = member(key, base);
	uint64_t us = 0;

	/* Only keys that may be empty get here without text. */
	if (*text &&
	    (parse_duration(text, &us) < 0 || us < key->min * 1000UL || us > key->max * 1000UL))
		return -EINVAL;

	*duration = us;
	return 0;
}

static int set_loss(const struct key *key, char *text, void *base, struct fault *why)
{
	int *percent = member(key, base);

	if (*text)
		return parse_percent(text, percent);
	*percent = -1;
	return 0;
}

static int set_interface(const struct key *key, char *text, void *base, struct fault *why)
{
	return parse_interface(text, member(key, base));
}

static int set_host(const struct key *key, char *text, void *base, struct fault *why)
{
	struct addr *addr = member(key, base);
	struct addr host = {};

	if (*text && (addr_parse(text, family_af(key->family), &host) < 0 || !addr_is_host(host)))
		return -EINVAL;
	*addr = host;
	return 0;
}

static int set_linklocal(const struct key *key, char *text, void *base, struct fault *why)
{
	struct addr *addr = member(key, base);
	struct addr host = {};

	if (strcmp(text, "auto") != 0 &&
	    (addr_parse(text, AF_INET6, &host) < 0 || !addr_is_linklocal(host)))
		return -EINVAL;
	*addr = host;
	return 0;
}

static int parse_network(const struct key *key, const char *text, struct prefix *ret,
			 struct fault *why)
{
	struct prefix prefix;
	int r;

	r = prefix_parse(text, family_af(key->family), &prefix);
	if (r < 0)
		return r;

	if (prefix.len < key->min || prefix.len > key->max)
		return fault_set(why, -EINVAL, "%s has a length of %u: it has to be %u to %u",
				 quote(text).s, prefix.len, key->min, key->max);
	if (!prefix_is_network(prefix))
		return fault_set(why, -EINVAL, "%s has bits beyond its length: the prefix is %s",
				 quote(text).s, prefix_str(prefix_network(prefix)).s);
	if (!addr_is_host(prefix.addr) || addr_is_linklocal(prefix.addr))
		return fault_set(why, -EINVAL, "%s is not a prefix that machines can have",
				 quote(text).s);

	*ret = prefix;
	return 0;
}

static int set_network(const struct key *key, char *text, void *base, struct fault *why)
{
	struct prefix *prefix = member(key, base);

	if (*text)
		return parse_network(key, text, prefix, why);
	*prefix = (struct prefix){};
	return 0;
}

static int set_wan_prefix(const struct key *key, char *text, void *base, struct fault *why)
{
	struct wan_conf *wan = base;
	int r;

	if (strcmp(text, "auto") == 0) {
		wan->fixed6 = false;
		return 0;
	}
	r = parse_network(key, text, &wan->prefix6, why);
	if (r == 0)
		wan->fixed6 = true;
	return r;
}

static int set_gateway(const struct key *key, char *text, void *base, struct fault *why)
{
	static const char *const modes[] = {
		[GATEWAY_AUTO] = "auto",
		[GATEWAY_FIXED] = "", /* an address stands there */
		[GATEWAY_NONE] = "none",
		NULL,
	};
	struct wan_conf *wan = base;
	unsigned mode = GATEWAY_FIXED;
	struct addr gateway = {};

	if (parse_word(text, modes, &mode) < 0 &&
	    (addr_parse(text, family_af(key->family), &gateway) < 0 || !addr_is_host(gateway)))
		return -EINVAL;

	wan->gateway_mode[key->family] = (enum gateway_mode)mode;
	wan->gateway[key->family] = gateway;
	return 0;
}

static int set_command(const struct key *key, char *text, void *base, struct fault *why)
{
	char **command = member(key, base);
	char *copy = NULL;

	if (*text) {
		if (*text != '/' || strpbrk(text, " \t\n"))
			return -EINVAL;
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*command);
	*command = copy;
	return 0;
}

#define CONFIG(member) offsetof(struct config, member)
#define HEALTH(member) offsetof(struct health_conf, member)
#define WAN(member) offsetof(struct wan_conf, member)
#define WORDS(...)                                                                                 \
	.words = (const char *const[])                                                             \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

#define INTERFACE "an interface name: 1 to 15 characters without space / : * \" or \\"
#define PING6 "an IPv6 address to ping; names are not looked up"
#define PING4 "an IPv4 address to ping; names are not looked up"
#define URL6 "a URL for IPv6: http://HOST/... or https://HOST/..."
#define URL4 "a URL for IPv4: http://HOST/... or https://HOST/..."

/* clang-format off */
static const struct key keys[] = {
	{ SECTION_MWAN, "debug_logging", set_switch, CONFIG(debug_logging), "no",
	  "yes or no", WORDS("no", "yes") },

	{ SECTION_LAN, "interface", set_interface, CONFIG(lan.interface), NULL, INTERFACE },
	{ SECTION_LAN, "prefix4", set_network, CONFIG(lan.prefix4), NULL,
	  "an IPv4 prefix, e.g. 10.250.250.0/29", 8, 30, .family = IPV4 },
	{ SECTION_LAN, "router4", set_host, CONFIG(lan.router4), NULL,
	  "an IPv4 address of a machine", .family = IPV4 },
	{ SECTION_LAN, "prefix6", set_network, CONFIG(lan.prefix6), "",
	  "an IPv6 prefix, e.g. 3d06:bad:b01::/60", 16, 64, .family = IPV6 },
	{ SECTION_LAN, "router6", set_host, CONFIG(lan.router6), "",
	  "an IPv6 address of a machine", .family = IPV6 },
	{ SECTION_LAN, "router6_linklocal", set_linklocal, CONFIG(lan.router6_linklocal), "auto",
	  "auto or an address in fe80::/10" },

	{ SECTION_BALANCE, "mode", set_balance, 0, "flow",
	  "flow, source or source-destination",
	  WORDS([BALANCE_FLOW] = "flow", [BALANCE_SOURCE] = "source",
		[BALANCE_SOURCE_DESTINATION] = "source-destination") },
	{ SECTION_BALANCE, "all_down", set_switch, CONFIG(all_down_unreachable), "keep",
	  "keep or unreachable", WORDS("keep", "unreachable") },

	{ SECTION_HEALTH, "interval", set_duration, HEALTH(interval_us), "5s",
	  "a duration from 50ms to 60m, with its unit: ms, s or m", 50, 3600000 },
	{ SECTION_HEALTH, "timeout", set_duration, HEALTH(timeout_us), "1s",
	  "a duration from 10ms to 60m, with its unit: ms, s or m", 10, 3600000 },
	{ SECTION_HEALTH, "failure_threshold", set_count, HEALTH(failure_threshold), "3",
	  "a number of cycles: 1 to 1000", 1, 1000 },
	{ SECTION_HEALTH, "recovery_threshold", set_count, HEALTH(recovery_threshold), "5",
	  "a number of cycles: 1 to 1000", 1, 1000 },
	{ SECTION_HEALTH, "min_targets", set_count, HEALTH(min_targets), "1",
	  "a number of targets: 1 to 1000", 1, 1000 },
	{ SECTION_HEALTH, "ping6", key_set_ping, HEALTH(ping[IPV6]),
	  "2606:4700:4700::1111, 2001:4860:4860::8888", PING6, .family = IPV6 },
	{ SECTION_HEALTH, "ping4", key_set_ping, HEALTH(ping[IPV4]), "1.1.1.1, 8.8.8.8",
	  PING4, .family = IPV4 },
	{ SECTION_HEALTH, "http6", key_set_http, HEALTH(http[IPV6]), "", URL6, .family = IPV6 },
	{ SECTION_HEALTH, "http4", key_set_http, HEALTH(http[IPV4]), "", URL4, .family = IPV4 },
	{ SECTION_HEALTH, "max_loss", set_loss, HEALTH(max_loss), "",
	  "a loss in percent: 1 to 100, or empty" },
	{ SECTION_HEALTH, "max_rtt", set_duration, HEALTH(max_rtt_us), "",
	  "a duration from 1ms to 60m, with its unit: ms, s or m; or empty", 1, 3600000 },

	{ SECTION_WAN, "interface", set_interface, WAN(interface), NULL, INTERFACE },
	{ SECTION_WAN, "mark", set_count, WAN(mark), NULL, "a mark: 1 to 254", 1, 254 },
	{ SECTION_WAN, "table", set_table, WAN(table), NULL,
	  "a table: 1 to 252, or 256 to 65535" },
	{ SECTION_WAN, "weight", set_count, WAN(weight), "1", "a weight: 1 to 100", 1, 100 },
	{ SECTION_WAN, "tier", set_count, WAN(tier), "1", "a tier: 1 to 255", 1, 255 },
	{ SECTION_WAN, "gateway4", set_gateway, 0, "auto",
	  "auto, none or an IPv4 address", .family = IPV4 },
	{ SECTION_WAN, "gateway6", set_gateway, 0, "auto",
	  "auto, none or an IPv6 address", .family = IPV6 },
	{ SECTION_WAN, "nat4", set_switch, WAN(masquerade4), "map",
	  "map or masquerade", WORDS("map", "masquerade") },
	{ SECTION_WAN, "public4", set_switch, WAN(onlink4), "routed",
	  "routed or onlink", WORDS("routed", "onlink") },
	{ SECTION_WAN, "nat6", set_switch, WAN(masquerade6), "npt",
	  "npt or masquerade", WORDS("npt", "masquerade") },
	{ SECTION_WAN, "nat6_fallback", set_switch, WAN(fallback6), "none",
	  "none or masquerade", WORDS("none", "masquerade") },
	{ SECTION_WAN, "prefix6", set_wan_prefix, 0, "auto",
	  "auto or an IPv6 prefix, e.g. 2001:db8:100::/60", 16, 64, .family = IPV6 },
	{ SECTION_WAN, "hairpin6", set_switch, WAN(hairpin6), "no",
	  "yes or no", WORDS("no", "yes") },
	{ SECTION_WAN, "down_flows", set_switch, WAN(flush_down), "drain",
	  "drain or flush", WORDS("drain", "flush") },

	{ SECTION_NOTIFY, "command", set_command, CONFIG(notify_command), "",
	  "the absolute path of a program; arguments are not possible" },
};
/* clang-format on */

const struct key *key_at(size_t i)
{
	return i < ARRAY_SIZE(keys) ? &keys[i] : NULL;
}

const struct key *key_find(enum section_kind section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (keys[i].section == section ||
		    (section == SECTION_WAN && keys[i].section == SECTION_HEALTH))
			return &keys[i];
	}
	return NULL;
}

int key_set(const struct key *key, const char *text, void *base, struct fault *why)
{
	_cleanup_(freep) char *copy = NULL;
	int r;

	/* An empty value is one only where the default is empty too, or a list is. */
	if (!*text && key->set != key_set_ping && (!key->fallback || *key->fallback))
		return fault_set(why, -EINVAL, "it has no value, but needs %s", key->want);

	copy = strdup(text);
	if (!copy)
		return -ENOMEM;

	r = key->set(key, copy, base, why);
	if (r != -EINVAL)
		return r;
	if (strstr(text, " #"))
		return fault_set(why, r, "%s: a comment begins with ; and not with #",
				 quote(text).s);
	return fault_set(why, r, "%s is not %s", quote(text).s, key->want);
}
