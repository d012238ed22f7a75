// SPDX-License-Identifier: GPL-2.0-or-later
// How far apart the daemon's runs are.
// The clock is the test's own: each scene goes by in no time, and the same way on any machine.

#include "daemon/pace.h"
#include "suite.h"

#define MS 1000ULL
#define SECOND (1000 * MS)

/* Runs take so long, whatever they do. */
#define RUN_US (3 * MS)

struct scene {
	struct pace pace;
	enum pace_result result; /* of the runs to come */
	uint64_t now_us, at_us;	 /* the clock, and when the next run is due */
	unsigned runs;
	uint64_t began_us; /* the last run */
};

static void request(struct scene *scene, enum pace_urgency urgency)
{
	uint64_t due_us = pace_due(&scene->pace, urgency);

	if (due_us < scene->at_us)
		scene->at_us = due_us;
}

/* Lets the clock go until then; a run that is due takes its time. */
static void go_until(struct scene *scene, uint64_t until_us)
{
	while (scene->at_us <= until_us) {
		if (scene->at_us > scene->now_us)
			scene->now_us = scene->at_us;
		scene->began_us = scene->now_us;
		scene->runs++;
		scene->now_us += RUN_US;
		scene->at_us = pace_ended(&scene->pace, scene->result, scene->now_us);
	}
	if (until_us > scene->now_us)
		scene->now_us = until_us;
}

/* Events of a kind, so far apart, for so long. */
static void storm(struct scene *scene, enum pace_urgency urgency, uint64_t pause_us,
		  uint64_t duration_us)
{
	uint64_t until_us = scene->now_us + duration_us;

	while (scene->now_us < until_us) {
		request(scene, urgency);
		go_until(scene, scene->now_us + pause_us);
	}
}

/* The first run is over, and it has been quiet since. */
static struct scene quiet(void)
{
	struct scene scene = { .pace = pace_start(), .now_us = 1000 * SECOND };

	go_until(&scene, scene.now_us + 10 * SECOND);
	ck_assert_uint_eq(scene.runs, 1);
	scene.runs = 0;
	return scene;
}

/* How long after the event the run begins. */
static uint64_t delay_us(struct scene *scene, enum pace_urgency urgency)
{
	uint64_t event_us = scene->now_us;

	request(scene, urgency);
	go_until(scene, scene->now_us + SECOND);
	ck_assert_uint_ge(scene->began_us, event_us);
	return scene->began_us - event_us;
}

START_TEST(event_in_quiet_times_is_followed_at_once)
{
	struct scene scene = quiet();

	ck_assert_uint_eq(delay_us(&scene, PACE_EVENT), 0);
	ck_assert_uint_eq(scene.runs, 1);
}
END_TEST

START_TEST(requests_at_one_time_make_one_run)
{
	struct scene scene = quiet();

	for (int i = 0; i < 1000; i++)
		request(&scene, i % 2 ? PACE_LOSS : PACE_EVENT);
	go_until(&scene, scene.now_us + SECOND);
	ck_assert_uint_eq(scene.runs, 1);
}
END_TEST

START_TEST(storm_makes_few_runs_and_one_after_its_end)
{
	struct scene scene = quiet();
	uint64_t end_us;

	storm(&scene, PACE_EVENT, MS, 10 * SECOND);
	end_us = scene.now_us;
	go_until(&scene, scene.now_us + SECOND);
	ck_assert_uint_ge(scene.runs, 100);
	ck_assert_uint_le(scene.runs, 130);
	/* What happened last is seen as well. */
	ck_assert_uint_ge(scene.began_us, end_us - MS);
}
END_TEST

/* The loss itself comes at any moment between two runs of the storm. */
START_TEST(loss_in_a_storm_is_followed_at_once)
{
	for (uint64_t at_us = 0; at_us < 200 * MS; at_us += MS / 2) {
		struct scene scene = quiet();

		storm(&scene, PACE_EVENT, MS, 3 * SECOND + at_us);
		ck_assert_uint_le(delay_us(&scene, PACE_LOSS), 20 * MS);
	}
}
END_TEST

START_TEST(each_loss_of_one_that_flaps_is_followed_at_once)
{
	struct scene scene = quiet();
	unsigned n = 0;

	for (uint64_t until_us = scene.now_us + 20 * SECOND; scene.now_us < until_us; n++) {
		uint64_t event_us = scene.now_us;

		request(&scene, PACE_LOSS);
		go_until(&scene, scene.now_us + 25 * MS);
		ck_assert_uint_ge(scene.began_us, event_us);
		ck_assert_uint_le(scene.began_us - event_us, 20 * MS);
	}
	ck_assert_uint_eq(scene.runs, n);
}
END_TEST

START_TEST(storm_of_losses_leaves_time_for_other_things)
{
	struct scene scene = quiet();

	storm(&scene, PACE_LOSS, MS / 10, 10 * SECOND);
	ck_assert_uint_le(scene.runs, 10 * SECOND / (20 * MS));
}
END_TEST

START_TEST(decision_does_not_wait_at_all)
{
	struct scene scene = quiet();

	storm(&scene, PACE_EVENT, MS, SECOND);
	ck_assert_uint_eq(delay_us(&scene, PACE_NOW), 0);
}
END_TEST

START_TEST(taken_turn_is_waited_for_but_not_long)
{
	struct scene scene = quiet();

	scene.result = PACE_BUSY;
	request(&scene, PACE_EVENT);
	go_until(&scene, scene.now_us + 10 * SECOND);
	ck_assert_uint_ge(scene.runs, 10 * SECOND / (25 * MS));
	ck_assert_uint_le(scene.runs, 10 * SECOND / (20 * MS));
	scene.result = PACE_DONE;
	scene.runs = 0;
	go_until(&scene, scene.now_us + SECOND);
	ck_assert_uint_eq(scene.runs, 1);
}
END_TEST

START_TEST(failed_run_is_tried_again_at_once_and_then_less_and_less_often)
{
	struct scene scene = quiet();

	scene.result = PACE_FAILED;
	request(&scene, PACE_EVENT);
	go_until(&scene, scene.now_us + 20 * MS);
	ck_assert_uint_eq(scene.runs, 2);
	go_until(&scene, scene.now_us + 600 * SECOND);
	ck_assert_uint_ge(scene.runs, 15);
	ck_assert_uint_le(scene.runs, 25);
	/* And it is not forgotten. */
	scene.runs = 0;
	go_until(&scene, scene.now_us + 61 * SECOND);
	ck_assert_uint_ge(scene.runs, 1);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("pace");

	tcase_add_test(tcase, event_in_quiet_times_is_followed_at_once);
	tcase_add_test(tcase, requests_at_one_time_make_one_run);
	tcase_add_test(tcase, storm_makes_few_runs_and_one_after_its_end);
	tcase_add_test(tcase, loss_in_a_storm_is_followed_at_once);
	tcase_add_test(tcase, each_loss_of_one_that_flaps_is_followed_at_once);
	tcase_add_test(tcase, storm_of_losses_leaves_time_for_other_things);
	tcase_add_test(tcase, decision_does_not_wait_at_all);
	tcase_add_test(tcase, taken_turn_is_waited_for_but_not_long);
	tcase_add_test(tcase, failed_run_is_tried_again_at_once_and_then_less_and_less_often);
	return run_case(tcase, "pace");
}
