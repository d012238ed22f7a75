// SPDX-License-Identifier: GPL-2.0-or-later
// The values of a rule's keys: lists of networks, protocols, ports and classes of traffic.
// Each becomes ranges, once for each family, for ICMP has two numbers.

#include "base/flow.h"
#include "base/parse.h"
#include "base/protocol.h"
#include "config/source.h"

#include <errno.h>
#include <string.h>

#define SEPARATORS ", \t\n"

/* The ranges of the key, of the family. */
static struct ranges *ranges_of(const struct key *key, void *base, enum family family)
{
	struct ranges *fields = (void *)((char *)base + key->offset);

	return &fields[(size_t)family * N_RULE_FIELDS];
}

int rule_add_network(const char *text, struct ranges *lists[N_FAMILIES], struct fault *why)
{
	struct prefix prefix;
	struct addr addr;

	if (addr_parse(text, AF_UNSPEC, &addr) == 0)
		prefix = prefix_host(addr);
	else if (prefix_parse(text, AF_UNSPEC, &prefix) < 0)
		return fault_set(why, -EINVAL, "%s is not an address or a prefix", quote(text).s);
	if (!prefix_is_network(prefix))
		return fault_set(why, -EINVAL, "%s has bits beyond its length: write %s",
				 quote(text).s, prefix_str(prefix_network(prefix)).s);
	return ranges_add(lists[family_of_af(prefix.addr.family)], range_of_prefix(prefix));
}

int set_rule_networks(const struct key *key, char *text, void *base, struct fault *why)
{
	struct ranges *lists[] = { ranges_of(key, base, IPV4), ranges_of(key, base, IPV6) };
	struct rule_conf *rule = base;
	int r = 0;

	for (char *item; r == 0 && (item = parse_item(&text, SEPARATORS));) {
		if (strcmp(item, "@") == 0)
			return fault_set(why, -EINVAL,
					 "the name of a file follows @: "
					 "one address or prefix stands on each of its lines");
		r = *item == '@' ? string_list_add(&rule->files[key->min], item + 1)
				 : rule_add_network(item, lists, why);
	}
	return r;
}

/* Both families have the numbers. */
static int add_numbers(const struct key *key, void *base, unsigned first, unsigned last)
{
	int r = ranges_add(ranges_of(key, base, IPV4), range_of_numbers(first, last));

	return r < 0 ? r : ranges_add(ranges_of(key, base, IPV6), range_of_numbers(first, last));
}

int set_rule_protocols(const struct key *key, char *text, void *base, struct fault *why)
{
	int r = 0;

	for (char *item; r == 0 && (item = parse_item(&text, SEPARATORS));) {
		struct quoted shown = quote(item);

		for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
			uint8_t number;

			if (protocol_parse(item, family, &number) < 0)
				return fault_set(why, -EINVAL, "%s is not %s", shown.s,
						 key->expected);
			r = ranges_add(ranges_of(key, base, family),
				       range_of_numbers(number, number));
		}
	}
	return r;
}

int set_rule_ports(const struct key *key, char *text, void *base, struct fault *why)
{
	int r = 0;

	for (char *item; r == 0 && (item = parse_item(&text, SEPARATORS));) {
		struct quoted shown = quote(item);
		char *last = item, *first = strsep(&last, "-");
		unsigned from, to;

		if (parse_count(first, 1, 65535, &from) < 0 ||
		    parse_count(last ? last : first, from, 65535, &to) < 0)
			return fault_set(why, -EINVAL, "%s is not %s", shown.s, key->expected);
		r = add_numbers(key, base, from, to);
	}
	return r;
}

/* RFC 2474, 2597, 3246, 5865 and 8622. */
static const struct {
	char name[12];
	uint8_t number;
} classes[] = {
	{ "be", 0 },	{ "le", 1 },	{ "cs0", 0 },	{ "cs1", 8 },	{ "cs2", 16 },
	{ "cs3", 24 },	{ "cs4", 32 },	{ "cs5", 40 },	{ "cs6", 48 },	{ "cs7", 56 },
	{ "af11", 10 }, { "af12", 12 }, { "af13", 14 }, { "af21", 18 }, { "af22", 20 },
	{ "af23", 22 }, { "af31", 26 }, { "af32", 28 }, { "af33", 30 }, { "af41", 34 },
	{ "af42", 36 }, { "af43", 38 }, { "ef", 46 },	{ "va", 44 },
};

static int parse_class(const char *text, unsigned *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (strcmp(text, classes[i].name) == 0) {
			*ret = classes[i].number;
			return 0;
		}
	}
	return parse_count(text, 0, 63, ret);
}

int set_rule_dscp(const struct key *key, char *text, void *base, struct fault *why)
{
	int r = 0;

	for (char *item; r == 0 && (item = parse_item(&text, SEPARATORS));) {
		unsigned class;

		if (parse_class(item, &class) < 0)
			return fault_set(why, -EINVAL, "%s is not %s", quote(item).s,
					 key->expected);
		r = add_numbers(key, base, class, class);
	}
	return r;
}

/* They are looked up when all WANs are known. */
int set_rule_wans(const struct key *key, char *text, void *base, struct fault *why)
{
	return parse_item(&text, SEPARATORS) ? 0 : -EINVAL;
}

int set_rule_mode(const struct key *key, char *text, void *base, struct fault *why)
{
	struct rule_conf *rule = base;
	unsigned mode = 0;

	rule->own_mode = *text;
	if (rule->own_mode && parse_word(text, key->words, &mode) < 0)
		return -EINVAL;
	rule->mode = (enum balance_mode)mode;
	return 0;
}
