// SPDX-License-Identifier: GPL-2.0-or-later
// Every key of mwan.conf, and its kinds of sections: rows of tables.
// conf/mwan.conf and mwan.conf(5) have each key as well, and tests compare them with these rows.

#include "base/parse.h"
#include "config/source.h"

#include <errno.h>
#include <string.h>

/* Each of these reads one target of a kind of probe: target_parser. */

/* An address is shown in its short form, however it was written. */
static int ping_target(const char *text, enum family family, char **ret)
{
	struct addr addr;

	if (addr_parse(text, family_af(family), &addr) < 0 || !addr_is_host(addr))
		return -EINVAL;
	*ret = strdup(addr_str(addr).s);
	return *ret ? 0 : -ENOMEM;
}

/* A scheme, then a host that can be of the family; curl judges the rest. */
static bool is_url(const char *text, enum family family)
{
	char host[ADDR_TEXT] = {};
	struct addr addr;
	size_t len;

	if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
		return false;
	text = strchr(text, '/') + 2;
	len = strcspn(text, "/:?#");
	if (len == 0 || len >= sizeof(host))
		return len > 0;
	memcpy(host, text, len);
	return family == IPV4 ? *host != '[' : addr_parse(host, AF_INET, &addr) < 0;
}

static int http_target(const char *text, enum family family, char **ret)
{
	if (!is_url(text, family))
		return -EINVAL;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

#define CONFIG(member) offsetof(struct config, member)
#define HEALTH(member) offsetof(struct health_conf, member)
#define WAN(member) offsetof(struct wan_conf, member)

#define KEYS(rows) .keys = (rows), .n_keys = ARRAY_SIZE(rows)
/* The array of struct config whose elements the sections of a kind fill. */
#define ARRAY(array, n)                                                                            \
	.offset = CONFIG(array), .n_offset = CONFIG(n), .size = sizeof(*((struct config *)0)->array)

/* clang-format off */
static const struct key mwan_keys[] = {
	{ "debug_logging", set_switch, CONFIG(debug_logging), "no",
	  "yes or no", WORDS("no", "yes") },
};

static const struct key lan_keys[] = {
	{ "interface", set_interface, CONFIG(lan.interface), NULL, EXPECTED_INTERFACE },
	{ "prefix4", set_network, CONFIG(lan.prefix4), NULL,
	  "an IPv4 prefix, e.g. 10.250.250.0/29", 8, 30, .family = IPV4 },
	{ "router4", set_router4, CONFIG(lan.router4), NULL,
	  "none or an IPv4 address that a host can have", .family = IPV4 },
	{ "prefix6", set_network, CONFIG(lan.prefix6), "",
	  "an IPv6 prefix, e.g. 3d06:bad:b01::/60", 16, 64, .family = IPV6 },
	{ "router6", set_host, CONFIG(lan.router6), "",
	  "an IPv6 address that a host can have", .family = IPV6 },
	{ "router6_linklocal", set_linklocal, CONFIG(lan.router6_linklocal), "auto",
	  "auto or an address in fe80::/10" },
	{ "inside4", set_networks, CONFIG(lan.inside4), "",
	  "an IPv4 prefix, e.g. 10.20.0.0/16", 8, 32, .family = IPV4 },
	{ "hairpin", set_switch, CONFIG(lan.hairpin), "yes",
	  "yes or no", WORDS("no", "yes") },
};

static const struct key balance_keys[] = {
	{ "mode", set_word, CONFIG(balance), "flow",
	  "flow, source or source-destination",
	  WORDS([BALANCE_FLOW] = "flow", [BALANCE_SOURCE] = "source",
		[BALANCE_SOURCE_DESTINATION] = "source-destination") },
	{ "all_down", set_switch, CONFIG(all_down_unreachable), "keep",
	  "keep or unreachable", WORDS("keep", "unreachable") },
};

static const struct key health_keys[] = {
	{ "interval", set_duration, HEALTH(interval_us), "5s",
	  "a duration from 50ms to 60m, with its unit (ms, s, m or h)", 50, 3600000 },
	{ "timeout", set_duration, HEALTH(timeout_us), "1s",
	  "a duration from 10ms to 60m, with its unit (ms, s, m or h)", 10, 3600000 },
	{ "failure_threshold", set_count, HEALTH(failure_threshold), "3",
	  "a number of cycles from 1 to 1000", 1, 1000 },
	{ "recovery_threshold", set_count, HEALTH(recovery_threshold), "5",
	  "a number of cycles from 1 to 1000", 1, 1000 },
	{ "min_targets", set_count, HEALTH(min_targets), "1",
	  "a number of targets from 1 to 1000", 1, 1000 },
	{ "ping6", set_targets, HEALTH(targets[IPV6]),
	  "2606:4700:4700::1111, 2001:4860:4860::8888",
	  "an IPv6 address to ping (names are not looked up)",
	  .family = IPV6, .target = ping_target },
	{ "ping4", set_targets, HEALTH(targets[IPV4]), "1.1.1.1, 8.8.8.8",
	  "an IPv4 address to ping (names are not looked up)",
	  .family = IPV4, .target = ping_target },
	{ "http6", set_targets, HEALTH(targets[IPV6]), "",
	  "a URL for IPv6 (http://HOST/... or https://HOST/...)",
	  .family = IPV6, .target = http_target, .with_status = true },
	{ "http4", set_targets, HEALTH(targets[IPV4]), "",
	  "a URL for IPv4 (http://HOST/... or https://HOST/...)",
	  .family = IPV4, .target = http_target, .with_status = true },
	{ "max_loss", set_loss, HEALTH(max_loss), "",
	  "a loss from 1 to 100 percent, or empty" },
	{ "max_rtt", set_duration, HEALTH(max_rtt_us), "",
	  "a duration from 1ms to 60m, with its unit (ms, s, m or h), or empty", 1, 3600000 },
};

static const struct key wan_keys[] = {
	{ "interface", set_interface, WAN(interface), NULL, EXPECTED_INTERFACE },
	{ "mark", set_count, WAN(mark), NULL, "a mark from 1 to 254", 1, 254 },
	{ "table", set_table, WAN(table), NULL,
	  "a table from 1 to 252 or from 256 to 65535" },
	{ "weight", set_count, WAN(weight), "1", "a weight from 1 to 100", 1, 100 },
	{ "tier", set_count, WAN(tier), "1", "a tier from 1 to 255", 1, 255 },
	{ "gateway4", set_gateway, 0, "auto",
	  "auto, none or an IPv4 address", .family = IPV4 },
	{ "gateway6", set_gateway, 0, "auto",
	  "auto, none or an IPv6 address", .family = IPV6 },
	{ "nat4", set_switch, WAN(masquerade4), "map",
	  "map or masquerade", WORDS("map", "masquerade") },
	{ "public4", set_switch, WAN(onlink4), "routed",
	  "routed or onlink", WORDS("routed", "onlink") },
	{ "nat6", set_switch, WAN(masquerade6), "npt",
	  "npt or masquerade", WORDS("npt", "masquerade") },
	{ "nat6_fallback", set_switch, WAN(fallback6), "none",
	  "none or masquerade", WORDS("none", "masquerade") },
	{ "prefix6", set_wan_prefix, 0, "auto",
	  "auto or an IPv6 prefix, e.g. 2001:db8:100::/60", 16, 64, .family = IPV6 },
	{ "hairpin6", set_switch, WAN(hairpin6), "no",
	  "yes or no", WORDS("no", "yes") },
	{ "prefix6_block", set_count, WAN(prefix6_block), "0",
	  "a block from 0 to 65535", 0, 65535 },
	{ "down_flows", set_switch, WAN(flush_down), "drain",
	  "drain or flush", WORDS("drain", "flush") },
	{ "failback_flows", set_switch, WAN(flush_failback), "keep",
	  "keep or flush", WORDS("keep", "flush") },
	{ "recovery_hold", set_duration, WAN(recovery_hold_us), "0",
	  "a duration from 0 to 24h, with its unit (ms, s, m or h)", 0, 86400000 },
	{ "metered", set_switch, WAN(metered), "no",
	  "yes or no", WORDS("no", "yes") },
	{ "modem", set_hosts, WAN(modem), "",
	  "an address that a modem can have, e.g. 192.168.100.1" },
};

static const struct key notify_keys[] = {
	{ "command", set_command, CONFIG(notify_command), "",
	  "the absolute path of a program, without arguments" },
};

static void done_health(void *base)
{
	struct health_conf *health = base;

	for (int f = 0; f < N_FAMILIES; f++) {
		for (size_t i = 0; i < health->targets[f].n; i++)
			free(health->targets[f].v[i].name);
		free(health->targets[f].v);
	}
}

static void done_lan(void *base)
{
	free(((struct config *)base)->lan.inside4.v);
}

static void done_wan(void *base)
{
	free(((struct wan_conf *)base)->modem.v);
}

static void done_notify(void *base)
{
	free(((struct config *)base)->notify_command);
}

const struct section_kind section_mwan = { .name = "mwan", KEYS(mwan_keys) };
const struct section_kind section_lan = {
	.name = "lan", KEYS(lan_keys), .required = true, .check = check_lan,
	.done = done_lan,
};
const struct section_kind section_balance = { .name = "balance", KEYS(balance_keys) };
const struct section_kind section_health = {
	.name = "health", KEYS(health_keys), .offset = CONFIG(health), .done = done_health,
};
const struct section_kind section_wan = {
	.name = "wan", KEYS(wan_keys), .example = "att", .required = true,
	.max = 254, /* as many as there are marks */
	ARRAY(wans, n_wans), .inherits = &section_health, .inherits_offset = WAN(health),
	.check = check_wans, .done = done_wan,
};
const struct section_kind section_notify = {
	.name = "notify", KEYS(notify_keys), .done = done_notify,
};
/* clang-format on */

const struct key *key_find(const struct section_kind *kind, const char *name)
{
	for (size_t i = 0; i < kind->n_keys; i++)
		if (strcmp(kind->keys[i].name, name) == 0)
			return &kind->keys[i];
	return NULL;
}

int key_set(const struct key *key, const char *text, void *base, struct fault *why)
{
	_cleanup_(freep) char *copy = NULL;
	int r;

	if (!*text && !key->target && (!key->fallback || *key->fallback))
		return fault_set(why, -EINVAL, "it has no value, but needs %s", key->expected);

	copy = strdup(text);
	if (!copy)
		return -ENOMEM;

	r = key->set(key, copy, base, why);
	if (r != -EINVAL)
		return r;
	if (strstr(text, " #"))
		return fault_set(why, r, "%s: write ; and not # before a comment", quote(text).s);
	return fault_set(why, r, "%s is not %s", quote(text).s, key->expected);
}
