#include "apply_net.h"

#include "log.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

static int put_addr(struct nl_msg *msg, int type, struct addr addr)
{
	return nla_put(msg, type, (int)addr_size(addr.family), addr.bytes);
}

static struct nl_msg *address_message(const struct object *o, int type, int flags)
{
	struct ifaddrmsg header = {
		.ifa_family = o->family,
		.ifa_prefixlen = o->prefix.len,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = o->link.index,
		/* The ISP routes these to us: there is nobody to detect. */
		.ifa_flags = o->family == AF_INET6 ? IFA_F_NODAD : 0,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    put_addr(msg, IFA_LOCAL, o->prefix.addr) < 0 ||
	    put_addr(msg, IFA_ADDRESS, o->prefix.addr) < 0 ||
	    nla_put_u8(msg, IFA_PROTO, RTPROT_MWAN) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int put_via(struct nl_msg *msg, const struct object *o)
{
	struct {
		uint16_t family;
		uint8_t bytes[16];
	} via = { .family = o->via.family };

	if (!o->via.family)
		return 0;
	if (o->via.family == o->family)
		return put_addr(msg, RTA_GATEWAY, o->via);
	memcpy(via.bytes, o->via.bytes, sizeof(via.bytes));
	return nla_put(msg, RTA_VIA, sizeof(via), &via);
}

static struct nl_msg *route_message(const struct object *o, int type, int flags)
{
	struct rtmsg header = {
		.rtm_family = o->family,
		.rtm_dst_len = o->prefix.len,
		.rtm_protocol = RTPROT_MWAN,
		.rtm_type = o->type,
		.rtm_flags = o->onlink ? RTNH_F_ONLINK : 0,
		.rtm_scope = o->family == AF_INET && o->type == RTN_UNICAST && !o->via.family
				     ? RT_SCOPE_LINK
				     : RT_SCOPE_UNIVERSE,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, RTA_TABLE, o->table) < 0 ||
	    (o->prefix.len > 0 && put_addr(msg, RTA_DST, o->prefix.addr) < 0) ||
	    (o->metric > 0 && nla_put_u32(msg, RTA_PRIORITY, o->metric) < 0) ||
	    put_via(msg, o) < 0 ||
	    (o->link.index && nla_put_u32(msg, RTA_OIF, o->link.index) < 0)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static struct nl_msg *rule_message(const struct object *o, int type, int flags)
{
	struct fib_rule_hdr header = {
		.family = o->family,
		.src_len = o->prefix.len,
		.action = FR_ACT_TO_TBL,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, FRA_PRIORITY, o->pref) < 0 ||
	    nla_put_u32(msg, FRA_TABLE, o->table) < 0 ||
	    nla_put_u8(msg, FRA_PROTOCOL, RTPROT_MWAN) < 0 ||
	    (o->mark && nla_put_u32(msg, FRA_FWMARK, o->mark) < 0) ||
	    (o->prefix.len > 0 && put_addr(msg, FRA_SRC, o->prefix.addr) < 0)) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static bool is_route(int type)
{
	return type == RTM_NEWROUTE || type == RTM_DELROUTE;
}

/*
 * What the kernel sent names the object exactly, whatever else it carries. Only of a
 * route over a nexthop object, it tells the gateway as well, and takes one of both.
 */
static struct nl_msg *raw_message(const struct nlmsghdr *raw, int type, int flags)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);
	struct nlattr *attr, *nexthop = NULL;
	int left;

	if (is_route(type))
		nexthop = nlmsg_find_attr((struct nlmsghdr *)raw, sizeof(struct rtmsg), RTA_NH_ID);
	if (!nexthop) {
		if (!msg ||
		    nlmsg_append(msg, nlmsg_data(raw), nlmsg_datalen(raw), NLMSG_ALIGNTO) < 0)
			goto fail;
		return msg;
	}

	if (!msg || nlmsg_append(msg, nlmsg_data(raw), sizeof(struct rtmsg), NLMSG_ALIGNTO) < 0)
		goto fail;
	nlmsg_for_each_attr(attr, (struct nlmsghdr *)raw, sizeof(struct rtmsg), left)
	{
		int name = nla_type(attr);

		if (name != RTA_GATEWAY && name != RTA_OIF && name != RTA_MULTIPATH &&
		    name != RTA_VIA && nla_put(msg, name, nla_len(attr), nla_data(attr)) < 0)
			goto fail;
	}
	return msg;
fail:
	nlmsg_free(msg);
	return NULL;
}

static struct nl_msg *message(const struct object *o, bool add, int flags)
{
	static const int types[][2] = {
		[OBJECT_ADDRESS] = { RTM_DELADDR, RTM_NEWADDR },
		[OBJECT_ROUTE] = { RTM_DELROUTE, RTM_NEWROUTE },
		[OBJECT_RULE] = { RTM_DELRULE, RTM_NEWRULE },
	};
	int type = types[o->kind][add];

	if (o->raw)
		return raw_message(o->raw, type, flags);
	switch (o->kind) {
	case OBJECT_ADDRESS:
		return address_message(o, type, flags);
	case OBJECT_ROUTE:
		return route_message(o, type, flags);
	case OBJECT_RULE:
		return rule_message(o, type, flags);
	}
	return NULL;
}

/*
 * Flags that never touch what is not ours. An IPv4 route goes in front of one
 * with the same key, a rule beside one with the same words. IPv6 has no
 * such place: there our own metric keeps us apart, and EXCL from joining a
 * route of somebody else that has it all the same.
 */
static int add_flags(const struct step *step)
{
	const struct object *object = step->object;

	if (step->kind == STEP_REPLACE)
		return NLM_F_CREATE | NLM_F_REPLACE;
	if (object->kind == OBJECT_ADDRESS ||
	    (object->kind == OBJECT_ROUTE && object->family == AF_INET6))
		return NLM_F_CREATE | NLM_F_EXCL;
	return NLM_F_CREATE;
}

static void say(int level, const struct step *step, const char *more)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	step_print(step, f);
	if (fclose(f) == 0)
		log_event(level, "step", "%s%s", text, more);
}

static struct nl_msg *neighbour_message(int type, const struct object *route)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, 0);
	struct ndmsg header = {
		.ndm_family = route->via.family,
		.ndm_ifindex = (int)route->link.index,
	};

	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    put_addr(msg, NDA_DST, route->via) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static int on_neighbour(struct nlmsghdr *message, void *arg)
{
	*(uint16_t *)arg = ((struct ndmsg *)nlmsg_data(message))->ndm_state;
	return 0;
}

/*
 * A gateway that comes back may still be looked for in vain since it went: what is
 * sent then waits for that to end, and is lost with it. Ask anew.
 */
static void forget_gateway(struct nl_sock *sk, const struct object *route)
{
	_cleanup_(nl_msg_freep) struct nl_msg *get = neighbour_message(RTM_GETNEIGH, route);
	_cleanup_(nl_msg_freep) struct nl_msg *drop = neighbour_message(RTM_DELNEIGH, route);
	struct netlink_reason why;
	uint16_t state = 0;

	if (get && drop && netlink_get(sk, get, on_neighbour, &state) == 0 &&
	    (state & (NUD_INCOMPLETE | NUD_FAILED)))
		netlink_request(sk, drop, &why);
}

static int apply_step(struct nl_sock *sk, const struct step *step, struct netlink_reason *why)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	bool add = step->kind != STEP_DELETE;
	int r;

	msg = message(step->object, add, add ? add_flags(step) : 0);
	if (!msg)
		return -ENOMEM;
	say(LOG_DEBUG, step, "");
	r = netlink_request(sk, msg, why);
	if (r == 0 && add && step->object->kind == OBJECT_ROUTE && step->object->via.family &&
	    step->object->prefix.len == 0)
		forget_gateway(sk, step->object);
	if (r == -EEXIST && step->object->kind == OBJECT_ROUTE) {
		say(LOG_WARNING, step, " has to wait: there is one already, and it is not ours");
		r = 0;
	}
	/* It may have gone with its link or address meanwhile. */
	if (!add && (r == -ENOENT || r == -ESRCH || r == -EADDRNOTAVAIL || r == -ENODEV))
		r = 0;
	return r;
}

static int explain(const struct step *step, int r, const struct netlink_reason *why,
		   struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return r;
	step_print(step, f);
	if (fclose(f) == 0)
		fault_set(fault, r, "the kernel refused `%s`: %s%s", text, strerror(-r), why->text);
	return r;
}

int apply_net(struct nl_sock *sk, const struct plan *plan, size_t first, size_t last,
	      const struct step **refused, struct fault *fault)
{
	struct netlink_reason why = {};

	for (size_t i = first; i < last; i++) {
		int r = apply_step(sk, &plan->steps[i], &why);

		if (r < 0) {
			undo_net(sk, plan, first, i);
			*refused = &plan->steps[i];
			return explain(&plan->steps[i], r, &why, fault);
		}
	}
	return 0;
}

void undo_net(struct nl_sock *sk, const struct plan *plan, size_t first, size_t last)
{
	for (size_t i = last; i > first; i--) {
		const struct step *done = &plan->steps[i - 1];
		struct step back = { done->kind == STEP_DELETE ? STEP_ADD : STEP_DELETE,
				     done->object, NULL };
		struct netlink_reason why;

		if (done->replaced)
			back = (struct step){ STEP_REPLACE, done->replaced, NULL };
		apply_step(sk, &back, &why);
	}
}
