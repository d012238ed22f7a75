// SPDX-License-Identifier: GPL-2.0-or-later
// What is read from `systemctl show`.
// A shell script called systemctl, first in PATH, prints what systemd 252 has printed.

#include "doctor/units.h"
#include "suite.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/mwan-units-XXXXXX";

static void play_systemctl(const char *script)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/systemctl", folder);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

START_TEST(each_unit_is_read)
{
	struct unit units[] = { { .name = "nftables.service" }, { .name = "gone.service" } };
	struct fault fault = {};

	play_systemctl(
		"printf '%s\\n' 'Result=exit-code' "
		"'ExecStart={ path=/usr/sbin/nft ; argv[]=/usr/sbin/nft -f ; }' "
		"'ExecStart={ path=/bin/true ; }' "
		"'LoadState=loaded' 'ActiveState=failed' 'UnitFileState=enabled' "
		"'StateChangeTimestampMonotonic=1000000' 'ConditionResult=no' "
		"'ConditionTimestampMonotonic=900' 'NeedDaemonReload=yes' '' "
		"'Result=success' 'LoadState=not-found' 'ActiveState=inactive' "
		"'UnitFileState=' 'StateChangeTimestampMonotonic=0' "
		"'ConditionResult=no' 'ConditionTimestampMonotonic=0' 'NeedDaemonReload=no'");
	ck_assert_int_eq(units_look(units, 2, &fault), 0);
	ck_assert_str_eq(units[0].load, "loaded");
	ck_assert_str_eq(units[0].active, "failed");
	ck_assert_str_eq(units[0].file, "enabled");
	ck_assert_str_eq(units[0].result, "exit-code");
	ck_assert_str_eq(units[0].start, "/usr/sbin/nft");
	ck_assert(units[0].reload && !units[0].met);
	ck_assert_uint_gt(units[0].changed_us, 0);
	ck_assert_str_eq(units[1].load, "not-found");
	ck_assert_str_eq(units[1].file, "");
	ck_assert_str_eq(units[1].start, "");
	ck_assert(!units[1].reload && units[1].met);
	ck_assert_uint_eq(units[1].changed_us, 0);
}
END_TEST

START_TEST(systemd_that_does_not_answer_is_a_fault)
{
	static const char *const scripts[] = { "exit 1", "echo LoadState=loaded; exit 1",
					       "echo LoadState=loaded", "" };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct unit units[] = { { .name = "a.service" }, { .name = "b.service" } };
		struct fault fault = {};

		play_systemctl(scripts[i]);
		ck_assert_int_eq(units_look(units, 2, &fault), -EIO);
		ck_assert_ptr_nonnull(strstr(fault.text, "systemctl show"));
	}
}
END_TEST

static void set_up(void)
{
	char path[128];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", folder);
	setenv("PATH", path, 1);
}

static void tear_down(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/systemctl", folder);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	TCase *tcase = tcase_create("units");

	tcase_add_unchecked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, each_unit_is_read);
	tcase_add_test(tcase, systemd_that_does_not_answer_is_a_fault);
	return run_case(tcase, "units");
}
