// SPDX-License-Identifier: GPL-2.0-or-later
// When the daemon runs.
// What pace.h says, on a real loop; no time is measured, as other work may delay everything.

#include "base/util.h"
#include "daemon/schedule.h"
#include "suite.h"

struct scene {
	sd_event *event;
	struct schedule *schedule;
	unsigned runs;
};

static enum pace_result on_run(void *arg)
{
	struct scene *scene = arg;

	scene->runs++;
	return PACE_DONE;
}

static void scene_make(struct scene *scene)
{
	*scene = (struct scene){};
	ck_assert_int_ge(sd_event_new(&scene->event), 0);
	ck_assert_int_eq(schedule_new(scene->event, on_run, scene, &scene->schedule), 0);
}

static void scene_done(struct scene *scene)
{
	schedule_free(scene->schedule);
	sd_event_unref(scene->event);
}

/* Waits for the next run, which has to come. */
static void wait_run(struct scene *scene)
{
	unsigned before = scene->runs;

	ck_assert_int_ge(sd_event_run(scene->event, UINT64_MAX), 1);
	ck_assert_uint_eq(scene->runs, before + 1);
}

START_TEST(first_run_needs_no_request)
{
	_cleanup_(scene_done) struct scene scene;

	scene_make(&scene);
	wait_run(&scene);
}
END_TEST

START_TEST(earliest_request_counts)
{
	_cleanup_(scene_done) struct scene scene;

	scene_make(&scene);
	wait_run(&scene);
	schedule_request_in(scene.schedule, 3600 * 1000000ULL);
	schedule_request(scene.schedule, PACE_EVENT);
	schedule_request(scene.schedule, PACE_NOW);
	schedule_request(scene.schedule, PACE_LOSS);
	wait_run(&scene);
	/* One run stands for all of them. */
	ck_assert_int_eq(sd_event_run(scene.event, 0), 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("schedule");

	tcase_add_test(tcase, first_run_needs_no_request);
	tcase_add_test(tcase, earliest_request_counts);
	return run_case(tcase, "schedule");
}
