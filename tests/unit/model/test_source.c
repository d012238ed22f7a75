// SPDX-License-Identifier: GPL-2.0-or-later
// Which of its addresses a WAN sends from.
// Ranks two candidates at a time: the first has to be the better one.

#include "model/source.h"
#include "scene.h"
#include "suite.h"

static struct gateway_fact gateway;

static struct source_candidate at(const char *prefix)
{
	return (struct source_candidate){ .at = a_prefix(prefix) };
}

static struct source_candidate leased(const char *prefix)
{
	struct source_candidate candidate = at(prefix);

	candidate.dynamic = true;
	return candidate;
}

static struct source_candidate deprecated(const char *prefix)
{
	struct source_candidate candidate = at(prefix);

	candidate.deprecated = true;
	return candidate;
}

static struct source_candidate temporary(const char *prefix)
{
	struct source_candidate candidate = at(prefix);

	candidate.temporary = true;
	return candidate;
}

static void better(struct source_candidate one, struct source_candidate other)
{
	ck_assert_uint_gt(source_rank(&one, &gateway), source_rank(&other, &gateway));
}

static void set_up(void)
{
	gateway = (struct gateway_fact){ .present = true, .via = an_addr("203.0.113.1") };
}

START_TEST(what_the_default_route_says_is_best)
{
	gateway.source = an_addr("198.51.100.7");
	better(at("198.51.100.7/32"), leased("203.0.113.9/24"));
	gateway.source = an_addr("2001:db8::7");
	better(deprecated("2001:db8::7/128"), at("2001:db8::8/64"));
	gateway.present = false;
	better(leased("203.0.113.9/24"), at("198.51.100.7/32"));
}
END_TEST

START_TEST(then_the_lease_then_what_is_beside_the_gateway)
{
	better(leased("198.51.100.7/32"), at("203.0.113.9/24"));
	better(at("203.0.113.9/24"), at("192.168.100.2/24"));
	better(leased("203.0.113.9/24"), leased("192.168.100.2/24"));
	/* Equal: the first one, as the kernel has it. */
	ck_assert_uint_eq(
		source_rank(&(struct source_candidate){ .at = a_prefix("10.0.0.1/32") }, &gateway),
		source_rank(&(struct source_candidate){ .at = a_prefix("10.0.0.2/32") }, &gateway));
}
END_TEST

START_TEST(of_ipv6_the_most_reachable)
{
	gateway.via = an_addr("fe80::1");
	better(at("2001:db8::7/64"), at("2001:506:72f7:108c::1/128"));
	better(at("2001:506:72f7:108c::1/128"), at("fd00::7/64"));
	better(at("2001:506:72f7:108c::1/128"), deprecated("2001:db8::7/64"));
	better(temporary("2001:db8::7/64"), at("2001:db8::8/64"));
	better(at("2001:db8::8/64"), temporary("2001:db8::7/128"));
	/* What has a lifetime is no better: addresses of router advertisements have one. */
	ck_assert_uint_eq(
		source_rank(&(struct source_candidate){ .at = a_prefix("2001:db8::1/64"),
							.dynamic = true },
			    &gateway),
		source_rank(&(struct source_candidate){ .at = a_prefix("2001:db8::2/64") },
			    &gateway));
}
END_TEST

START_TEST(with_a_prefix_it_is_its_edge)
{
	struct scene scene;

	scene_make(&scene, "contract");
	ck_assert_str_eq(addr_str(source_of(&scene.site, ATT, IPV6)).s, "2600:1700:2f71:c80::1");
	ck_assert_str_eq(addr_str(source_of(&scene.site, ATT, IPV4)).s, "104.57.226.193");
	scene.site.npt.delegated[ATT].len = 0;
	ck_assert_str_eq(addr_str(source_of(&scene.site, ATT, IPV6)).s, "2001:506:72f7:108c::1");
	scene_bare(&scene, ATT);
	ck_assert_int_eq(source_of(&scene.site, ATT, IPV6).family, 0);
	scene_done(&scene);
}
END_TEST

/* What a name in the DNS has. */
START_TEST(services_are_reached_at_what_the_firewall_is_mapped_to)
{
	struct scene scene;
	struct config *config = &scene.config;

	scene_make(&scene, "contract");
	config->map4[0].publics[ATT].addr = an_addr("104.57.226.197");
	ck_assert_str_eq(addr_str(public_of(&scene.site, ATT, IPV4)).s, "104.57.226.197");
	ck_assert_str_eq(addr_str(public_of(&scene.site, ATT, IPV6)).s, "2600:1700:2f71:c80::1");
	/* No firewall: what the router has itself. */
	config->lan.router4 = (struct addr){};
	ck_assert_str_eq(addr_str(public_of(&scene.site, ATT, IPV4)).s, "104.57.226.193");
	scene_bare(&scene, ATT);
	ck_assert_int_eq(public_of(&scene.site, ATT, IPV4).family, 0);
	scene_done(&scene);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("source");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, what_the_default_route_says_is_best);
	tcase_add_test(tcase, then_the_lease_then_what_is_beside_the_gateway);
	tcase_add_test(tcase, of_ipv6_the_most_reachable);
	tcase_add_test(tcase, with_a_prefix_it_is_its_edge);
	tcase_add_test(tcase, services_are_reached_at_what_the_firewall_is_mapped_to);
	return run_case(tcase, "source");
}
