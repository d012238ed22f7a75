// SPDX-License-Identifier: GPL-2.0-or-later
// What a program that looks again and again logs of what it finds each time.
// stderr is a file in memory, which each comparison reads and empties.

#include "base/log.h"
#include "base/trace_log.h"
#include "base/util.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

static int captured;

/* Sends stderr to a file in memory from now on. */
static void capture_stderr(void)
{
	captured = memfd_create("stderr", MFD_CLOEXEC);
	ck_assert_int_ge(captured, 0);
	fflush(stderr);
	ck_assert_int_ge(dup2(captured, STDERR_FILENO), 0);
}

/* Compares what has been logged since the last time. */
static void expect_logged(const char *expected)
{
	char text[4096];
	ssize_t n;

	fflush(stderr);
	n = pread(captured, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, expected);
	ck_assert_int_eq(ftruncate(captured, 0), 0);
	ck_assert_int_eq(lseek(captured, 0, SEEK_SET), 0);
}

static void log_in_a_round(const char *first, const char *second)
{
	log_round_begin();
	log_event(LOG_WARNING, EVENT_FAILED, NULL, "%s", first);
	if (second)
		log_event(LOG_WARNING, EVENT_FAILED, NULL, "%s", second);
	log_round_end();
}

START_TEST(warning_is_said_once_while_it_lasts)
{
	capture_stderr();
	log_in_a_round("no carrier", NULL);
	expect_logged("<4>no carrier\n");
	log_in_a_round("no carrier", "no gateway");
	expect_logged("<4>no gateway\n");
	log_in_a_round("no gateway", "no carrier");
	expect_logged("");
}
END_TEST

START_TEST(warning_that_comes_back_is_said_again)
{
	capture_stderr();
	log_in_a_round("no carrier", NULL);
	log_in_a_round("no gateway", NULL);
	expect_logged("<4>no carrier\n<4>no gateway\n");
	log_in_a_round("no carrier", NULL);
	expect_logged("<4>no carrier\n");
}
END_TEST

START_TEST(attempts_of_one_round_say_it_once)
{
	capture_stderr();
	log_in_a_round("no carrier", "no carrier");
	expect_logged("<4>no carrier\n");
}
END_TEST

START_TEST(what_happens_is_said_each_time)
{
	capture_stderr();
	for (int i = 0; i < 2; i++) {
		log_round_begin();
		log_event(LOG_NOTICE, EVENT_CHANGED, NULL, "changed");
		log_round_end();
	}
	log_event(LOG_WARNING, EVENT_FAILED, NULL, "down");
	log_event(LOG_WARNING, EVENT_FAILED, NULL, "down");
	expect_logged("<5>changed\n<5>changed\n<4>down\n<4>down\n");
}
END_TEST

START_TEST(line_of_a_trace_is_shown_on_one_line)
{
	static const char json[] =
		"{\"time\":\"T\",\"level\":\"info\",\"traceId\":\"boot-1\",\"program\":\"p\","
		"\"event\":\"e\",\"message\":\"one\\ntwo\\u001b[2J three\",\"wan\":\"att\"}\n";
	_cleanup_(freep) char *line = trace_line(json, "boot-1");

	ck_assert_str_eq(line, "T p info e one two [2J three");
	ck_assert_ptr_null(trace_line(json, "boot-11"));
	ck_assert_ptr_null(trace_line("{\"traceId\":\"boot-1\"", "boot-1"));
	ck_assert_ptr_null(trace_line("boot-1\n", "boot-1"));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("log");

	tcase_add_test(tcase, warning_is_said_once_while_it_lasts);
	tcase_add_test(tcase, warning_that_comes_back_is_said_again);
	tcase_add_test(tcase, attempts_of_one_round_say_it_once);
	tcase_add_test(tcase, what_happens_is_said_each_time);
	tcase_add_test(tcase, line_of_a_trace_is_shown_on_one_line);
	return run_case(tcase, "log");
}
