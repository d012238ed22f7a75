/*
 * What a program that looks again and again says of what it finds each time.
 */
#include "log.h"
#include "suite.h"
#include "trace_log.h"
#include "util.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

static int said;

/* stderr goes to a file in memory from now on. */
static void listen_in(void)
{
	said = memfd_create("stderr", MFD_CLOEXEC);
	ck_assert_int_ge(said, 0);
	fflush(stderr);
	ck_assert_int_ge(dup2(said, STDERR_FILENO), 0);
}

/* What has been said since the last time. */
static const char *heard(void)
{
	static char text[4096];
	ssize_t n;

	fflush(stderr);
	n = pread(said, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	ck_assert_int_eq(ftruncate(said, 0), 0);
	ck_assert_int_eq(lseek(said, 0, SEEK_SET), 0);
	return text;
}

static void say_in_a_round(const char *first, const char *second)
{
	log_round_begin();
	log_event(LOG_WARNING, "test", "%s", first);
	if (second)
		log_event(LOG_WARNING, "test", "%s", second);
	log_round_end();
}

START_TEST(warning_is_said_once_while_it_lasts)
{
	listen_in();
	say_in_a_round("no carrier", NULL);
	ck_assert_str_eq(heard(), "<4>no carrier\n");
	say_in_a_round("no carrier", "no gateway");
	ck_assert_str_eq(heard(), "<4>no gateway\n");
	say_in_a_round("no gateway", "no carrier");
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(warning_that_comes_back_is_said_again)
{
	listen_in();
	say_in_a_round("no carrier", NULL);
	say_in_a_round("no gateway", NULL);
	heard();
	say_in_a_round("no carrier", NULL);
	ck_assert_str_eq(heard(), "<4>no carrier\n");
}
END_TEST

START_TEST(attempts_of_one_round_say_it_once)
{
	listen_in();
	say_in_a_round("no carrier", "no carrier");
	ck_assert_str_eq(heard(), "<4>no carrier\n");
}
END_TEST

START_TEST(what_happens_is_said_each_time)
{
	listen_in();
	for (int i = 0; i < 2; i++) {
		log_round_begin();
		log_event(LOG_NOTICE, "test", "changed");
		log_round_end();
	}
	log_event(LOG_WARNING, "test", "down");
	log_event(LOG_WARNING, "test", "down");
	ck_assert_str_eq(heard(), "<5>changed\n<5>changed\n<4>down\n<4>down\n");
}
END_TEST

START_TEST(line_of_a_trace_is_shown_on_one_line)
{
	static const char json[] =
		"{\"time\":\"T\",\"level\":\"info\",\"traceId\":\"boot-1\",\"program\":\"p\","
		"\"event\":\"e\",\"message\":\"one\\ntwo\\u001b[2J wan=att\",\"wan\":\"att\"}\n";
	_cleanup_(freep) char *line = trace_line(json, "boot-1");

	ck_assert_str_eq(line, "T p info e one two [2J wan=att");
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
