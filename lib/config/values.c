// SPDX-License-Identifier: GPL-2.0-or-later
// The values of mwan.conf's keys: numbers, words, names, addresses and prefixes.
// Each setter reads one text into the member of the struct that its key names.

#include "base/parse.h"
#include "config/source.h"

#include <errno.h>
#include <string.h>

static void *member(const struct key *key, void *base)
{
	return (char *)base + key->offset;
}

int set_count(const struct key *key, char *text, void *base, struct fault *why)
{
	return parse_count(text, key->min, key->max, member(key, base));
}

/* 253 to 255 are the kernel's own tables. */
int set_table(const struct key *key, char *text, void *base, struct fault *why)
{
	uint32_t *table = member(key, base);

	if (parse_count(text, 1, 252, table) == 0)
		return 0;
	return parse_count(text, 256, 65535, table);
}

/* The member is an enum in the order of the key's words. */
int set_word(const struct key *key, char *text, void *base, struct fault *why)
{
	return parse_word(text, key->words, member(key, base));
}

/* The key has two words: the first is false, the second true. */
int set_switch(const struct key *key, char *text, void *base, struct fault *why)
{
	bool *on = member(key, base);
	unsigned word;

	if (parse_word(text, key->words, &word) < 0)
		return -EINVAL;
	*on = word == 1;
	return 0;
}

int set_duration(const struct key *key, char *text, void *base, struct fault *why)
{
	uint64_t *duration = member(key, base), us = 0;

	/* Only keys that may be empty get here without text. Nothing has no unit. */
	if (*text && !(key->min == 0 && strcmp(text, "0") == 0) &&
	    (parse_duration(text, &us) < 0 || us < key->min * 1000UL || us > key->max * 1000UL))
		return -EINVAL;
	*duration = us;
	return 0;
}

int set_loss(const struct key *key, char *text, void *base, struct fault *why)
{
	int *percent = member(key, base);

	if (*text)
		return parse_percent(text, percent);
	*percent = -1;
	return 0;
}

int set_interface(const struct key *key, char *text, void *base, struct fault *why)
{
	return parse_interface(text, member(key, base));
}

int set_host(const struct key *key, char *text, void *base, struct fault *why)
{
	struct addr *addr = member(key, base);
	struct addr host = {};

	if (*text && (addr_parse(text, family_af(key->family), &host) < 0 || !addr_is_host(host)))
		return -EINVAL;
	*addr = host;
	return 0;
}

int set_router4(const struct key *key, char *text, void *base, struct fault *why)
{
	struct addr *addr = member(key, base);

	if (strcmp(text, "none") != 0)
		return set_host(key, text, base, why);
	*addr = (struct addr){};
	return 0;
}

int set_linklocal(const struct key *key, char *text, void *base, struct fault *why)
{
	struct addr *addr = member(key, base);
	struct addr host = {};

	if (strcmp(text, "auto") != 0 &&
	    (addr_parse(text, AF_INET6, &host) < 0 || !addr_is_linklocal(host)))
		return -EINVAL;
	*addr = host;
	return 0;
}

int value_check_network(const char *text, struct prefix prefix, unsigned min, unsigned max,
			struct fault *why)
{
	if (prefix.len < min || prefix.len > max)
		return fault_set(why, -EINVAL, "%s has a length of %u: it has to be %u to %u",
				 quote(text).s, prefix.len, min, max);
	if (!prefix_is_network(prefix))
		return fault_set(why, -EINVAL, "%s has bits beyond its length: write %s",
				 quote(text).s, prefix_str(prefix_network(prefix)).s);
	if (!addr_is_host(prefix.addr) || addr_is_linklocal(prefix.addr))
		return fault_set(why, -EINVAL, "%s is not a prefix that hosts can have",
				 quote(text).s);
	return 0;
}

static int parse_network(const struct key *key, const char *text, struct prefix *ret,
			 struct fault *why)
{
	struct prefix prefix;

	if (prefix_parse(text, family_af(key->family), &prefix) < 0)
		return -EINVAL;
	*ret = prefix;
	return value_check_network(text, prefix, key->min, key->max, why);
}

int set_network(const struct key *key, char *text, void *base, struct fault *why)
{
	struct prefix *prefix = member(key, base);

	if (*text)
		return parse_network(key, text, prefix, why);
	*prefix = (struct prefix){};
	return 0;
}

int set_networks(const struct key *key, char *text, void *base, struct fault *why)
{
	struct prefix_list *list = member(key, base);

	for (char *item; (item = parse_item(&text, ", \t\n"));) {
		struct prefix prefix;

		if (parse_network(key, item, &prefix, why) < 0)
			return *why->text ? -EINVAL
					  : fault_set(why, -EINVAL, "%s is not %s", quote(item).s,
						      key->expected);
		if (APPEND(list->v, list->n, prefix) < 0)
			return -ENOMEM;
	}
	return 0;
}

int set_wan_prefix(const struct key *key, char *text, void *base, struct fault *why)
{
	struct wan_conf *wan = base;

	wan->fixed6 = strcmp(text, "auto") != 0;
	return wan->fixed6 ? parse_network(key, text, &wan->prefix6, why) : 0;
}

int set_gateway(const struct key *key, char *text, void *base, struct fault *why)
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

int set_command(const struct key *key, char *text, void *base, struct fault *why)
{
	char **command = member(key, base);

	if (!*text)
		return 0;
	if (*text != '/' || strpbrk(text, " \t\n"))
		return -EINVAL;
	*command = strdup(text);
	return *command ? 0 : -ENOMEM;
}
