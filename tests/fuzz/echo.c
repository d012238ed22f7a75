// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes answers to echo requests, ICMP's and ICMPv6's.
// The first byte chooses the family; the rest is what a raw socket receives.

#include "fuzz.h"

#include "probe/echo.h"

#include <string.h>

/* What is read as a reply begins as our request would, but for type, code and checksum. */
static void check_reply(enum family family, const uint8_t *data, size_t size,
			const struct echo_answer *answer)
{
	size_t header = family == IPV4 ? (data[0] & 0xfU) * 4 : 0;
	uint8_t request[ECHO_SIZE];

	echo_write(family, &answer->key, request);
	FUZZ_CHECK(size >= header + 24 && memcmp(data + header + 4, request + 4, 20) == 0);
}

static void check_error(enum family family, const struct echo_answer *answer)
{
	FUZZ_CHECK(answer->destination.family == family_af(family));
	FUZZ_CHECK(*echo_error(family, answer->type, answer->code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum family family = size > 0 ? data[0] % N_FAMILIES : IPV4;
	struct echo_answer answer;
	/* Of its own size: one byte more is out of bounds. */
	_cleanup_(freep) uint8_t *packet = size > 1 ? malloc(size - 1) : NULL;

	if (!packet)
		return 0;
	memcpy(packet, data + 1, size - 1);
	if (!echo_read(family, packet, size - 1, &answer))
		return 0;
	if (answer.error)
		check_error(family, &answer);
	else if (!answer.partial)
		check_reply(family, packet, size - 1, &answer);
	return 0;
}
