// SPDX-License-Identifier: GPL-2.0-or-later
// Announcements of addresses, byte by byte.
// The expected packets are written out, with checksums that another program has computed.

#include "kernel/announce.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

static uint8_t packet[ANNOUNCEMENT_SIZE];

static struct claim a_claim(const char *addr, const char *source)
{
	return (struct claim){
		.addr = an_addr(addr),
		.source = source ? an_addr(source) : (struct addr){},
		.mac = { 0x02, 0, 0, 0, 0x01, 0xfe },
	};
}

static void expect(struct claim claim, const uint8_t *bytes, size_t size)
{
	ck_assert_uint_eq(announcement_make(&claim, packet), size);
	ck_assert_mem_eq(packet, bytes, size);
}

/* clang-format off */
static const uint8_t arp[] = {
	0, 1, 8, 0, 6, 4, 0, 1, /* Ethernet, IPv4, a request */
	0x02, 0, 0, 0, 0x01, 0xfe, 136, 25, 91, 242,
	0, 0, 0, 0, 0, 0, 136, 25, 91, 242,
};

static uint8_t advertisement[] = {
	0x60, 0, 0, 0, 0, 32, 58, 255, /* IPv6, 32 bytes of ICMPv6, hop limit 255 */
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	136, 0, 0, 0, 0xa0, 0, 0, 0, /* router, override */
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	2, 1, 0x02, 0, 0, 0, 0x01, 0xfe, /* the hardware address */
};

static const uint8_t solicitation[] = {
	0x60, 0, 0, 0, 0, 32, 58, 255,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xf1, 0x23, 0x45, /* who may have it */
	135, 0, 0, 0xfa, 0, 0, 0, 0,
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf1, 0x23, 0x45,
	1, 1, 0x02, 0, 0, 0, 0x01, 0xfe, /* where the answer is to go */
};
/* clang-format on */

START_TEST(arp_asks_everybody_for_our_own_address)
{
	expect(a_claim("136.25.91.242", "136.25.91.242"), arp, sizeof(arp));
}
END_TEST

START_TEST(a_neighbour_advertisement_overrides_what_is_known)
{
	advertisement[42] = 0x77;
	advertisement[43] = 0x2d;
	expect(a_claim("2001:db8::1", "2001:db8::1"), advertisement, sizeof(advertisement));
}
END_TEST

START_TEST(an_advertisement_may_come_from_the_link_local_address)
{
	advertisement[8] = 0xfe;
	advertisement[9] = 0x80;
	advertisement[10] = advertisement[11] = 0;
	advertisement[42] = 0xa6;
	advertisement[43] = 0x65;
	expect(a_claim("2001:db8::1", "fe80::1"), advertisement, sizeof(advertisement));
}
END_TEST

START_TEST(without_an_address_to_send_from_there_is_none)
{
	struct claim claim = a_claim("2001:db8::1", NULL);

	ck_assert_uint_eq(announcement_make(&claim, packet), 0);
}
END_TEST

START_TEST(a_question_goes_to_all_that_may_have_the_address)
{
	const struct claim four = a_claim("136.25.91.242", "fe80::1");
	const struct claim six = a_claim("2001:db8::f1:2345", "fe80::1");
	uint8_t to[ETH_ALEN];

	ck_assert_uint_eq(question_make(&six, packet, to), sizeof(solicitation));
	ck_assert_mem_eq(packet, solicitation, sizeof(solicitation));
	ck_assert_mem_eq(to, "\x33\x33\xff\xf1\x23\x45", sizeof(to));

	ck_assert_uint_eq(question_make(&four, packet, to), sizeof(arp));
	ck_assert_mem_eq(packet, arp, 14);
	ck_assert_mem_eq(packet + 14, "\0\0\0\0", 4); /* from nobody: it claims nothing */
	ck_assert_mem_eq(packet + 18, arp + 18, 10);
	ck_assert_mem_eq(to, "\xff\xff\xff\xff\xff\xff", sizeof(to));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("announce");

	tcase_add_test(tcase, arp_asks_everybody_for_our_own_address);
	tcase_add_test(tcase, a_neighbour_advertisement_overrides_what_is_known);
	tcase_add_test(tcase, an_advertisement_may_come_from_the_link_local_address);
	tcase_add_test(tcase, without_an_address_to_send_from_there_is_none);
	tcase_add_test(tcase, a_question_goes_to_all_that_may_have_the_address);
	return run_case(tcase, "announce");
}
