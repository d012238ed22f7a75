// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The main() that each unit test has.
 */
#pragma once

#include <check.h>
#include <stdlib.h>

/* Runs the case alone in a suite; returns the exit status. Takes over the case. */
static inline int run_case(TCase *tcase, const char *name)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	/* Sanitized, on a busy machine. */
	tcase_set_timeout(tcase, 300);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
