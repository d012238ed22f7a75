// SPDX-License-Identifier: GPL-2.0-or-later
// The number that a flow draws.
// It is the kernel's: tests/lab/test_explain.py sends such flows.

#include "base/jhash.h"
#include "plan/explained_flow.h"
#include "suite.h"

START_TEST(hash_is_the_kernels)
{
	static const char text[] = "Four score and seven years ago";

	/* From lookup3.c, by Bob Jenkins. */
	ck_assert_uint_eq(jhash(text, strlen(text), 0), 0x17770551);
	ck_assert_uint_eq(jhash(text, strlen(text), 1), 0xcd628161);
	ck_assert_uint_eq(jhash("", 0, 0), 0xdeadbeef);
}
END_TEST

START_TEST(flow_draws_the_kernels_number)
{
	static const char inside6[] = "3d06:bad:b01:1::5", outside6[] = "2606:4700:4700::1111";
	const struct {
		struct flow_query query;
		enum balance_mode mode;
		unsigned number;
	} cases[] = {
		{ flow_of("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 53), BALANCE_FLOW, 2107 },
		{ flow_of("10.250.250.2", "1.1.1.1", IPPROTO_TCP, 4000, 53), BALANCE_FLOW, 2107 },
		{ flow_of("10.250.250.2", "1.1.1.1", IPPROTO_ICMP, 7, 0), BALANCE_FLOW, 756 },
		{ flow_of(inside6, outside6, IPPROTO_TCP, 50000, 443), BALANCE_FLOW, 8364 },
		{ flow_of(inside6, outside6, IPPROTO_ICMPV6, 7, 0), BALANCE_FLOW, 7085 },
		{ query_of("10.250.250.2", "1.1.1.1"), BALANCE_SOURCE, 9445 },
		{ query_of(inside6, outside6), BALANCE_SOURCE, 1072 },
		{ query_of("10.250.250.2", "1.1.1.1"), BALANCE_SOURCE_DESTINATION, 9220 },
		{ query_of(inside6, outside6), BALANCE_SOURCE_DESTINATION, 1416 },
	};
	unsigned number;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert(draw_number(&cases[i].query, cases[i].mode, &number));
		ck_assert_uint_eq(number, cases[i].number);
	}
}
END_TEST

START_TEST(what_is_not_known_leaves_the_number_open)
{
	struct flow_query query = query_of("10.250.250.2", "1.1.1.1");
	unsigned number;

	ck_assert(!draw_number(&query, BALANCE_FLOW, &number));
	ck_assert(draw_number(&query, BALANCE_SOURCE, &number));
	ck_assert(draw_number(&query, BALANCE_SOURCE_DESTINATION, &number));
	query = flow_of("10.250.250.2", "1.1.1.1", IPPROTO_UDP, 4000, 53);
	query.has_sport = false;
	ck_assert(!draw_number(&query, BALANCE_FLOW, &number));
	/* ESP draws by its SPI, and the other family's ICMP has no id that counts. */
	query = flow_of("10.250.250.2", "1.1.1.1", IPPROTO_ESP, 0, 0);
	ck_assert(!draw_number(&query, BALANCE_FLOW, &number));
	query = flow_of("10.250.250.2", "1.1.1.1", IPPROTO_ICMPV6, 7, 0);
	ck_assert(!draw_number(&query, BALANCE_FLOW, &number));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("draw");

	tcase_add_test(tcase, hash_is_the_kernels);
	tcase_add_test(tcase, flow_draws_the_kernels_number);
	tcase_add_test(tcase, what_is_not_known_leaves_the_number_open);
	return run_case(tcase, "draw");
}
