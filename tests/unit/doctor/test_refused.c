// SPDX-License-Identifier: GPL-2.0-or-later
// What the doctor makes of who is refused from inside.
// Listings are as nft writes them, of either version.

#include "doctor/check.h"
#include "scene.h"
#include "suite.h"

#include <string.h>

static struct scene scene;
static struct diagnosis diagnosis;
static struct patient patient;

static void set_up(void)
{
	scene_make(&scene, "contract");
	diagnosis = (struct diagnosis){ .topic = "test" };
	patient = (struct patient){ .config_path = "mwan.conf",
				    .config = &scene.config,
				    .diagnosis = &diagnosis,
				    .site = &scene.site };
}

static void tear_down(void)
{
	diagnosis_done(&diagnosis);
	scene_done(&scene);
}

static void expect(size_t i, const char *kind, const char *fix)
{
	ck_assert_uint_lt(i, diagnosis.n);
	ck_assert_int_eq(diagnosis.v[i].severity, FINDING_WRONG);
	ck_assert_str_eq(diagnosis.v[i].kind, kind);
	ck_assert_msg(strstr(diagnosis.v[i].fix, fix) != NULL, "%s", diagnosis.v[i].fix);
}

static void judge_refused(const char *elements)
{
	char listing[1024];

	snprintf(listing, sizeof(listing),
		 "table inet filter {\n\tset refused4 {\n\t\ttype ipv4_addr\n\t\tsize 256\n"
		 "\t\tflags dynamic,timeout\n\t\ttimeout 1m\n%s%s%s\t}\n}\n",
		 *elements ? "\t\telements = { " : "", elements, *elements ? " }\n" : "");
	ck_assert_int_eq(doctor_judge_refused(&patient, listing), 0);
}

START_TEST(network_that_is_refused_is_one_finding_whoever_is_in_it)
{
	judge_refused("192.168.1.7 counter packets 3 bytes 252 timeout 1m expires 59s901ms,\n\t\t"
		      "\t     192.168.1.9 counter packets 4 bytes 336 expires 3s,\n\t\t\t     "
		      "192.168.2.9 expires 58s counter packets 900 bytes 1000");
	ck_assert_uint_eq(diagnosis.n, 2);
	expect(0, "refused-source", "translate 192.168.1.0/24 to an address in 10.");
	expect(1, "refused-source", "`inside4 = 192.168.2.0/24`");
	ck_assert_ptr_nonnull(strstr(diagnosis.v[0].text, "192.168.1.7 and others"));
}
END_TEST

START_TEST(few_packets_and_sources_that_mwan_conf_knows_are_no_finding)
{
	judge_refused("");
	judge_refused("192.168.1.7 counter packets 4 bytes 252 timeout 1m expires 59s901ms");
	judge_refused("10.250.250.2 counter packets 99 bytes 252 timeout 1m expires 59s901ms");
	judge_refused("3d06:bad:b01:1::100 counter packets 99 bytes 252 timeout 1m expires 59s, "
		      "3d06:bad:b01:fe::2 counter packets 99 bytes 252 timeout 1m expires 59s");
	ck_assert_uint_eq(diagnosis.n, 0);
}
END_TEST

START_TEST(host_of_the_lan_that_nobody_translates_wants_a_row)
{
	static const char host[] =
		"10.250.250.5 counter packets 99 bytes 252 timeout 1m expires 59s901ms";

	judge_refused(host);
	ck_assert_uint_eq(diagnosis.n, 1);
	expect(0, "refused-unmapped", "[map4]");
	scene.config.wans[0].masquerade4 = true;
	judge_refused(host);
	ck_assert_uint_eq(diagnosis.n, 1);
}
END_TEST

START_TEST(advice_about_a_refused_network_fits_what_is_inside_already)
{
	static const char hosts[] = "192.168.1.7 counter packets 9 bytes 252, "
				    "10.20.0.7 counter packets 9 bytes 252";
	struct prefix known = a_prefix("10.20.0.0/16");

	scene.config.lan.inside4 = (struct prefix_list){ &known, 1 };
	judge_refused(hosts);
	ck_assert_uint_eq(diagnosis.n, 2);
	expect(0, "refused-source", "`inside4 = 10.20.0.0/16, 192.168.1.0/24`");
	expect(1, "refused-unmapped", "[map4]");
	scene.config.lan.inside4 = (struct prefix_list){};

	scene.config.lan.router4 = (struct addr){};
	judge_refused("192.168.1.7 counter packets 9 bytes 252");
	ck_assert_uint_eq(diagnosis.n, 3);
	expect(2, "refused-source", "addresses of 10.250.250.0/29");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("refused");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, network_that_is_refused_is_one_finding_whoever_is_in_it);
	tcase_add_test(tcase, few_packets_and_sources_that_mwan_conf_knows_are_no_finding);
	tcase_add_test(tcase, host_of_the_lan_that_nobody_translates_wants_a_row);
	tcase_add_test(tcase, advice_about_a_refused_network_fits_what_is_inside_already);
	return run_case(tcase, "refused");
}
