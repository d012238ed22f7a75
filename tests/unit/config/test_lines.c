// SPDX-License-Identifier: GPL-2.0-or-later
// Lines of mwan.conf as editors and people leave them.
// What they mean is all the same; these are about bytes, ends and lengths.

#include "suite.h"
#include "written.h"

#include <errno.h>
#include <string.h>

static void check_addr(struct addr addr, const char *text)
{
	ck_assert_str_eq(addr_str(addr).s, text);
}

START_TEST(editors_may_leave_their_marks)
{
	_cleanup_(config_done) struct config config =
		load_text("\xef\xbb\xbf[lan]\r\ninterface = lan0\r\nprefix4 = 10.0.0.0/24\r\n"
			  "router4=10.0.0.2\t\r\n\r\n[wan  a]\r\ninterface\t=\two;x \t; wan\r\n"
			  "mark=1\r\ntable=1\r\n[map4]\r\n10.0.0.2 =\r\n\ta 192.0.2.1\r\n");

	ck_assert_str_eq(config.wans[0].name, "a");
	ck_assert_str_eq(config.wans[0].interface, "wo;x");
	check_addr(config.map4[0].publics[0].addr, "192.0.2.1");
}
END_TEST

START_TEST(bytes_that_are_no_text_are_named)
{
	static const char nul[] = LAN "mark = 1\0 2\n";
	static const char nul_first[] = "\0", lan[] = "[lan]\n";
	static const char control[] = LAN "prefix6 = \x01\x1b[31m\xff\n";
	_cleanup_(freep) char *line = malloc(1000000);

	refuse(nul, sizeof(nul) - 1, "site.conf:5: a NUL byte: this is not a text file");
	refuse(nul_first, 1, "site.conf:1: a NUL byte: this is not a text file");

	refuse(control, sizeof(control) - 1,
	       "site.conf:5: [lan] prefix6: \"\\x01\\x1b[31m\\xff\" is not an IPv6 prefix, "
	       "e.g. 3d06:bad:b01::/60");

	ck_assert_ptr_nonnull(line);
	memset(line, 'x', 1000000);
	refuse(line, 1000000, "site.conf:1: the line is longer than 4095 bytes");
	memcpy(line, lan, sizeof(lan) - 1);
	refuse(line, 1000000, "site.conf:2: the line is longer than 4095 bytes");
}
END_TEST

START_TEST(a_line_may_be_as_long_as_inih_takes_it)
{
	char text[1024], message[256];

	for (int n = 150; n < 260; n++) {
		_cleanup_(config_done) struct config config = {};
		struct fault fault = {};
		int len, r;

		len = snprintf(text, sizeof(text), LAN ATT "http4 = http://example.org/%0*d\n" MAP,
			       n - 27, 0);
		r = load_bytes(text, (size_t)len, &config, &fault);
		if (n <= 198) {
			ck_assert_msg(r == 0, "%d: %s", n, fault.text);
			ck_assert_uint_eq(strlen(config.wans[0].health.targets[IPV4].v[0].name),
					  n - 8U);
			continue;
		}
		snprintf(message, sizeof(message),
			 "site.conf:9: the line is %d bytes long, 198 are possible: "
			 "wrap a list onto indented lines",
			 n);
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_str_eq(fault.text, message);
	}
}
END_TEST

START_TEST(a_long_comment_does_no_harm)
{
	char text[2048];
	int len = snprintf(text, sizeof(text),
			   "; %0300d\n" LAN ATT "weight = 7 ; %0300d\n# %0300d\n" MAP, 0, 0, 0);
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};

	ck_assert_int_eq(load_bytes(text, (size_t)len, &config, &fault), 0);
	ck_assert_uint_eq(config.wans[0].weight, 7);
}
END_TEST

START_TEST(a_file_without_a_last_newline_is_read_whole)
{
	_cleanup_(config_done) struct config config =
		load_text(LAN ATT "[map4]\n10.250.250.2 =\n\tatt 192.0.2.1");

	check_addr(config.map4[0].publics[0].addr, "192.0.2.1");
}
END_TEST

START_TEST(a_list_may_be_very_long_but_not_endless)
{
	_cleanup_(freep) char *text = NULL;
	_cleanup_(config_done) struct config config = {};
	struct fault fault = {};
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	fputs(LAN MAP ATT "ping4 =\n", out);
	for (unsigned i = 0; i < 4000; i++)
		fprintf(out, "\t10.9.%u.%u,\n", i / 250, i % 250 + 1);
	fflush(out);
	ck_assert_int_eq(load_bytes(text, n, &config, &fault), 0);
	ck_assert_uint_eq(config.wans[0].health.targets[IPV4].n, 4000);

	for (unsigned i = 4000; i < 40000; i++)
		fprintf(out, "\t10.9.%u.%u,\n", i / 250, i % 250 + 1);
	fclose(out);
	ck_assert_int_eq(load_bytes(text, n, &config, &fault), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(fault.text, "the value of \"ping4\" is longer than 65535 bytes"));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("lines");

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, editors_may_leave_their_marks);
	tcase_add_test(tcase, bytes_that_are_no_text_are_named);
	tcase_add_test(tcase, a_line_may_be_as_long_as_inih_takes_it);
	tcase_add_test(tcase, a_long_comment_does_no_harm);
	tcase_add_test(tcase, a_file_without_a_last_newline_is_read_whole);
	tcase_add_test(tcase, a_list_may_be_very_long_but_not_endless);

	return run_case(tcase, "lines");
}
