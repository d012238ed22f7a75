// SPDX-License-Identifier: GPL-2.0-or-later
// Requests of rtnetlink, built by libnl-route-3.
// The library is loaded when it is needed; each kind of object is one of its own, filled and built.

#include "kernel/rtnl.h"

#include "base/library.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

/* clang-format off */
#define FUNCTIONS(f) \
	f(rtnl_addr_alloc) f(rtnl_addr_set_local) f(rtnl_addr_set_ifindex) \
	f(rtnl_addr_set_scope) f(rtnl_addr_set_flags) \
	f(rtnl_addr_build_add_request) f(rtnl_addr_build_delete_request) \
	f(rtnl_route_alloc) f(rtnl_route_set_dst) f(rtnl_route_set_table) \
	f(rtnl_route_set_protocol) f(rtnl_route_set_type) f(rtnl_route_set_scope) \
	f(rtnl_route_set_priority) f(rtnl_route_set_pref_src) f(rtnl_route_add_nexthop) \
	f(rtnl_route_build_add_request) f(rtnl_route_build_del_request) \
	f(rtnl_route_nh_alloc) f(rtnl_route_nh_set_ifindex) f(rtnl_route_nh_set_flags) \
	f(rtnl_route_nh_set_via) f(rtnl_route_nh_set_gateway) \
	f(rtnl_rule_alloc) f(rtnl_rule_set_src) f(rtnl_rule_set_dst) f(rtnl_rule_set_family) \
	f(rtnl_rule_set_action) f(rtnl_rule_set_prio) f(rtnl_rule_set_table) \
	f(rtnl_rule_set_protocol) f(rtnl_rule_set_mark) f(rtnl_rule_set_mask) \
	f(rtnl_rule_set_iif) f(rtnl_rule_set_goto) \
	f(rtnl_rule_build_add_request) f(rtnl_rule_build_delete_request)
/* clang-format on */

/* Loaded once for the process; its functions keep nothing. */
static struct rtnl {
	struct library library;
	bool loaded;
	FUNCTIONS(LIBRARY_DECLARE)
} rtnl;

static int load(void)
{
	if (rtnl.loaded)
		return 0;
	if (library_open(&rtnl.library, "libnl-route-3.so.200") < 0)
		return -ENOENT;
#define RESOLVE(name) LIBRARY_RESOLVE(&rtnl, name)
	FUNCTIONS(RESOLVE)
	rtnl.loaded = true;
	return 0;
}

static void nl_addr_putp(struct nl_addr **addr)
{
	nl_addr_put(*addr);
}

/* All of the library's objects are objects of libnl-3. */
static void nl_object_putp(void *object)
{
	nl_object_put(*(struct nl_object **)object);
}

/* The functions below return 0 or the library's own negative code. NULL: no memory. */

static struct nl_addr *addr_new(struct prefix prefix)
{
	struct nl_addr *addr =
		nl_addr_build(prefix.addr.family, prefix.addr.bytes, addr_size(prefix.addr.family));

	if (addr)
		nl_addr_set_prefixlen(addr, (int)prefix.len);
	return addr;
}

static int address_request(const struct object *object, bool add, int flags, struct nl_msg **ret)
{
	_cleanup_(nl_addr_putp) struct nl_addr *local = addr_new(object->prefix);
	_cleanup_(nl_object_putp) struct rtnl_addr *address = rtnl.rtnl_addr_alloc();
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	int r;

	if (!local || !address)
		return -NLE_NOMEM;
	r = rtnl.rtnl_addr_set_local(address, local);
	if (r < 0)
		return r;
	rtnl.rtnl_addr_set_ifindex(address, (int)object->link.index);
	rtnl.rtnl_addr_set_scope(address, RT_SCOPE_UNIVERSE);
	/* The ISP routes these to us: no neighbour can have them. */
	if (object->family == AF_INET6)
		rtnl.rtnl_addr_set_flags(address, IFA_F_NODAD);
	r = add ? rtnl.rtnl_addr_build_add_request(address, flags, &msg)
		: rtnl.rtnl_addr_build_delete_request(address, flags, &msg);
	/* libnl 3.7 does not know IFA_PROTO. */
	if (r == 0)
		r = nla_put_u8(msg, IFA_PROTO, RTPROT_MWAN);
	if (r == 0)
		*ret = TAKE(msg);
	return r;
}

static int add_nexthop(struct rtnl_route *route, const struct object *object)
{
	_cleanup_(nl_addr_putp) struct nl_addr *via = NULL;
	struct rtnl_nexthop *hop = rtnl.rtnl_route_nh_alloc();

	if (!hop)
		return -NLE_NOMEM;
	rtnl.rtnl_route_add_nexthop(route, hop); /* which owns it from now on */
	rtnl.rtnl_route_nh_set_ifindex(hop, (int)object->link.index);
	rtnl.rtnl_route_nh_set_flags(hop, object->onlink ? RTNH_F_ONLINK : 0);
	if (!object->via.family)
		return 0;
	via = addr_new(prefix_host(object->via));
	if (!via)
		return -NLE_NOMEM;
	if (object->via.family != object->family)
		return rtnl.rtnl_route_nh_set_via(hop, via);
	rtnl.rtnl_route_nh_set_gateway(hop, via);
	return 0;
}

static int route_request(const struct object *object, bool add, int flags, struct nl_msg **ret)
{
	/* The library takes the family from it; without bytes, a default route has no RTA_DST. */
	_cleanup_(nl_addr_putp) struct nl_addr *destination =
		object->prefix.len > 0 ? addr_new(object->prefix)
				       : nl_addr_build(object->family, NULL, 0);
	_cleanup_(nl_addr_putp) struct nl_addr *source =
		object->source.family ? addr_new(prefix_host(object->source)) : NULL;
	_cleanup_(nl_object_putp) struct rtnl_route *route = rtnl.rtnl_route_alloc();
	int r;

	if (!destination || !route || (object->source.family && !source))
		return -NLE_NOMEM;
	r = rtnl.rtnl_route_set_dst(route, destination);
	if (r == 0 && source)
		r = rtnl.rtnl_route_set_pref_src(route, source);
	if (r == 0)
		r = rtnl.rtnl_route_set_type(route, object->type);
	if (r == 0 && object->link.index)
		r = add_nexthop(route, object);
	if (r < 0)
		return r;
	rtnl.rtnl_route_set_table(route, object->table);
	rtnl.rtnl_route_set_protocol(route, RTPROT_MWAN);
	rtnl.rtnl_route_set_scope(route, object_scope(object));
	if (object->metric > 0)
		rtnl.rtnl_route_set_priority(route, object->metric);
	return add ? rtnl.rtnl_route_build_add_request(route, flags, ret)
		   : rtnl.rtnl_route_build_del_request(route, flags, ret);
}

static void set_action(struct rtnl_rule *rule, const struct object *object)
{
	if (object->drops) {
		rtnl.rtnl_rule_set_action(rule, FR_ACT_BLACKHOLE);
	} else if (object->skip_to) {
		rtnl.rtnl_rule_set_action(rule, FR_ACT_GOTO);
		rtnl.rtnl_rule_set_goto(rule, object->skip_to);
	} else if (!object->table) {
		rtnl.rtnl_rule_set_action(rule, FR_ACT_NOP);
	} else {
		rtnl.rtnl_rule_set_action(rule, FR_ACT_TO_TBL);
		rtnl.rtnl_rule_set_table(rule, object->table);
	}
}

static int rule_request(const struct object *object, bool add, int flags, struct nl_msg **ret)
{
	_cleanup_(nl_addr_putp) struct nl_addr *prefix = NULL;
	_cleanup_(nl_object_putp) struct rtnl_rule *rule = rtnl.rtnl_rule_alloc();
	int r = 0;

	if (!rule)
		return -NLE_NOMEM;
	rtnl.rtnl_rule_set_family(rule, object->family);
	rtnl.rtnl_rule_set_prio(rule, object->pref);
	set_action(rule, object);
	if (object->mark || object->unmarked)
		rtnl.rtnl_rule_set_mark(rule, object->mark);
	/* Without a mask, the kernel takes the mark 0 for none. */
	if (object->unmarked)
		rtnl.rtnl_rule_set_mask(rule, UINT32_MAX);
	if (object->own)
		r = rtnl.rtnl_rule_set_iif(rule, "lo");
	if (r < 0)
		return r;
	if (object->prefix.len > 0) {
		prefix = addr_new(object->prefix);
		if (!prefix)
			return -NLE_NOMEM;
		r = object->to ? rtnl.rtnl_rule_set_dst(rule, prefix)
			       : rtnl.rtnl_rule_set_src(rule, prefix);
	}
	if (r == 0)
		r = rtnl.rtnl_rule_set_protocol(rule, RTPROT_MWAN);
	if (r < 0)
		return r;
	return add ? rtnl.rtnl_rule_build_add_request(rule, flags, ret)
		   : rtnl.rtnl_rule_build_delete_request(rule, flags, ret);
}

int rtnl_request(const struct object *object, bool add, int flags, struct nl_msg **ret,
		 struct fault *fault)
{
	static int (*const build[])(const struct object *, bool, int, struct nl_msg **) = {
		[OBJECT_ADDRESS] = address_request,
		[OBJECT_ROUTE] = route_request,
		[OBJECT_RULE] = rule_request,
	};
	int r = load();

	if (r < 0)
		return fault_set(fault, r, "libnl-route-3.so.200 is missing or too old");
	r = build[object->kind](object, add, flags, ret);
	if (r == 0)
		return 0;
	return fault_set(fault, r == -NLE_NOMEM ? -ENOMEM : -EPROTO, "libnl-route-3: %s",
			 nl_geterror(r));
}
