// SPDX-License-Identifier: GPL-2.0-or-later
// What a program that mwan starts gets, and what comes back from it.
// Shell scripts stand for the programs: they print what they find.

#include "base/child.h"
#include "base/util.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

static struct child shell(char *script)
{
	static char *argv[4] = { "sh", "-c" };

	argv[2] = script;
	return (struct child){ .argv = argv };
}

static void expect_output(struct child child, const char *expected)
{
	_cleanup_(freep) char *text = NULL;

	ck_assert_int_eq(child_output(child, &text), 0);
	ck_assert_str_eq(text, expected);
}

static int status_of(char *script)
{
	struct child child = shell(script);
	pid_t pid;

	ck_assert_int_eq(child_start(&child, &pid), 0);
	return child_wait(pid);
}

START_TEST(exit_status_comes_back)
{
	_cleanup_(freep) char *text = NULL;

	ck_assert_int_eq(status_of("exit 0"), 0);
	ck_assert_int_eq(status_of("exit 7"), 7);
	ck_assert_int_eq(status_of("kill -9 $$"), 128 + SIGKILL);
	ck_assert_int_eq(child_output(shell("echo part; exit 3"), &text), 3);
	ck_assert_str_eq(text, "part\n");
}
END_TEST

START_TEST(missing_program_is_an_error)
{
	char *const argv[] = { "mwan-has-no-such-program", NULL };
	struct child child = { .argv = argv };
	char *text = NULL;
	pid_t pid;

	ck_assert_int_eq(child_start(&child, &pid), -ENOENT);
	ck_assert_int_eq(child_output(child, &text), -ENOENT);
	ck_assert_ptr_null(text);
}
END_TEST

START_TEST(whole_output_is_read)
{
	_cleanup_(freep) char *text = NULL;
	struct child child;

	ck_assert_int_eq(child_output(shell("seq 100000"), &text), 0); /* more than a pipe holds */
	ck_assert_str_eq(text + strlen(text) - 7, "100000\n");
	child = shell("echo lost >&2");
	child.silent = true;
	expect_output(child, "");
}
END_TEST

START_TEST(program_that_prints_a_nul_ends)
{
	_cleanup_(freep) char *text = NULL;

	ck_assert_int_ne(child_output(shell("exec cat /dev/zero"), &text), 0);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(environment_is_ours_or_the_given_one)
{
	char *const environment[] = { "WAN=att", NULL };
	struct child child = shell("echo \"$WAN $MWAN_TEST\"");

	setenv("MWAN_TEST", "ours", 1);
	expect_output(child, " ours\n");
	child.environment = environment;
	expect_output(child, "att \n");
}
END_TEST

START_TEST(descriptors_are_not_inherited)
{
	/* Without O_CLOEXEC, as libraries open them. */
	_cleanup_(closep) int fd = open("/dev/null", O_RDWR);

	ck_assert_int_gt(fd, 2);
	expect_output(shell("readlink /proc/$$/fd/0; ls /proc/$$/fd"), "/dev/null\n0\n1\n2\n");
}
END_TEST

START_TEST(signals_are_as_by_default)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	expect_output(shell("grep SigBlk /proc/self/status"), "SigBlk:\t0000000000000000\n");
	ck_assert_int_eq(status_of("kill -PIPE $$"), 128 + SIGPIPE);
}
END_TEST

START_TEST(group_ends_as_a_whole)
{
	struct child child = shell("sleep 50 & wait");
	pid_t pid;

	child.own_group = true;
	ck_assert_int_eq(child_start(&child, &pid), 0);
	ck_assert_int_eq(getpgid(pid), pid);
	ck_assert_int_eq(kill(-pid, SIGKILL), 0);
	ck_assert_int_eq(child_wait(pid), 128 + SIGKILL);
}
END_TEST

static void print_pid(int out)
{
	dprintf(out, "%d", (int)getppid());
}

START_TEST(function_runs_in_a_process_of_its_own)
{
	char expected[16];

	snprintf(expected, sizeof(expected), "%d", (int)getpid());
	expect_output((struct child){ .function = print_pid }, expected);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("child");

	tcase_add_test(tcase, exit_status_comes_back);
	tcase_add_test(tcase, missing_program_is_an_error);
	tcase_add_test(tcase, whole_output_is_read);
	tcase_add_test(tcase, program_that_prints_a_nul_ends);
	tcase_add_test(tcase, environment_is_ours_or_the_given_one);
	tcase_add_test(tcase, descriptors_are_not_inherited);
	tcase_add_test(tcase, signals_are_as_by_default);
	tcase_add_test(tcase, group_ends_as_a_whole);
	tcase_add_test(tcase, function_runs_in_a_process_of_its_own);
	return run_case(tcase, "child");
}
