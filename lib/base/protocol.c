// SPDX-License-Identifier: GPL-2.0-or-later
// Protocols of IP by their names.
// A table of those that people name; of all others, the number will do.

#include "base/protocol.h"

#include "base/parse.h"
#include "base/util.h"

#include <netinet/in.h>
#include <string.h>

static const struct protocol {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "icmp", IPPROTO_ICMP }, { "tcp", IPPROTO_TCP },   { "udp", IPPROTO_UDP },
	{ "esp", IPPROTO_ESP },	  { "ah", IPPROTO_AH },	    { "gre", IPPROTO_GRE },
	{ "sctp", IPPROTO_SCTP }, { "dccp", IPPROTO_DCCP }, { "udplite", IPPROTO_UDPLITE },
};

int protocol_parse(const char *text, enum family family, uint8_t *ret)
{
	uint32_t number;

	if (family == IPV6 && (strcmp(text, "icmp") == 0 || strcmp(text, "icmpv6") == 0)) {
		*ret = IPPROTO_ICMPV6;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strcmp(text, protocols[i].name) == 0) {
			*ret = protocols[i].number;
			return 0;
		}
	}
	if (parse_count(text, 0, 255, &number) < 0)
		return -EINVAL;
	*ret = (uint8_t)number;
	return 0;
}

struct protocol_text protocol_str(uint8_t protocol)
{
	struct protocol_text text;

	snprintf(text.s, sizeof(text.s), "%u", protocol);
	if (protocol == IPPROTO_ICMPV6)
		protocol = IPPROTO_ICMP;
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			snprintf(text.s, sizeof(text.s), "%s", protocols[i].name);
	return text;
}
