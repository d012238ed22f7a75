// SPDX-License-Identifier: GPL-2.0-or-later
// Which prefix each WAN has: given, fixed, from a source of live delegations, or of the last run.
// Sources are functions that count their questions; the loopback is the one link that they know.

#include "reconcile/prefixes.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

#define OLD "2600:1700:2f71:c80::/60"
#define NEW "2600:1700:dead:be0::/60"
#define NOW 50
#define END (NOW + PREFIX_EARLY_US + 1) /* of what is given up next, but not yet */

static struct scene scene;
static struct npt_state kept, found;
static struct fault bad;
static unsigned asked_len; /* the longest prefix of use, as sources are asked for */

/* A source that always answers alike. */
struct fake {
	struct delegation answer;
	unsigned questions;
	struct delegation in_use; /* as it was asked last */
};

static struct delegation fake_find(void *client, unsigned ifindex, struct delegation in_use,
				   unsigned max_len)
{
	struct fake *fake = client;

	ck_assert_uint_eq(ifindex, if_nametoindex("lo"));
	ck_assert_uint_eq(max_len, asked_len);
	fake->questions++;
	fake->in_use = in_use;
	return fake->answer;
}

static struct fake unknown, second, none; /* `unknown` knows nothing, unless a test says so */
static const struct prefix_source sources[] = { { fake_find, &unknown }, { fake_find, &second } };

/* att is on the loopback and had a prefix; webpass is on a link that is not there. */
static void set_up(void)
{
	scene_make(&scene, "contract");
	strcpy(scene.config.wans[ATT].written, "lo");
	strcpy(scene.config.wans[WEBPASS].written, "mwan-absent");
	ck_assert_int_eq(npt_state_new(2, &kept), 0);
	kept.delegated[ATT] = a_prefix(OLD);
	kept.until_us[ATT] = END;
	kept.delegated[WEBPASS] = a_prefix("2604:5500:c271:be00::/60");
	kept.until_us[WEBPASS] = UINT64_MAX;
	unknown = (struct fake){};
	second = (struct fake){ { DELEGATION_FOUND, a_prefix(NEW), END + 1 } };
	none = (struct fake){ { .state = DELEGATION_NONE } };
	bad = (struct fault){};
	asked_len = 60;
}

static void tear_down(void)
{
	npt_state_done(&found);
	npt_state_done(&kept);
	scene_done(&scene);
}

static void resolve(struct prefix_request request)
{
	ck_assert_int_eq(prefixes_resolve(&scene.config, &request, &kept, NOW, &found, &bad), 0);
}

static void expect(size_t wan, const char *prefix)
{
	ck_assert_str_eq(found.delegated[wan].len ? prefix_str(found.delegated[wan]).s : "none",
			 prefix);
}

START_TEST(nobody_asked_means_the_last_run)
{
	resolve((struct prefix_request){});
	expect(ATT, OLD);
	ck_assert_uint_eq(found.until_us[ATT], END);
	expect(WEBPASS, "2604:5500:c271:be00::/60");
}
END_TEST

START_TEST(the_first_source_that_knows_is_believed)
{
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	expect(ATT, NEW);
	ck_assert_uint_eq(found.until_us[ATT], END + 1);
	ck_assert_uint_eq(unknown.questions, 1);
	ck_assert_str_eq(prefix_str(second.in_use.prefix).s, OLD);
	/* Nobody is asked about a link that is not there: its last prefix stands. */
	ck_assert_uint_eq(second.questions, 1);
	expect(WEBPASS, "2604:5500:c271:be00::/60");
}
END_TEST

START_TEST(unknown_leaves_the_last_prefix_and_none_takes_it)
{
	const struct prefix_source empty = { fake_find, &none };

	resolve((struct prefix_request){ .sources = sources, .n_sources = 1 });
	expect(ATT, OLD);
	npt_state_done(&found);
	resolve((struct prefix_request){ .sources = &empty, .n_sources = 1 });
	expect(ATT, "none");
}
END_TEST

static void expect_lost(const char *prefix)
{
	expect(ATT, "none");
	ck_assert_str_eq(found.lost[ATT].len ? prefix_str(found.lost[ATT]).s : "none", prefix);
}

/* A run after the one before. */
static void again(const struct prefix_source *source)
{
	npt_state_done(&kept);
	kept = found;
	resolve((struct prefix_request){ .sources = source, .n_sources = source ? 1 : 0 });
}

START_TEST(a_prefix_whose_lease_is_away_is_lost_until_there_is_one_or_its_end)
{
	const struct prefix_source source = { fake_find, &none };

	none.answer.awaited = true;
	resolve((struct prefix_request){ .sources = &source, .n_sources = 1 });
	expect_lost(OLD);
	again(&source);
	expect_lost(OLD);
	/* Nobody can be asked: it is still lost, and not in use again. */
	again(NULL);
	expect_lost(OLD);
	ck_assert_uint_eq(found.until_us[ATT], END);

	none.answer.awaited = false;
	again(&source);
	expect_lost("none");
}
END_TEST

START_TEST(a_lost_prefix_ends_with_its_lifetime)
{
	kept.lost[ATT] = kept.delegated[ATT];
	kept.delegated[ATT] = (struct prefix){};
	kept.until_us[ATT] = NOW;
	resolve((struct prefix_request){});
	expect_lost("none");
}
END_TEST

START_TEST(a_lost_prefix_that_another_wan_gets_is_its)
{
	kept.lost[ATT] = kept.delegated[ATT];
	kept.delegated[ATT] = (struct prefix){};
	kept.delegated[WEBPASS] = a_prefix(OLD);
	resolve((struct prefix_request){});
	expect_lost("none");
	expect(WEBPASS, OLD);
}
END_TEST

START_TEST(nothing_new_leaves_the_last_prefix_and_asks_nobody_else)
{
	unknown.answer.state = DELEGATION_IN_USE;
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	expect(ATT, OLD);
	ck_assert_uint_eq(second.questions, 0);
}
END_TEST

START_TEST(a_prefix_ends_with_its_lifetime_whoever_was_asked)
{
	kept.until_us[ATT] = END - 1;
	resolve((struct prefix_request){});
	expect(ATT, "none");
	expect(WEBPASS, "2604:5500:c271:be00::/60");

	npt_state_done(&found);
	resolve((struct prefix_request){ .sources = sources, .n_sources = 1 });
	expect(ATT, "none");

	npt_state_done(&found);
	unknown.answer.state = DELEGATION_IN_USE;
	resolve((struct prefix_request){ .sources = sources, .n_sources = 1 });
	expect(ATT, "none");

	npt_state_done(&found);
	unknown.answer = (struct delegation){ DELEGATION_FOUND, a_prefix(NEW), END - 1 };
	resolve((struct prefix_request){ .sources = sources, .n_sources = 1 });
	expect(ATT, "none");
}
END_TEST

START_TEST(whoever_asks_only_then_asks_when_a_lifetime_has_ended)
{
	const struct prefix_request request = { sources, 2, .ended = true };

	resolve(request);
	expect(ATT, OLD);
	kept.delegated[WEBPASS].len = 0;
	npt_state_done(&found);
	resolve(request);
	ck_assert_uint_eq(unknown.questions, 0);

	kept.until_us[ATT] = NOW;
	npt_state_done(&found);
	resolve(request);
	expect(ATT, NEW);
	ck_assert_uint_eq(second.in_use.until_us, NOW);
}
END_TEST

START_TEST(a_prefix_given_by_hand_has_no_end)
{
	const struct wan_conf *att = &scene.config.wans[ATT];

	kept.until_us[ATT] = NOW;
	resolve((struct prefix_request){ .only = att, .prefix = a_prefix(OLD) });
	expect(ATT, OLD);
	ck_assert_uint_eq(found.until_us[ATT], UINT64_MAX);
}
END_TEST

START_TEST(a_fixed_prefix_asks_nobody)
{
	scene.config.wans[ATT].fixed6 = true;
	scene.config.wans[ATT].prefix6 = a_prefix("2001:db8:f::/60");
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	expect(ATT, "2001:db8:f::/60");
	ck_assert_uint_eq(second.questions, 0);
}
END_TEST

START_TEST(a_given_prefix_is_of_one_wan_and_wins)
{
	const struct wan_conf *att = &scene.config.wans[ATT];

	scene.config.wans[ATT].fixed6 = true;
	scene.config.wans[ATT].prefix6 = a_prefix("2001:db8:f::/60");
	resolve((struct prefix_request){ sources, 2, .only = att, .prefix = a_prefix(NEW) });
	expect(ATT, NEW);
	expect(WEBPASS, "2604:5500:c271:be00::/60");
	ck_assert_uint_eq(second.questions, 0);
}
END_TEST

START_TEST(one_wan_alone_can_be_asked_about)
{
	resolve((struct prefix_request){ sources, 2, .only = &scene.config.wans[WEBPASS] });
	expect(ATT, OLD);
	ck_assert_uint_eq(second.questions, 0);
}
END_TEST

START_TEST(what_can_not_be_used_is_refused_by_name)
{
	second.answer.prefix = a_prefix("2001:db8:1:2::/64");
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	expect(ATT, "none");
	ck_assert_uint_eq(found.refused[ATT].len, 64);
	ck_assert_ptr_nonnull(strstr(bad.text, "too small"));
	ck_assert_ptr_nonnull(strstr(bad.text, ": set `prefix6 = 3d06:bad:b01::/64` in [lan]"));
}
END_TEST

/* A block's number says how long a delegation may be: /60s inside, and the third of them. */
START_TEST(a_block_needs_a_delegation_that_has_it)
{
	scene.config.wans[ATT].prefix6_block = 2;
	asked_len = 58;
	second.answer.prefix = a_prefix("2001:db8:1::/59");
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	expect(ATT, "none");
	ck_assert_ptr_nonnull(strstr(bad.text, "att: prefix 2001:db8:1::/59 has no block 2 of a "
					       "/60"));
	ck_assert_ptr_nonnull(strstr(bad.text, "[wan att] to a number from 0 to 1"));

	npt_state_done(&found);
	second.answer.prefix = a_prefix("2001:db8:1::/58");
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	ck_assert_str_eq(prefix_str(npt_outside(&scene.config, &found, ATT)).s,
			 "2001:db8:1:20::/60");
	ck_assert_str_eq(addr_str(npt_edge(&scene.config, &found, ATT)).s, "2001:db8:1:20::1");
	ck_assert_str_eq(npt_use(&scene.config, &found, ATT).s,
			 "2001:db8:1:20::/60 (block 2 of 4 of 2001:db8:1::/58)");
}
END_TEST

START_TEST(who_had_a_prefix_keeps_it)
{
	second.answer.prefix = kept.delegated[WEBPASS];
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	expect(ATT, "none");
	expect(WEBPASS, "2604:5500:c271:be00::/60");
	ck_assert_ptr_nonnull(strstr(bad.text, "webpass"));
}
END_TEST

START_TEST(a_wan_without_npt_has_none)
{
	scene.config.wans[ATT].masquerade6 = true;
	scene.config.wans[WEBPASS].gateway_mode[IPV6] = GATEWAY_NONE;
	resolve((struct prefix_request){ .sources = sources, .n_sources = 2 });
	expect(ATT, "none");
	expect(WEBPASS, "none");
	ck_assert_uint_eq(second.questions, 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("prefixes");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, nobody_asked_means_the_last_run);
	tcase_add_test(tcase, the_first_source_that_knows_is_believed);
	tcase_add_test(tcase, unknown_leaves_the_last_prefix_and_none_takes_it);
	tcase_add_test(tcase, nothing_new_leaves_the_last_prefix_and_asks_nobody_else);
	tcase_add_test(tcase, a_prefix_ends_with_its_lifetime_whoever_was_asked);
	tcase_add_test(tcase, whoever_asks_only_then_asks_when_a_lifetime_has_ended);
	tcase_add_test(tcase, a_prefix_given_by_hand_has_no_end);
	tcase_add_test(tcase, a_fixed_prefix_asks_nobody);
	tcase_add_test(tcase, a_given_prefix_is_of_one_wan_and_wins);
	tcase_add_test(tcase, one_wan_alone_can_be_asked_about);
	tcase_add_test(tcase, what_can_not_be_used_is_refused_by_name);
	tcase_add_test(tcase, a_block_needs_a_delegation_that_has_it);
	tcase_add_test(tcase, a_prefix_whose_lease_is_away_is_lost_until_there_is_one_or_its_end);
	tcase_add_test(tcase, a_lost_prefix_ends_with_its_lifetime);
	tcase_add_test(tcase, a_lost_prefix_that_another_wan_gets_is_its);
	tcase_add_test(tcase, who_had_a_prefix_keeps_it);
	tcase_add_test(tcase, a_wan_without_npt_has_none);
	return run_case(tcase, "prefixes");
}
