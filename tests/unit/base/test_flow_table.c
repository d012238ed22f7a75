// SPDX-License-Identifier: GPL-2.0-or-later
// Tests of how full the table of flows is found to be.
// The kernel's files are made below a root of the test's own.

#include "base/flow_table.h"

#include "base/util.h"
#include "suite.h"

#include <string.h>

static char root[32];

static void set_up(void)
{
	char command[128];

	snprintf(root, sizeof(root), "/tmp/mwan-flows-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(command, sizeof(command), "mkdir -p %s/proc/sys/net/netfilter %s/proc/net/stat",
		 root, root);
	/* NOLINTNEXTLINE(cert-env33-c): the test's own words */
	ck_assert_int_eq(system(command), 0);
}

static void tear_down(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	/* NOLINTNEXTLINE(cert-env33-c): the test's own words */
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
	_cleanup_(fclosep) FILE *f = NULL;
	char whole[128];

	snprintf(whole, sizeof(whole), "%s/proc/%s", root, path);
	f = fopen(whole, "we");
	ck_assert(f && fputs(text, f) >= 0);
}

static void put_table(const char *entries, const char *refused)
{
	char text[256];

	put("sys/net/netfilter/nf_conntrack_max", "1000\n");
	put("sys/net/netfilter/nf_conntrack_count", entries);
	snprintf(text, sizeof(text),
		 "entries  clashres found insert_failed drop early_drop icmp_error  expect_new\n"
		 "000000ff  00000000 00000000 00000009 00000001 00000007 00000000  00000000\n"
		 "000000ff  00000000 00000000 00000009 %s 00000007 00000000  00000000\n",
		 refused);
	put("net/stat/nf_conntrack", text);
}

START_TEST(kernels_files_are_read)
{
	struct flow_table table;

	put_table("999\n", "0000001f");
	table = flow_table_read(root);
	ck_assert_uint_eq(table.entries, 999);
	ck_assert_uint_eq(table.max, 1000);
	ck_assert_uint_eq(table.refused, 32);
	ck_assert(flow_table_is_full(&table));
	ck_assert_ptr_nonnull(strstr(flow_table_fix(&table).s, "nf_conntrack_max=2000`"));
}
END_TEST

START_TEST(a_kernel_without_conntrack_has_no_full_table)
{
	struct flow_table table = flow_table_read(root);

	ck_assert_uint_eq(table.entries + table.max + table.refused, 0);
	ck_assert(!flow_table_is_full(&table));
	ck_assert(!flow_table_stays_full(&table, &table, true));
}
END_TEST

/* What is refused between two looks is not seen in how many entries there are. */
START_TEST(a_table_that_is_full_now_and_then_is_full)
{
	static const struct {
		const char *entries, *refused;
		bool full;
	} looks[] = {
		{ "940\n", "00000000", false }, { "940\n", "00000005", true },
		{ "955\n", "00000005", true },	{ "949\n", "00000005", false },
		{ "500\n", "00000009", false }, { "990\n", "00000009", true },
		{ "960\n", "00000009", true },	{ "0\n", "00000009", false },
	};
	struct flow_table before = {};
	bool full = false;

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		struct flow_table table;

		put_table(looks[i].entries, looks[i].refused);
		table = flow_table_read(root);
		full = flow_table_stays_full(&table, &before, full);
		ck_assert_msg(full == looks[i].full, "look %zu", i);
		before = table;
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("flow_table");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, kernels_files_are_read);
	tcase_add_test(tcase, a_kernel_without_conntrack_has_no_full_table);
	tcase_add_test(tcase, a_table_that_is_full_now_and_then_is_full);
	return run_case(tcase, "flow_table");
}
