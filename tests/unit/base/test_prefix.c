// SPDX-License-Identifier: GPL-2.0-or-later
// What addresses and prefixes are read as, and the arithmetic with them.
// Values are written as text, which is also how they are compared.

#include "base/prefix.h"
#include "base/util.h"
#include "suite.h"

#include <errno.h>

static struct addr addr(const char *text)
{
	struct addr ret = {};

	ck_assert_int_eq(addr_parse(text, AF_UNSPEC, &ret), 0);
	return ret;
}

static struct prefix prefix(const char *text)
{
	struct prefix ret = {};

	ck_assert_int_eq(prefix_parse(text, AF_UNSPEC, &ret), 0);
	return ret;
}

START_TEST(addresses_come_back_as_they_were_written)
{
	static const char *const texts[] = {
		"0.0.0.0",
		"10.250.250.2",
		"255.255.255.255",
		"::",
		"::1",
		"fe80::1",
		"2606:4700:4700::1111",
		"2001:db8:0:1:1:1:1:1",
		"3d06:bad:b01:fe::2",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_str_eq(addr_str(addr(texts[i])).s, texts[i]);

	ck_assert_str_eq(addr_str(addr("2001:DB8:0:0:0::1")).s, "2001:db8::1");
	ck_assert_str_eq(addr_str((struct addr){}).s, "");
	ck_assert_str_eq(prefix_str((struct prefix){}).s, "");
}
END_TEST

START_TEST(an_address_is_of_its_family_only)
{
	struct addr a = { .family = 99 };

	ck_assert_int_eq(addr_parse("10.0.0.1", AF_INET6, &a), -EINVAL);
	ck_assert_int_eq(addr_parse("::1", AF_INET, &a), -EINVAL);
	ck_assert_int_eq(a.family, 99);

	ck_assert_int_eq(addr_parse("10.0.0.1", AF_UNSPEC, &a), 0);
	ck_assert_int_eq(a.family, AF_INET);
	for (unsigned i = 4; i < sizeof(a.bytes); i++)
		ck_assert_uint_eq(a.bytes[i], 0);
}
END_TEST

START_TEST(what_is_no_address_or_prefix_is_refused)
{
	static const char *const addresses[] = {
		"",	      " ::1",	   "::1 ",	"1.2.3",   "1.2.3.256", "1.2.3.04",
		"1.2.3.4/32", "1.2.3.4.5", "fe80::1%x", "1::2::3", "12345::",	"localhost",
	};
	static const char *const prefixes[] = {
		"",
		"10.0.0.0",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/08",
		"10.0.0.0/8 ",
		"10.0.0.0//8",
		"/8",
		"::/129",
		"::/4294967360",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/64",
	};
	struct addr a;
	struct prefix p;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		ck_assert_msg(addr_parse(addresses[i], AF_UNSPEC, &a) == -EINVAL, "%s",
			      addresses[i]);
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		ck_assert_msg(prefix_parse(prefixes[i], AF_UNSPEC, &p) == -EINVAL, "%s",
			      prefixes[i]);
}
END_TEST

START_TEST(an_interface_address_keeps_its_host_bits)
{
	struct prefix p = prefix("10.250.250.1/29");

	ck_assert_str_eq(prefix_str(p).s, "10.250.250.1/29");
	ck_assert(!prefix_is_network(p));
	ck_assert_str_eq(prefix_str(prefix_network(p)).s, "10.250.250.0/29");
	ck_assert(prefix_is_network(prefix_network(p)));
}
END_TEST

START_TEST(every_length_cuts_at_its_bit)
{
	for (unsigned len = 0; len <= 128; len++) {
		struct prefix p = prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128");

		p.len = len;
		p = prefix_network(p);
		for (unsigned bit = 0; bit < 128; bit++) {
			bool set = p.addr.bytes[bit / 8] & (0x80U >> (bit % 8));

			ck_assert_msg(set == (bit < len), "/%u, bit %u", len, bit);
		}
	}
	ck_assert_str_eq(prefix_str(prefix_network(prefix("255.255.255.255/0"))).s, "0.0.0.0/0");
	ck_assert_str_eq(prefix_str(prefix_network(prefix("255.255.255.255/32"))).s,
			 "255.255.255.255/32");
}
END_TEST

START_TEST(a_prefix_contains_its_addresses_only)
{
	struct prefix lan = prefix("10.250.250.0/29");

	ck_assert(prefix_contains(lan, addr("10.250.250.0")));
	ck_assert(prefix_contains(lan, addr("10.250.250.7")));
	ck_assert(!prefix_contains(lan, addr("10.250.250.8")));
	ck_assert(!prefix_contains(lan, addr("10.250.249.255")));
	ck_assert(!prefix_contains(lan, addr("aff:afa::")));
	ck_assert(!prefix_contains(lan, (struct addr){}));
	ck_assert(!prefix_contains((struct prefix){}, (struct addr){}));
	ck_assert(prefix_contains(prefix("::/0"), addr("ff02::1")));
	ck_assert(!prefix_contains(prefix("::/0"), addr("1.2.3.4")));
	ck_assert(prefix_contains(prefix("3d06:bad:b01::/60"), addr("3d06:bad:b01:f::1")));
	ck_assert(!prefix_contains(prefix("3d06:bad:b01::/60"), addr("3d06:bad:b01:10::1")));
}
END_TEST

START_TEST(machines_do_not_have_the_ends_of_an_ipv4_prefix)
{
	struct prefix lan = prefix("10.250.250.0/29");

	ck_assert(!prefix_has_host(lan, addr("10.250.250.0")));
	ck_assert(prefix_has_host(lan, addr("10.250.250.1")));
	ck_assert(prefix_has_host(lan, addr("10.250.250.6")));
	ck_assert(!prefix_has_host(lan, addr("10.250.250.7")));
	ck_assert(!prefix_has_host(lan, addr("10.250.250.9")));
	ck_assert(prefix_has_host(prefix("10.0.0.0/31"), addr("10.0.0.0")));
	ck_assert(prefix_has_host(prefix("10.0.0.0/31"), addr("10.0.0.1")));
	ck_assert(prefix_has_host(prefix("fd00::/64"), addr("fd00::")));
	ck_assert_str_eq(addr_str(prefix_last(lan)).s, "10.250.250.7");
	ck_assert_str_eq(addr_str(prefix_last(prefix("fd00::/120"))).s, "fd00::ff");
}
END_TEST

START_TEST(prefixes_overlap_when_one_is_inside_the_other)
{
	ck_assert(prefix_overlaps(prefix("10.0.0.0/8"), prefix("10.1.0.0/16")));
	ck_assert(prefix_overlaps(prefix("10.1.0.0/16"), prefix("10.0.0.0/8")));
	ck_assert(prefix_overlaps(prefix("10.1.0.0/16"), prefix("10.1.0.0/16")));
	ck_assert(!prefix_overlaps(prefix("10.1.0.0/16"), prefix("10.2.0.0/16")));
	ck_assert(!prefix_overlaps(prefix("0.0.0.0/0"), prefix("::/0")));
	ck_assert(!prefix_overlaps((struct prefix){}, (struct prefix){}));
}
END_TEST

START_TEST(the_edge_address_is_the_first_of_its_prefix)
{
	ck_assert_str_eq(addr_str(prefix_nth(prefix("2600:1700:2f71:c80::/60"), 1)).s,
			 "2600:1700:2f71:c80::1");
	ck_assert_str_eq(addr_str(prefix_nth(prefix("2600:1700:2f71:c8f::9/60"), 1)).s,
			 "2600:1700:2f71:c80::1");
	ck_assert_str_eq(addr_str(prefix_nth(prefix("10.0.0.0/8"), 256)).s, "10.0.1.0");
	ck_assert_str_eq(addr_str(prefix_nth(prefix("10.0.0.255/32"), 1)).s, "10.0.1.0");
	ck_assert_str_eq(addr_str(prefix_nth(prefix("fd00::/64"), UINT32_MAX)).s,
			 "fd00::ffff:ffff");
	ck_assert_str_eq(addr_str(prefix_nth(prefix("255.255.255.255/32"), 1)).s, "0.0.0.0");
}
END_TEST

START_TEST(order_is_by_family_then_address_then_length)
{
	static const char *const sorted[] = {
		"9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/9", "10.0.0.1/8",
		"::/0",	     "::1/128",	   "fe80::/10",
	};
	const size_t n = ARRAY_SIZE(sorted);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			int c = prefix_cmp(prefix(sorted[i]), prefix(sorted[j]));

			ck_assert_int_eq((c > 0) - (c < 0), (i > j) - (i < j));
		}
	}
	ck_assert_int_eq(addr_cmp(addr("::1"), addr("0::1")), 0);
}
END_TEST

START_TEST(link_local_and_nobodys_addresses_are_known)
{
	ck_assert(addr_is_linklocal(addr("fe80::1")));
	ck_assert(addr_is_linklocal(addr("febf::1")));
	ck_assert(!addr_is_linklocal(addr("fec0::1")));
	ck_assert(addr_is_linklocal(addr("169.254.3.4")));
	ck_assert(!addr_is_linklocal(addr("169.253.3.4")));
	ck_assert(!addr_is_linklocal((struct addr){}));

	ck_assert(addr_is_host(addr("223.255.255.255")));
	ck_assert(addr_is_host(addr("fe80::1")));
	ck_assert(!addr_is_host(addr("0.1.2.3")));
	ck_assert(!addr_is_host(addr("127.0.0.1")));
	ck_assert(!addr_is_host(addr("224.0.0.1")));
	ck_assert(!addr_is_host(addr("255.255.255.255")));
	ck_assert(!addr_is_host(addr("::")));
	ck_assert(!addr_is_host(addr("::1")));
	ck_assert(!addr_is_host(addr("ff02::1")));
	ck_assert(!addr_is_host((struct addr){}));
}
END_TEST

START_TEST(address_that_the_internet_does_not_reach_is_told_from_others)
{
	static const char *const private[] = { "10.0.0.1",    "100.64.0.0", "100.127.255.255",
					       "172.16.0.1",  "172.31.9.9", "192.168.255.1",
					       "169.254.1.1", "fc00::1",    "fdff::1",
					       "fe80::1" };
	static const char *const public[] = { "9.9.9.9",    "100.63.255.255", "100.128.0.0",
					      "172.15.0.1", "172.32.0.1",     "192.169.0.1",
					      "192.0.2.1",  "2001:db8::1",    "fb00::1",
					      "fe00::1" };

	for (size_t i = 0; i < ARRAY_SIZE(private); i++)
		ck_assert_msg(addr_is_private(addr(private[i])), "%s", private[i]);
	for (size_t i = 0; i < ARRAY_SIZE(public); i++)
		ck_assert_msg(!addr_is_private(addr(public[i])), "%s", public[i]);
	ck_assert(!addr_is_private((struct addr){}));
}
END_TEST

START_TEST(a_host_prefix_has_the_full_length)
{
	ck_assert_str_eq(prefix_str(prefix_host(addr("10.0.0.1"))).s, "10.0.0.1/32");
	ck_assert_str_eq(prefix_str(prefix_host(addr("fd00::1"))).s, "fd00::1/128");
	ck_assert_uint_eq(addr_size(AF_INET), 4);
	ck_assert_uint_eq(addr_bits(AF_INET6), 128);
}
END_TEST

START_TEST(an_address_keeps_its_place_in_another_prefix)
{
	ck_assert_str_eq(
		addr_str(prefix_translate(addr("3d06:bad:b0f:1::100"), prefix("2001:db8:40::/42")))
			.s,
		"2001:db8:4f:1::100");
	ck_assert_str_eq(addr_str(prefix_translate(addr("10.1.2.3"), prefix("192.0.2.9/32"))).s,
			 "192.0.2.9");
}
END_TEST

START_TEST(blocks_are_counted_from_0)
{
	struct prefix whole = prefix("2600:1700:2f71:c00::/56");

	ck_assert_str_eq(prefix_str(prefix_block(whole, 60, 0)).s, "2600:1700:2f71:c00::/60");
	ck_assert_str_eq(prefix_str(prefix_block(whole, 60, 15)).s, "2600:1700:2f71:cf0::/60");
	ck_assert_str_eq(prefix_str(prefix_block(whole, 63, 5)).s, "2600:1700:2f71:c0a::/63");
	ck_assert_str_eq(prefix_str(prefix_block(whole, 56, 0)).s, "2600:1700:2f71:c00::/56");
	ck_assert_str_eq(prefix_str(prefix_block(prefix("2001:db8::/47"), 64, 65535)).s,
			 "2001:db8:0:ffff::/64");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("prefix");

	tcase_add_test(tcase, addresses_come_back_as_they_were_written);
	tcase_add_test(tcase, an_address_is_of_its_family_only);
	tcase_add_test(tcase, what_is_no_address_or_prefix_is_refused);
	tcase_add_test(tcase, an_interface_address_keeps_its_host_bits);
	tcase_add_test(tcase, every_length_cuts_at_its_bit);
	tcase_add_test(tcase, a_prefix_contains_its_addresses_only);
	tcase_add_test(tcase, machines_do_not_have_the_ends_of_an_ipv4_prefix);
	tcase_add_test(tcase, prefixes_overlap_when_one_is_inside_the_other);
	tcase_add_test(tcase, the_edge_address_is_the_first_of_its_prefix);
	tcase_add_test(tcase, order_is_by_family_then_address_then_length);
	tcase_add_test(tcase, link_local_and_nobodys_addresses_are_known);
	tcase_add_test(tcase, address_that_the_internet_does_not_reach_is_told_from_others);
	tcase_add_test(tcase, a_host_prefix_has_the_full_length);
	tcase_add_test(tcase, an_address_keeps_its_place_in_another_prefix);
	tcase_add_test(tcase, blocks_are_counted_from_0);

	return run_case(tcase, "prefix");
}
