// SPDX-License-Identifier: GPL-2.0-or-later
// Lists of networks and addresses of both families: `networks = 10.89.0.0/16, fd00:89::/48`.
// An address without a length is a network of its own.

#include "base/parse.h"
#include "config/source.h"

#include <errno.h>

/* What is larger is no network of a site, but a good part of the internet. */
#define LARGEST4 8
#define LARGEST6 7

int set_prefixes(const struct key *key, char *text, void *base, struct fault *why)
{
	struct prefix_list *list = (void *)((char *)base + key->offset);

	for (char *item; (item = parse_item(&text, ", \t\n"));) {
		struct prefix prefix = {};
		struct addr addr;
		int r;

		if (addr_parse(item, AF_UNSPEC, &addr) == 0)
			prefix = prefix_host(addr);
		else if (prefix_parse(item, AF_UNSPEC, &prefix) < 0)
			return fault_set(why, -EINVAL, "%s is not %s", quote(item).s,
					 key->expected);
		r = value_check_network(item, prefix,
					prefix.addr.family == AF_INET ? LARGEST4 : LARGEST6,
					addr_bits(prefix.addr.family), why);
		if (r < 0)
			return r;
		if (APPEND(list->v, list->n, prefix) < 0)
			return -ENOMEM;
	}
	return 0;
}

int set_hosts(const struct key *key, char *text, void *base, struct fault *why)
{
	struct prefix_list *list = (void *)((char *)base + key->offset);

	for (char *item; (item = parse_item(&text, ", \t\n"));) {
		struct addr addr;

		if (addr_parse(item, AF_UNSPEC, &addr) < 0 || !addr_is_host(addr) ||
		    addr_is_linklocal(addr))
			return fault_set(why, -EINVAL, "%s is not %s", quote(item).s,
					 key->expected);
		if (APPEND(list->v, list->n, prefix_host(addr)) < 0)
			return -ENOMEM;
	}
	return 0;
}
