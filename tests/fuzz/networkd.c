// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes systemd-networkd's answer to DescribeLink.
// The input is its JSON.

#include "fuzz.h"

#include "networkd/lease.h"

#include <string.h>

#define NOW_US 1000000000ULL

static void delegate(const char *json, struct delegation in_use, unsigned max_len)
{
	struct delegation found = delegation_from_json(json, NOW_US, in_use, max_len);

	if (found.state != DELEGATION_FOUND)
		return;
	FUZZ_CHECK(found.prefix.addr.family == AF_INET6 && found.prefix.len >= 1 &&
		   found.prefix.len <= 128 && found.until_us > NOW_US);
	/* What is in use while nothing changes stays in use. */
	if (found.prefix.len <= max_len) {
		struct delegation again = delegation_from_json(json, NOW_US, found, max_len);

		FUZZ_CHECK(again.state == DELEGATION_FOUND &&
			   prefix_cmp(again.prefix, found.prefix) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *json = fuzz_text(data, size);
	struct delegation in_use = { .state = DELEGATION_FOUND, .until_us = UINT64_MAX };
	struct lease lease;

	FUZZ_CHECK(prefix_parse("2600:1700:2f71:c80::/60", AF_INET6, &in_use.prefix) == 0);
	delegate(json, (struct delegation){}, 60);
	delegate(json, in_use, 60);
	delegate(json, in_use, 128);
	FUZZ_CHECK(delegation_next_end(json, NOW_US) > NOW_US);
	(void)lease_from_json(json, &lease);
	FUZZ_CHECK(strlen(lease.addresses) < sizeof(lease.addresses));
	return 0;
}
