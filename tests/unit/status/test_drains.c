// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of the file of drained WANs, and of what follows from it.
// Each writes one in a folder of its own.

#include "root.h"
#include "scene.h"
#include "status/drains.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

#define NOW 1000000

static char path[200];
static struct drains drains;
static struct scene scene;

static void begin(void)
{
	root_begin();
	snprintf(path, sizeof(path), "%s/drained", root);
	scene_make(&scene, "contract");
}

static void end(void)
{
	drains_done(&drains);
	scene_done(&scene);
	root_end();
}

static void drain(const char *wan, uint64_t since, uint64_t until)
{
	struct drain it = { .since = since, .until = until };

	snprintf(it.wan, sizeof(it.wan), "%s", wan);
	ck_assert_int_eq(drains_set(&drains, &it), 0);
}

static void read_back(void)
{
	drains_done(&drains);
	ck_assert_int_eq(drains_read(path, &drains, &(struct fault){}), 0);
}

static void expect(size_t wan, bool drained, uint64_t until)
{
	drains_apply(&drains, &scene.config, NOW, &scene.site.verdicts);
	for (enum family family = 0; family < N_FAMILIES; family++) {
		const struct aside *aside = &scene.site.verdicts.aside[wan][family];

		ck_assert_int_eq(aside->drained, drained);
		ck_assert_uint_eq(aside->until, until);
	}
}

START_TEST(what_is_written_comes_back)
{
	struct fault fault = {};

	read_back();
	ck_assert_uint_eq(drains.n, 0);
	drain("att", NOW - 60, 0);
	drain("webpass", NOW - 30, NOW + 60);
	ck_assert_int_eq(drains_write(&drains, path, &fault), 0);
	read_back();
	ck_assert_uint_eq(drains.n, 2);
	ck_assert_uint_eq(drains_find(&drains, "att")->since, NOW - 60);
	expect(ATT, true, 0);
	expect(WEBPASS, true, NOW + 60);
}
END_TEST

START_TEST(a_second_drain_replaces_the_end_alone)
{
	drain("att", NOW - 60, NOW + 60);
	drain("att", NOW, 0);
	ck_assert_uint_eq(drains.n, 1);
	ck_assert_uint_eq(drains.v[0].since, NOW - 60);
	expect(ATT, true, 0);
	expect(WEBPASS, false, 0);
	ck_assert(drains_remove(&drains, "att"));
	ck_assert(!drains_remove(&drains, "att"));
	expect(ATT, false, 0);
}
END_TEST

START_TEST(what_is_over_or_of_another_site_counts_for_nothing_and_goes)
{
	drain("att", NOW - 60, NOW);
	drain("monkeybrains", NOW - 60, 0);
	drain("webpass", NOW - 60, NOW + 1);
	expect(ATT, false, 0);
	expect(WEBPASS, true, NOW + 1);
	ck_assert(drains_clean(&drains, NULL, NOW));
	ck_assert_uint_eq(drains.n, 2);
	ck_assert(drains_clean(&drains, &scene.config, NOW));
	ck_assert_uint_eq(drains.n, 1);
	ck_assert_str_eq(drains.v[0].wan, "webpass");
	ck_assert(!drains_clean(&drains, &scene.config, NOW));
}
END_TEST

START_TEST(lines_that_make_no_sense_say_nothing)
{
	root_put("/drained",
		 "# att 1 0\n\natt\natt 1\natt x 0\natt 1 -1\natt 1 1.5\n"
		 "a-name-that-is-longer-than-any-may-be 1 0\n  webpass\t1  2000000 rest\n"
		 "\xff\xfe 1 0\nwebpass 1");
	read_back();
	expect(ATT, false, 0);
	expect(WEBPASS, true, 2000000);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("drains");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, what_is_written_comes_back);
	tcase_add_test(tcase, a_second_drain_replaces_the_end_alone);
	tcase_add_test(tcase, what_is_over_or_of_another_site_counts_for_nothing_and_goes);
	tcase_add_test(tcase, lines_that_make_no_sense_say_nothing);
	return run_case(tcase, "drains");
}
