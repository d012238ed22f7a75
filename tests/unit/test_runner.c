/*
 * When the daemon runs. Times are lower bounds, or far from what is meant: other
 * work on the machine may delay everything.
 */
#include "runner.h"
#include "suite.h"
#include "util.h"

#include <time.h>

struct scene {
	sd_event *event;
	struct runner *runner;
	enum runner_result result; /* of the runs to come */
	unsigned runs;
	uint64_t first_us, last_us; /* when the runs were */
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static enum runner_result on_run(void *arg)
{
	struct scene *scene = arg;

	scene->last_us = now_us();
	if (scene->runs++ == 0)
		scene->first_us = scene->last_us;
	return scene->result;
}

static void scene_make(struct scene *scene)
{
	*scene = (struct scene){};
	ck_assert_int_ge(sd_event_new(&scene->event), 0);
	ck_assert_int_eq(runner_new(scene->event, on_run, scene, &scene->runner), 0);
}

static void scene_done(struct scene *scene)
{
	runner_free(scene->runner);
	sd_event_unref(scene->event);
}

/* Lets the loop go for that long; a request every `pause_us` meanwhile, or none. */
static void go(struct scene *scene, uint64_t duration_us, uint64_t pause_us)
{
	uint64_t until = now_us() + duration_us;

	while (now_us() < until) {
		if (pause_us)
			runner_request(scene->runner);
		ck_assert_int_ge(sd_event_run(scene->event, pause_us ? pause_us : 1000), 0);
	}
}

START_TEST(first_run_needs_no_request)
{
	_cleanup_(scene_done) struct scene scene;

	scene_make(&scene);
	ck_assert_int_ge(sd_event_run(scene.event, 1000000), 1);
	ck_assert_uint_eq(scene.runs, 1);
}
END_TEST

START_TEST(storm_makes_few_runs_and_one_after_its_end)
{
	_cleanup_(scene_done) struct scene scene;
	uint64_t end_us;

	scene_make(&scene);
	go(&scene, 50000, 0);
	scene.runs = 0;
	go(&scene, 1000000, 1000);
	end_us = now_us();
	go(&scene, 700000, 0);
	ck_assert_uint_ge(scene.runs, 2);
	ck_assert_uint_le(scene.runs, 10);
	/* What happened last is seen as well. */
	ck_assert_uint_ge(scene.last_us, end_us - 1000);
}
END_TEST

START_TEST(requests_at_one_time_make_one_run)
{
	_cleanup_(scene_done) struct scene scene;

	scene_make(&scene);
	go(&scene, 50000, 0);
	scene.runs = 0;
	for (int i = 0; i < 1000; i++)
		runner_request(scene.runner);
	go(&scene, 200000, 0);
	ck_assert_uint_eq(scene.runs, 1);
}
END_TEST

START_TEST(decision_does_not_wait_for_the_storm_to_end)
{
	_cleanup_(scene_done) struct scene scene;

	scene_make(&scene);
	go(&scene, 1000000, 1000); /* by now the gap is wide */
	scene.runs = 0;
	runner_request_now(scene.runner);
	ck_assert_int_ge(sd_event_run(scene.event, 0), 1);
	ck_assert_uint_eq(scene.runs, 1);
}
END_TEST

START_TEST(taken_turn_is_waited_for)
{
	_cleanup_(scene_done) struct scene scene;

	scene_make(&scene);
	scene.result = RUNNER_BUSY;
	go(&scene, 300000, 0);
	/* Every 2, 4, 8 … 50 ms. */
	ck_assert_uint_ge(scene.runs, 2);
	ck_assert_uint_le(scene.runs, 15);
	scene.result = RUNNER_DONE;
	scene.runs = 0;
	go(&scene, 300000, 0);
	ck_assert_uint_eq(scene.runs, 1);
}
END_TEST

START_TEST(failed_run_is_tried_again_but_not_at_once)
{
	_cleanup_(scene_done) struct scene scene;

	scene_make(&scene);
	scene.result = RUNNER_FAILED;
	go(&scene, 500000, 0);
	ck_assert_uint_eq(scene.runs, 1);
	go(&scene, 1500000, 0);
	ck_assert_uint_eq(scene.runs, 2);
	ck_assert_uint_ge(scene.last_us - scene.first_us, 1000000);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("runner");

	tcase_add_test(tcase, first_run_needs_no_request);
	tcase_add_test(tcase, storm_makes_few_runs_and_one_after_its_end);
	tcase_add_test(tcase, requests_at_one_time_make_one_run);
	tcase_add_test(tcase, decision_does_not_wait_for_the_storm_to_end);
	tcase_add_test(tcase, taken_turn_is_waited_for);
	tcase_add_test(tcase, failed_run_is_tried_again_but_not_at_once);
	return run_case(tcase, "runner");
}
