// SPDX-License-Identifier: GPL-2.0-or-later
// Delegations as DescribeLink answers them.
// Each case is an answer, the prefix in use, and what is made of both.

#include "networkd/lease.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

#define NOW 1000

static struct prefix got;

static struct delegation in_use(const char *prefix, uint64_t until_us)
{
	return (struct delegation){ DELEGATION_FOUND, a_prefix(prefix), until_us };
}

static enum delegation_state ask(const char *prefixes, const char *current)
{
	struct delegation found = {};
	_cleanup_(freep) char *json = NULL;

	if (current)
		found = in_use(current, UINT64_MAX);
	ck_assert_int_gt(asprintf(&json, "{\"DHCPv6Client\":{\"Prefixes\":[%s]}}", prefixes), 0);
	found = delegation_from_json(json, NOW, found, 60);
	got = found.prefix;
	return found.state;
}

static enum delegation_state state(const char *json, struct delegation in_use)
{
	return delegation_from_json(json, NOW, in_use, 60).state;
}

static void expect(const char *prefix)
{
	ck_assert_str_eq(prefix_str(got).s, prefix);
}

/* 2001:db8:X::/LEN */
#define PREFIX(x, len, more)                                                                       \
	"{\"Prefix\":[32,1,13,184,0," #x ",0,0,0,0,0,0,0,0,0,0],\"PrefixLength\":" #len more "}"
#define PREFERRED_UNTIL(t) ",\"PreferredLifetimeUSec\":" #t
#define VALID_UNTIL(t) ",\"ValidLifetimeUSec\":" #t

START_TEST(delegation_is_found)
{
	ck_assert_int_eq(ask(PREFIX(10, 60, ""), NULL), DELEGATION_FOUND);
	expect("2001:db8:a::/60");
}
END_TEST

START_TEST(link_without_dhcpv6_has_none)
{
	static const char *const answers[] = { "{}", "{\"DHCPv6Client\":null}",
					       "{\"DHCPv6Client\":{\"Prefixes\":{}}}" };

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		ck_assert_int_eq(state(answers[i], (struct delegation){}), DELEGATION_NONE);
}
END_TEST

START_TEST(nonsense_is_no_answer)
{
	static const char *const answers[] = { "", "[]", "not json", "{" };

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		ck_assert_int_eq(state(answers[i], (struct delegation){}), DELEGATION_UNKNOWN);
}
END_TEST

START_TEST(expired_prefix_is_none)
{
	ck_assert_int_eq(ask(PREFIX(10, 60, VALID_UNTIL(1000)), NULL), DELEGATION_NONE);
	ck_assert_int_eq(ask(PREFIX(10, 60, VALID_UNTIL(1001)), NULL), DELEGATION_FOUND);
}
END_TEST

START_TEST(end_comes_with_the_prefix)
{
	static const char *const json = "{\"DHCPv6Client\":{\"Lease\":{},\"Prefixes\":[" PREFIX(
		10, 60, PREFERRED_UNTIL(2000) VALID_UNTIL(3000)) "]}}";

	ck_assert_uint_eq(delegation_from_json(json, NOW, (struct delegation){}, 60).until_us,
			  3000);
	ck_assert_uint_eq(
		delegation_from_json("{\"DHCPv6Client\":{\"Prefixes\":[" PREFIX(10, 60, "") "]}}",
				     NOW, (struct delegation){}, 60)
			.until_us,
		UINT64_MAX);
}
END_TEST

START_TEST(prefix_in_use_stands_while_networkd_awaits_a_lease)
{
	static const char *const awaits[] = {
		"{\"CarrierState\":\"carrier\",\"DHCPv6Client\":{\"DUID\":[0,4]}}",
		"{\"CarrierState\":\"carrier\",\"DHCPv6Client\":{\"Prefixes\":[]}}",
		"{\"CarrierState\":\"carrier\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(awaits); i++) {
		ck_assert_int_eq(state(awaits[i], in_use("2001:db8:a::/60", NOW + 1)),
				 DELEGATION_UNKNOWN);
		ck_assert_int_eq(state(awaits[i], in_use("2001:db8:a::/60", NOW)), DELEGATION_NONE);
		ck_assert_int_eq(state(awaits[i], (struct delegation){}), DELEGATION_NONE);
	}
}
END_TEST

START_TEST(prefix_in_use_goes_with_the_carrier_or_a_lease_without_it)
{
	static const char *const over[] = {
		"{\"CarrierState\":\"no-carrier\",\"DHCPv6Client\":{\"DUID\":[0,4]}}",
		"{\"CarrierState\":\"off\"}",
		"{\"CarrierState\":\"carrier\",\"DHCPv6Client\":{\"Lease\":{},\"Prefixes\":[]}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(over); i++) {
		struct delegation found = delegation_from_json(
			over[i], NOW, in_use("2001:db8:a::/60", UINT64_MAX), 60);

		ck_assert_int_eq(found.state, DELEGATION_NONE);
		/* Without a lease, the same may come again. */
		ck_assert_int_eq(found.awaited, i < 2);
	}
}
END_TEST

START_TEST(preferred_comes_before_deprecated)
{
	ask(PREFIX(10, 60, PREFERRED_UNTIL(999)) "," PREFIX(11, 60, PREFERRED_UNTIL(2000)), NULL);
	expect("2001:db8:b::/60");
	ask(PREFIX(10, 60, PREFERRED_UNTIL(999)), NULL);
	expect("2001:db8:a::/60");
}
END_TEST

START_TEST(prefix_in_use_stays_while_it_is_preferred)
{
	ask(PREFIX(10, 60, "") "," PREFIX(11, 60, ""), "2001:db8:b::/60");
	expect("2001:db8:b::/60");
	ask(PREFIX(10, 60, "") "," PREFIX(11, 60, PREFERRED_UNTIL(1)), "2001:db8:b::/60");
	expect("2001:db8:a::/60");
}
END_TEST

START_TEST(prefix_that_fits_comes_before_one_too_small)
{
	ask(PREFIX(10, 64, "") "," PREFIX(11, 56, ""), NULL);
	expect("2001:db8:b::/56");
	ask(PREFIX(10, 64, ""), NULL);
	expect("2001:db8:a::/64");
}
END_TEST

START_TEST(nonsense_entries_are_passed_over)
{
	ask("{\"Prefix\":[1,2],\"PrefixLength\":60},{\"Prefix\":\"x\"},17," PREFIX(
		    10, 0, "") "," PREFIX(12, 4294967356, "") "," PREFIX(11, 60, ""),
	    NULL);
	expect("2001:db8:b::/60");
}
END_TEST

START_TEST(next_end_is_the_soonest_still_to_come)
{
	static const char *const json = "{\"DHCPv6Client\":{\"Prefixes\":[" PREFIX(
		10, 60,
		PREFERRED_UNTIL(900) VALID_UNTIL(
			3000)) "," PREFIX(11, 60, PREFERRED_UNTIL(2000) VALID_UNTIL(4000)) "]}}";

	ck_assert_uint_eq(delegation_next_end(json, NOW), 2000);
	ck_assert_uint_eq(delegation_next_end(json, 2000), 3000);
	ck_assert_uint_eq(delegation_next_end(json, 4000), UINT64_MAX);
	ck_assert_uint_eq(delegation_next_end("{}", NOW), UINT64_MAX);
	ck_assert_uint_eq(delegation_next_end("not json", NOW), UINT64_MAX);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("delegation");

	tcase_add_test(tcase, delegation_is_found);
	tcase_add_test(tcase, link_without_dhcpv6_has_none);
	tcase_add_test(tcase, nonsense_is_no_answer);
	tcase_add_test(tcase, expired_prefix_is_none);
	tcase_add_test(tcase, end_comes_with_the_prefix);
	tcase_add_test(tcase, prefix_in_use_stands_while_networkd_awaits_a_lease);
	tcase_add_test(tcase, prefix_in_use_goes_with_the_carrier_or_a_lease_without_it);
	tcase_add_test(tcase, preferred_comes_before_deprecated);
	tcase_add_test(tcase, prefix_in_use_stays_while_it_is_preferred);
	tcase_add_test(tcase, prefix_that_fits_comes_before_one_too_small);
	tcase_add_test(tcase, nonsense_entries_are_passed_over);
	tcase_add_test(tcase, next_end_is_the_soonest_still_to_come);
	return run_case(tcase, "delegation");
}
