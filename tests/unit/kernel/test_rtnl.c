// SPDX-License-Identifier: GPL-2.0-or-later
// The requests that change addresses, routes and rules.
// Each is built from an object and read back, attribute by attribute.

#include "kernel/rtnl.h"
#include "scene.h"
#include "suite.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>

static struct nl_msg *msg;
static struct nlattr *tb[64];

static void tear_down(void)
{
	nlmsg_free(msg);
	msg = NULL;
}

/* Builds the request; its header is returned, its attributes are in tb. */
static void *build(struct object object, bool add, int flags, int header_size)
{
	struct fault fault = {};

	tear_down();
	ck_assert_msg(rtnl_request(&object, add, flags, &msg, &fault) == 0, "%s", fault.text);
	ck_assert_int_eq(nlmsg_parse(nlmsg_hdr(msg), header_size, tb, ARRAY_SIZE(tb) - 1, NULL), 0);
	return nlmsg_data(nlmsg_hdr(msg));
}

static struct rtmsg *build_route(struct object object)
{
	object.kind = OBJECT_ROUTE;
	return build(object, true, NLM_F_CREATE, sizeof(struct rtmsg));
}

static void expect_addr(int type, const char *text)
{
	struct addr addr = an_addr(text);

	ck_assert_msg(tb[type], "no attribute %d", type);
	ck_assert_int_eq(addr_cmp(netlink_addr(tb[type], addr.family), addr), 0);
	ck_assert_uint_eq(nla_len(tb[type]), addr_size(addr.family));
}

static void expect_u32(int type, uint32_t value)
{
	ck_assert_msg(tb[type], "no attribute %d", type);
	ck_assert_uint_eq(nla_get_u32(tb[type]), value);
}

START_TEST(an_address_says_whose_it_is)
{
	struct object object = { .kind = OBJECT_ADDRESS,
				 .family = AF_INET6,
				 .prefix = a_prefix("2001:db8:a::1/128"),
				 .link.index = 7 };
	struct ifaddrmsg *header =
		build(object, true, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifaddrmsg));

	ck_assert_int_eq(nlmsg_hdr(msg)->nlmsg_type, RTM_NEWADDR);
	ck_assert_int_eq(nlmsg_hdr(msg)->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE),
			 NLM_F_CREATE | NLM_F_EXCL);
	ck_assert_int_eq(header->ifa_family, AF_INET6);
	ck_assert_int_eq(header->ifa_prefixlen, 128);
	ck_assert_int_eq(header->ifa_index, 7);
	ck_assert_int_eq(header->ifa_scope, RT_SCOPE_UNIVERSE);
	ck_assert_int_eq(header->ifa_flags, IFA_F_NODAD);
	expect_addr(IFA_LOCAL, "2001:db8:a::1");
	expect_addr(IFA_ADDRESS, "2001:db8:a::1");
	ck_assert_ptr_nonnull(tb[IFA_PROTO]);
	ck_assert_int_eq(nla_get_u8(tb[IFA_PROTO]), RTPROT_MWAN);
	ck_assert_ptr_null(tb[IFA_BROADCAST]);
	ck_assert_ptr_null(tb[IFA_CACHEINFO]);

	object.family = AF_INET;
	object.prefix = a_prefix("192.0.2.7/32");
	header = build(object, false, 0, sizeof(*header));
	ck_assert_int_eq(nlmsg_hdr(msg)->nlmsg_type, RTM_DELADDR);
	ck_assert_int_eq(header->ifa_flags, 0);
	expect_addr(IFA_LOCAL, "192.0.2.7");
}
END_TEST

START_TEST(a_default_route_has_a_gateway_and_no_destination)
{
	struct rtmsg *header = build_route((struct object){ .family = AF_INET,
							    .prefix = a_prefix("0.0.0.0/0"),
							    .type = RTN_UNICAST,
							    .table = 1001,
							    .via = an_addr("100.64.0.1"),
							    .onlink = true,
							    .link.index = 3 });

	ck_assert_int_eq(nlmsg_hdr(msg)->nlmsg_type, RTM_NEWROUTE);
	ck_assert_int_eq(nlmsg_hdr(msg)->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL | NLM_F_REPLACE),
			 NLM_F_CREATE);
	ck_assert_int_eq(header->rtm_family, AF_INET);
	ck_assert_int_eq(header->rtm_dst_len, 0);
	ck_assert_int_eq(header->rtm_protocol, RTPROT_MWAN);
	ck_assert_int_eq(header->rtm_type, RTN_UNICAST);
	ck_assert_int_eq(header->rtm_scope, RT_SCOPE_UNIVERSE);
	ck_assert_int_eq(header->rtm_flags, RTNH_F_ONLINK);
	expect_u32(RTA_TABLE, 1001);
	expect_u32(RTA_OIF, 3);
	expect_addr(RTA_GATEWAY, "100.64.0.1");
	ck_assert_ptr_null(tb[RTA_DST]);
	ck_assert_ptr_null(tb[RTA_PRIORITY]);
	ck_assert_ptr_null(tb[RTA_VIA]);
	ck_assert_ptr_null(tb[RTA_MULTIPATH]);
}
END_TEST

START_TEST(an_ipv4_route_may_lead_to_an_ipv6_gateway)
{
	struct addr gateway = an_addr("fe80::1");
	struct rtvia *via;

	build_route((struct object){ .family = AF_INET,
				     .prefix = a_prefix("0.0.0.0/0"),
				     .type = RTN_UNICAST,
				     .table = 100,
				     .via = gateway,
				     .link.index = 3 });
	ck_assert_ptr_nonnull(tb[RTA_VIA]);
	ck_assert_ptr_null(tb[RTA_GATEWAY]);
	ck_assert_int_eq(nla_len(tb[RTA_VIA]), (int)sizeof(*via) + 16);
	via = nla_data(tb[RTA_VIA]);
	ck_assert_int_eq(via->rtvia_family, AF_INET6);
	ck_assert_mem_eq(via->rtvia_addr, gateway.bytes, 16);
}
END_TEST

START_TEST(a_route_to_a_link_has_the_scope_of_its_family)
{
	struct rtmsg *header = build_route((struct object){ .family = AF_INET,
							    .prefix = a_prefix("198.51.100.0/24"),
							    .type = RTN_UNICAST,
							    .table = 100,
							    .link.index = 3 });

	ck_assert_int_eq(header->rtm_scope, RT_SCOPE_LINK);
	ck_assert_int_eq(header->rtm_dst_len, 24);
	expect_addr(RTA_DST, "198.51.100.0");
	ck_assert_ptr_null(tb[RTA_GATEWAY]);

	header = build_route((struct object){ .family = AF_INET6,
					      .prefix = a_prefix("2001:db8::/60"),
					      .type = RTN_UNICAST,
					      .table = 100,
					      .metric = METRIC_OURS,
					      .via = an_addr("fe80::2"),
					      .link.index = 3 });
	ck_assert_int_eq(header->rtm_family, AF_INET6);
	ck_assert_int_eq(header->rtm_scope, RT_SCOPE_UNIVERSE);
	ck_assert_int_eq(header->rtm_dst_len, 60);
	expect_addr(RTA_DST, "2001:db8::");
	expect_addr(RTA_GATEWAY, "fe80::2");
	expect_u32(RTA_PRIORITY, METRIC_OURS);
}
END_TEST

START_TEST(an_unreachable_route_needs_no_link)
{
	static const char *const everything[] = { "0.0.0.0/0", "::/0" };

	for (size_t i = 0; i < ARRAY_SIZE(everything); i++) {
		struct prefix prefix = a_prefix(everything[i]);
		struct rtmsg *header = build_route((struct object){ .family = prefix.addr.family,
								    .prefix = prefix,
								    .type = RTN_UNREACHABLE,
								    .table = 100,
								    .metric = METRIC_LAST });

		ck_assert_int_eq(header->rtm_family, prefix.addr.family);
		ck_assert_int_eq(header->rtm_type, RTN_UNREACHABLE);
		ck_assert_int_eq(header->rtm_scope, RT_SCOPE_UNIVERSE);
		expect_u32(RTA_PRIORITY, METRIC_LAST);
		ck_assert_ptr_null(tb[RTA_DST]);
		ck_assert_ptr_null(tb[RTA_OIF]);
		ck_assert_ptr_null(tb[RTA_GATEWAY]);
	}
}
END_TEST

START_TEST(a_rule_goes_by_mark_source_or_destination)
{
	struct object object = {
		.kind = OBJECT_RULE, .family = AF_INET, .pref = 1001, .mark = 1, .table = 300
	};
	struct fib_rule_hdr *header = build(object, true, NLM_F_CREATE, sizeof(*header));

	ck_assert_int_eq(nlmsg_hdr(msg)->nlmsg_type, RTM_NEWRULE);
	ck_assert_int_eq(header->family, AF_INET);
	ck_assert_int_eq(header->action, FR_ACT_TO_TBL);
	ck_assert_int_eq(header->src_len, 0);
	expect_u32(FRA_PRIORITY, 1001);
	expect_u32(FRA_TABLE, 300);
	expect_u32(FRA_FWMARK, 1);
	ck_assert_int_eq(nla_get_u8(tb[FRA_PROTOCOL]), RTPROT_MWAN);
	ck_assert_ptr_null(tb[FRA_SRC]);

	object.family = AF_INET6;
	object.mark = 0;
	object.prefix = a_prefix("2001:db8:a::/60");
	header = build(object, false, 0, sizeof(*header));
	ck_assert_int_eq(nlmsg_hdr(msg)->nlmsg_type, RTM_DELRULE);
	ck_assert_int_eq(header->family, AF_INET6);
	ck_assert_int_eq(header->src_len, 60);
	expect_addr(FRA_SRC, "2001:db8:a::");
	ck_assert_ptr_null(tb[FRA_FWMARK]);
	ck_assert_ptr_null(tb[FRA_FWMASK]);

	object.to = true;
	header = build(object, true, NLM_F_CREATE, sizeof(*header));
	ck_assert_int_eq(header->src_len, 0);
	ck_assert_int_eq(header->dst_len, 60);
	expect_addr(FRA_DST, "2001:db8:a::");
	ck_assert_ptr_null(tb[FRA_SRC]);
}
END_TEST

START_TEST(a_rule_is_for_what_begins_here_or_has_no_mark)
{
	struct object object = { .kind = OBJECT_RULE,
				 .family = AF_INET6,
				 .pref = 32001,
				 .own = true,
				 .skip_to = 32003 };
	struct fib_rule_hdr *header = build(object, true, NLM_F_CREATE, sizeof(*header));

	ck_assert_int_eq(header->action, FR_ACT_GOTO);
	expect_u32(FRA_GOTO, 32003);
	ck_assert_str_eq(nla_get_string(tb[FRA_IIFNAME]), "lo");
	ck_assert_ptr_null(tb[FRA_FWMASK]);

	object = (struct object){ .kind = OBJECT_RULE,
				  .family = AF_INET,
				  .pref = 32002,
				  .unmarked = true,
				  .drops = true };
	header = build(object, true, NLM_F_CREATE, sizeof(*header));
	ck_assert_int_eq(header->action, FR_ACT_BLACKHOLE);
	expect_u32(FRA_FWMARK, 0);
	expect_u32(FRA_FWMASK, UINT32_MAX);
	ck_assert_ptr_null(tb[FRA_IIFNAME]);
	ck_assert_ptr_null(tb[FRA_GOTO]);

	object = (struct object){ .kind = OBJECT_RULE, .family = AF_INET, .pref = 32003 };
	header = build(object, true, NLM_F_CREATE, sizeof(*header));
	ck_assert_int_eq(header->action, FR_ACT_NOP);
	ck_assert_ptr_null(tb[FRA_GOTO]);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("rtnl");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, an_address_says_whose_it_is);
	tcase_add_test(tcase, a_default_route_has_a_gateway_and_no_destination);
	tcase_add_test(tcase, an_ipv4_route_may_lead_to_an_ipv6_gateway);
	tcase_add_test(tcase, a_route_to_a_link_has_the_scope_of_its_family);
	tcase_add_test(tcase, an_unreachable_route_needs_no_link);
	tcase_add_test(tcase, a_rule_goes_by_mark_source_or_destination);
	tcase_add_test(tcase, a_rule_is_for_what_begins_here_or_has_no_mark);
	return run_case(tcase, "rtnl");
}
