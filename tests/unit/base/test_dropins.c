// SPDX-License-Identifier: GPL-2.0-or-later
// Files of systemd and its like: what counts in them is what counts for systemd.
// Each test writes the files into a folder of its own.

#include "base/dropins.h"
#include "base/util.h"
#include "suite.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME "10-x.network"

static char folder[64];

static void enter_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test-dropins.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	return remove(path);
}

static void leave_folder(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void write_file(const char *path, const char *text)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
}

/* The value of [Network] DHCP in the text has to be this; NULL: none. */
static void expect(const char *text, const char *value)
{
	_cleanup_(freep) char *found = NULL;

	write_file(FILE_NAME, text);
	ck_assert_int_eq(conf_file_get(FILE_NAME, "Network", "DHCP", &found), 0);
	if (value)
		ck_assert_msg(found && strcmp(found, value) == 0, "%s: %s", text, found);
	else
		ck_assert_msg(!found, "%s: %s", text, found);
}

START_TEST(the_last_value_of_the_section_counts)
{
	expect("[Network]\nDHCP=yes\n", "yes");
	expect("[Network]\nDHCP=yes\nDHCP = no\n", "no");
	expect("[Network]\nDHCP=yes\n[Match]\nDHCP=x\n[Network]\nDHCP=ipv4\n", "ipv4");
	expect("[Network]\nDHCP=yes\nDHCP=\n", "");
	expect("[DHCP]\nDHCP=yes\n[Networks]\nDHCP=yes\n[network]\nDHCP=yes\n", NULL);
	expect("[Network]\ndhcp=yes\nDHCPServer=yes\n", NULL);
	expect("", NULL);
}
END_TEST

START_TEST(lines_may_look_in_all_ways_that_systemd_takes)
{
	expect("\xef\xbb\xbf[Network]\r\nDHCP=yes\r\n", "yes");
	expect("  [Network]\n\tAddress=192.0.2.1/24\n\t DHCP \t=  yes\t\n", "yes");
	expect("[Network]\nDHCP=yes", "yes");
	expect("[Network]\n\n# DHCP=no\n;DHCP=no\n  # DHCP=no\nDHCP=yes\n", "yes");
	expect("[Network]\nDescription=a=b: c\nDHCP=yes=no\n", "yes=no");
}
END_TEST

START_TEST(there_are_no_comments_behind_values)
{
	expect("[Network]\nDHCP=yes ; no\n", "yes ; no");
	expect("[Network]\nDHCP=yes # no\n", "yes # no");
	expect("[Network]\nDHCP=;\n", ";");
}
END_TEST

START_TEST(a_backslash_continues_the_line)
{
	expect("[Network]\nDNS=192.0.2.1 \\\n\tDHCP=no\n", NULL);
	expect("[Network]\nDHCP=\\\n# DHCP=no\\\n; no\n  yes\n", "yes");
	expect("[Network]\nDHCP=a\\\nb\\\n\nDHCP2=x\n", "a b");
	expect("[Network]\nDHCP=a\\", "a");
	expect("[Network]\n# \\\nDHCP=yes\n", "yes");
	expect("[Network]\nDescription=C:\\\\\nDHCP=yes\n", "yes");
}
END_TEST

START_TEST(what_systemd_does_not_understand_is_skipped)
{
	expect("DHCP=no\n[Network]\nDHCP\nDHCP yes\n=yes\nDHCP:no=yes\n", NULL);
	expect("DHCP=no\n", NULL);
	expect("[Network]\nDHCP=yes\n[Match\nDHCP=no\n", NULL);
	expect("[Network]\nDHCP=yes\n[Match] # x\nDHCP=no\n", NULL);
}
END_TEST

START_TEST(long_lines_and_names_do_no_harm)
{
	char text[20000];

	snprintf(text, sizeof(text), "[Network]\nDomains=%0300d\n%0300d=x\n#%0300d\nDHCP=yes\n", 0,
		 0, 0);
	expect(text, "yes");
	snprintf(text, sizeof(text), "[Network]\nDomains=%09000d\n%0300d\n[%0300d]\nDHCP=no\n", 0,
		 0, 0);
	expect(text, NULL);
	snprintf(text, sizeof(text), "[Network]\nDHCP=%0300d ; 1", 0);
	expect(text, strchr(text, '=') + 1);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_sets_nothing)
{
	_cleanup_(freep) char *value = strdup("as it was");

	ck_assert_int_eq(conf_file_get("nowhere", "Network", "DHCP", &value), 0);
	ck_assert_int_eq(conf_file_get("/", "Network", "DHCP", &value), 0);
	ck_assert_str_eq(value, "as it was");
}
END_TEST

START_TEST(of_files_with_one_name_the_first_folders_counts)
{
	static const char *const paths[] = { "etc/x.d/20-b.conf",    "run/x.d/10-a.conf",
					     "run/x.d/20-b.conf",    "usr/lib/x.d/30-c.conf",
					     "etc/x.d/.hidden.conf", "etc/x.d/40-d.conf~" };
	static const char *const folders[] = { "etc", "etc/x.d", "run",	       "run/x.d",
					       "usr", "usr/lib", "usr/lib/x.d" };
	_cleanup_(string_list_done) struct string_list files = {};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		ck_assert_int_eq(mkdir(folders[i], 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		write_file(paths[i], "");
	ck_assert_int_eq(conf_files_list(".", "x.d", &files), 0);
	ck_assert_uint_eq(files.n, 3);
	ck_assert_str_eq(files.v[0], "./run/x.d/10-a.conf");
	ck_assert_str_eq(files.v[1], "./etc/x.d/20-b.conf");
	ck_assert_str_eq(files.v[2], "./usr/lib/x.d/30-c.conf");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("dropins");

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, the_last_value_of_the_section_counts);
	tcase_add_test(tcase, lines_may_look_in_all_ways_that_systemd_takes);
	tcase_add_test(tcase, there_are_no_comments_behind_values);
	tcase_add_test(tcase, a_backslash_continues_the_line);
	tcase_add_test(tcase, what_systemd_does_not_understand_is_skipped);
	tcase_add_test(tcase, long_lines_and_names_do_no_harm);
	tcase_add_test(tcase, a_file_that_cannot_be_read_sets_nothing);
	tcase_add_test(tcase, of_files_with_one_name_the_first_folders_counts);

	return run_case(tcase, "dropins");
}
