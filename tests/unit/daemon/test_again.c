// SPDX-License-Identifier: GPL-2.0-or-later
// When an ISP is asked again for what it gave.
// The clock is the test's own: hours go by in no time.

#include "base/util.h"
#include "daemon/again.h"
#include "suite.h"

#define SECOND 1000000ULL
#define HOUR (3600 * SECOND)
#define LIFETIME (1800 * SECOND)

/* A host that looks when it was told to, and each minute in any case. */
struct scene {
	struct advertisement advertisement;
	uint64_t now_us, end_us;
	uint64_t asked_us[100];
	unsigned n;
};

static void look(struct scene *scene, uint64_t *next_us)
{
	if (advertisement_is_due(&scene->advertisement, scene->end_us, scene->now_us, next_us) &&
	    scene->n < ARRAY_SIZE(scene->asked_us))
		scene->asked_us[scene->n++] = scene->now_us;
}

static void go_on(struct scene *scene, uint64_t seconds)
{
	uint64_t until_us = scene->now_us + seconds * SECOND;

	while (scene->now_us < until_us) {
		uint64_t next_us = scene->now_us + 60 * SECOND;

		if (scene->end_us <= scene->now_us)
			scene->end_us = 0;
		look(scene, &next_us);
		scene->now_us = next_us < until_us ? next_us : until_us;
	}
}

static void advertise(struct scene *scene)
{
	scene->end_us = scene->now_us + LIFETIME;
}

static struct scene begin(void)
{
	struct scene scene = { .now_us = 1000 * SECOND };

	return scene;
}

START_TEST(a_router_that_advertises_by_itself_is_never_asked)
{
	struct scene scene = begin();

	for (int i = 0; i < 100; i++) {
		advertise(&scene);
		go_on(&scene, 600);
	}
	ck_assert_uint_eq(scene.n, 0);
}
END_TEST

START_TEST(one_that_answers_only_is_asked_once_in_a_lifetime)
{
	struct scene scene = begin();

	advertise(&scene);
	for (int i = 0; i < 10; i++) {
		unsigned before = scene.n;
		uint64_t began_us = scene.now_us;

		while (scene.n == before)
			go_on(&scene, 1);
		ck_assert_uint_ge(scene.asked_us[before], began_us + LIFETIME / 2);
		ck_assert_uint_lt(scene.asked_us[before], scene.end_us);
		advertise(&scene);
		go_on(&scene, 1);
	}
	ck_assert_uint_eq(scene.n, 10);
}
END_TEST

START_TEST(one_that_does_not_answer_is_asked_less_and_less_often_for_ever)
{
	struct scene scene = begin();

	advertise(&scene);
	go_on(&scene, 24 * 3600ULL);
	ck_assert_uint_gt(scene.n, 20);
	ck_assert_uint_eq(scene.asked_us[0], 1000 * SECOND + LIFETIME - LIFETIME / 3);
	for (unsigned i = 1; i < scene.n; i++) {
		uint64_t gap_us = scene.asked_us[i] - scene.asked_us[i - 1];
		uint64_t least_us = i < 11 ? 4 * SECOND << (i - 1) : HOUR;

		ck_assert_uint_eq(gap_us, least_us < HOUR ? least_us : HOUR);
	}
}
END_TEST

START_TEST(a_withdrawn_router_is_asked_for_after_the_others_had_their_turn)
{
	struct scene scene = begin();

	advertise(&scene);
	go_on(&scene, 10);
	scene.end_us = 0;
	go_on(&scene, 30);
	ck_assert_uint_eq(scene.n, 3);
	ck_assert_uint_eq(scene.asked_us[0], 1014 * SECOND);
	ck_assert_uint_eq(scene.asked_us[1], 1018 * SECOND);
	ck_assert_uint_eq(scene.asked_us[2], 1026 * SECOND);
}
END_TEST

START_TEST(a_carrier_that_comes_leaves_the_asking_to_others)
{
	struct scene scene = begin();

	scene.advertisement.sought = true;
	go_on(&scene, 3600);
	ck_assert_uint_eq(scene.n, 0);
	advertise(&scene);
	go_on(&scene, 1);
	scene.end_us = 0;
	go_on(&scene, 5);
	ck_assert_uint_eq(scene.n, 1);
}
END_TEST

START_TEST(a_router_without_an_end_is_never_asked)
{
	struct scene scene = begin();

	scene.end_us = UINT64_MAX;
	go_on(&scene, 24 * 3600ULL);
	ck_assert_uint_eq(scene.n, 0);
}
END_TEST

START_TEST(a_lease_is_asked_for_once_and_then_seldom)
{
	const struct again_pace pace = { 2 * SECOND, 15 * SECOND, HOUR };
	static const uint64_t due_s[] = { 2, 17, 47, 107, 227, 467 };
	struct again again = {};
	unsigned n = 0;

	for (uint64_t s = 0; s < 500; s++) {
		uint64_t next_us = UINT64_MAX;

		if (again_is_due(&again, &pace, (1000 + s) * SECOND, &next_us)) {
			ck_assert_uint_lt(n, ARRAY_SIZE(due_s));
			ck_assert_uint_eq(s, due_s[n]);
			n++;
		}
		ck_assert_uint_gt(next_us, (1000 + s) * SECOND);
	}
	ck_assert_uint_eq(n, ARRAY_SIZE(due_s));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("again");

	tcase_add_test(tcase, a_router_that_advertises_by_itself_is_never_asked);
	tcase_add_test(tcase, one_that_answers_only_is_asked_once_in_a_lifetime);
	tcase_add_test(tcase, one_that_does_not_answer_is_asked_less_and_less_often_for_ever);
	tcase_add_test(tcase, a_withdrawn_router_is_asked_for_after_the_others_had_their_turn);
	tcase_add_test(tcase, a_carrier_that_comes_leaves_the_asking_to_others);
	tcase_add_test(tcase, a_router_without_an_end_is_never_asked);
	tcase_add_test(tcase, a_lease_is_asked_for_once_and_then_seldom);
	return run_case(tcase, "again");
}
