// SPDX-License-Identifier: GPL-2.0-or-later
// The names of the filter's counters, and the numbers read from them.
// A name is the WAN's mark and one of four suffixes, which are written here only.

#include "model/counters.h"

#include "base/util.h"

#include <stdio.h>
#include <string.h>

static const char *const suffixes[N_FAMILIES][N_DIRECTIONS] = {
	[IPV4] = { [OUTBOUND] = "ipv4_out", [INBOUND] = "ipv4_in" },
	[IPV6] = { [OUTBOUND] = "ipv6_out", [INBOUND] = "ipv6_in" },
};

struct counter_name counter_name(struct counter counter)
{
	struct counter_name name;

	snprintf(name.s, sizeof(name.s), "m%u_%s", counter.mark,
		 suffixes[counter.family][counter.direction]);
	return name;
}

static bool parse_suffix(const char *suffix, struct counter *counter)
{
	size_t length = strcspn(suffix, " ");

	for (enum family family = 0; family < N_FAMILIES; family++)
		for (enum direction direction = 0; direction < N_DIRECTIONS; direction++) {
			const char *own = suffixes[family][direction];

			if (strlen(own) != length || strncmp(own, suffix, length) != 0)
				continue;
			counter->family = family;
			counter->direction = direction;
			return true;
		}
	return false;
}

bool counter_parse(const char *name, struct counter *ret)
{
	size_t digits;

	if (*name++ != 'm')
		return false;
	digits = strspn(name, "0123456789");
	if (digits < 1 || digits > 3 || name[digits] != '_')
		return false;
	ret->mark = (uint32_t)strtoul(name, NULL, 10);
	return parse_suffix(name + digits + 1, ret);
}

void traffic_done(struct traffic *traffic)
{
	free(traffic->wans);
	*traffic = (struct traffic){};
}
