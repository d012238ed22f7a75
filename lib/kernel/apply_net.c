// SPDX-License-Identifier: GPL-2.0-or-later
// Carries out steps on addresses, routes and rules.
// Each step is one request; when the kernel refuses an addition, those before it are undone.

#include "kernel/apply_net.h"

#include "base/fileio.h"
#include "base/log.h"
#include "kernel/rtnl.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

/* The attributes of a route over a nexthop object, without its gateways. */
static int put_without_gateways(struct nl_msg *msg, const struct nlmsghdr *raw)
{
	struct nlattr *attr;
	int left;

	nlmsg_for_each_attr(attr, (struct nlmsghdr *)raw, sizeof(struct rtmsg), left)
	{
		int type = nla_type(attr);

		if (type != RTA_GATEWAY && type != RTA_OIF && type != RTA_MULTIPATH &&
		    type != RTA_VIA && nla_put(msg, type, nla_len(attr), nla_data(attr)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/*
 * The kernel's own message names the object exactly, whatever else it carries. One exception: it
 * reports a route over a nexthop object with its gateway too, but accepts only one of both.
 */
static int raw_request(const struct nlmsghdr *raw, int type, int flags, struct nl_msg **ret)
{
	bool by_nexthop = (type == RTM_NEWROUTE || type == RTM_DELROUTE) &&
			  nlmsg_find_attr((struct nlmsghdr *)raw, sizeof(struct rtmsg), RTA_NH_ID);
	size_t size = by_nexthop ? sizeof(struct rtmsg) : (size_t)nlmsg_datalen(raw);
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(type, flags, nlmsg_data(raw), size);

	if (!msg || (by_nexthop && put_without_gateways(msg, raw) < 0))
		return -ENOMEM;
	*ret = TAKE(msg);
	return 0;
}

static int request(const struct object *object, bool add, int flags, struct nl_msg **ret,
		   struct fault *fault)
{
	static const int types[][2] = {
		[OBJECT_ADDRESS] = { RTM_DELADDR, RTM_NEWADDR },
		[OBJECT_ROUTE] = { RTM_DELROUTE, RTM_NEWROUTE },
		[OBJECT_RULE] = { RTM_DELRULE, RTM_NEWRULE },
	};

	return object->raw ? raw_request(object->raw, types[object->kind][add], flags, ret)
			   : rtnl_request(object, add, flags, ret, fault);
}

/*
 * These flags never touch what is not ours. The kernel puts an IPv4 route in front of one with the
 * same key, and a rule beside an equal one. An IPv6 route joins one with the same key: our metric
 * keeps us apart, and EXCL does when somebody else uses that metric too.
 */
static int add_flags(const struct step *step)
{
	const struct object *object = step->object;

	if (step->kind == STEP_REPLACE)
		return NLM_F_CREATE | NLM_F_REPLACE;
	if (object->kind == OBJECT_ADDRESS ||
	    (object->kind == OBJECT_ROUTE && object->family == AF_INET6))
		return NLM_F_CREATE | NLM_F_EXCL;
	return step->behind ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE;
}

/* The caller's; NULL: no memory. */
static char *step_text(const struct step *step)
{
	struct memory out = {};
	char *text;

	if (memory_open(&out) < 0)
		return NULL;
	step_print(step, out.f);
	return memory_close(&out, &text) == 0 ? text : NULL;
}

static void log_step(int level, const struct step *step, const char *more)
{
	_cleanup_(freep) char *text = log_is_read(level) ? step_text(step) : NULL;

	if (text)
		log_event(level, level < LOG_DEBUG ? EVENT_STEP_WAITS : EVENT_STEP, NULL, "%s%s",
			  text, more);
}

static struct nl_msg *neighbour_message(int type, const struct object *route)
{
	struct ndmsg header = {
		.ndm_family = route->via.family,
		.ndm_ifindex = (int)route->link.index,
	};
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		netlink_message(type, 0, &header, sizeof(header));

	if (!msg || nla_put(msg, NDA_DST, (int)addr_size(route->via.family), route->via.bytes) < 0)
		return NULL;
	return TAKE(msg);
}

static int on_neighbour(struct nlmsghdr *message, void *arg)
{
	*(uint16_t *)arg = ((struct ndmsg *)nlmsg_data(message))->ndm_state;
	return 0;
}

/*
 * When a gateway comes back, the kernel may still wait for an answer to what it asked while the
 * gateway was away. Packets wait with it and are lost. Without the entry, it asks again at once.
 */
static void forget_gateway(struct nl_sock *sk, const struct object *route)
{
	_cleanup_(nl_msg_freep) struct nl_msg *get = neighbour_message(RTM_GETNEIGH, route);
	_cleanup_(nl_msg_freep) struct nl_msg *drop = neighbour_message(RTM_DELNEIGH, route);
	uint16_t state = 0;

	if (get && drop && netlink_get(sk, get, on_neighbour, &state) == 0 &&
	    (state & (NUD_INCOMPLETE | NUD_FAILED)))
		netlink_request(sk, drop, NULL);
}

static int apply_step(struct nl_sock *sk, const struct step *step, struct netlink_reason *why,
		      struct fault *fault)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	bool add = step->kind != STEP_DELETE;
	int r;

	r = request(step->object, add, add ? add_flags(step) : 0, &msg, fault);
	if (r < 0)
		return r;
	log_step(LOG_DEBUG, step, "");
	r = netlink_request(sk, msg, why);
	if (r == 0 && add && step->object->kind == OBJECT_ROUTE && step->object->via.family &&
	    step->object->prefix.len == 0)
		forget_gateway(sk, step->object);
	if (r == -EEXIST && step->object->kind == OBJECT_ROUTE) {
		log_step(LOG_WARNING, step,
			 " has to wait: there is one already, and it is not ours");
		r = 0;
	}
	/* Meanwhile the kernel may have deleted it with its link or address. */
	if (!add && (r == -ENOENT || r == -ESRCH || r == -EADDRNOTAVAIL || r == -ENODEV))
		r = 0;
	return r;
}

/* Undoes the first n steps. */
static void undo(struct nl_sock *sk, const struct plan *plan, size_t n)
{
	for (size_t i = n; i > 0; i--) {
		const struct step *done = &plan->steps[i - 1];
		struct step back = { .kind = STEP_DELETE, .object = done->object };
		struct fault ignored = {};

		if (done->replaced)
			back = (struct step){ .kind = STEP_REPLACE, .object = done->replaced };
		apply_step(sk, &back, NULL, &ignored);
	}
}

void undo_additions(struct nl_sock *sk, const struct plan *plan)
{
	undo(sk, plan, plan->n_additions);
}

static int set_refused(const struct step *step, int r, const struct netlink_reason *why,
		       struct fault *fault)
{
	_cleanup_(freep) char *text = step_text(step);

	return fault_set(fault, r, "the kernel refused `%s`: %s%s", text ? text : "a step",
			 strerror(-r), why->text);
}

int apply_additions(struct nl_sock *sk, const struct plan *plan, const struct step **refused,
		    struct fault *fault)
{
	struct netlink_reason why = {};

	for (size_t i = 0; i < plan->n_additions; i++) {
		int r = apply_step(sk, &plan->steps[i], &why, fault);

		if (r == 0)
			continue;
		undo(sk, plan, i);
		*refused = &plan->steps[i];
		return set_refused(&plan->steps[i], r, &why, fault);
	}
	return 0;
}

int apply_deletions(struct nl_sock *sk, const struct plan *plan, struct fault *fault)
{
	struct netlink_reason why = {};

	for (size_t i = plan->n_additions; i < plan->n_steps; i++) {
		int r = apply_step(sk, &plan->steps[i], &why, fault);

		if (r < 0)
			return set_refused(&plan->steps[i], r, &why, fault);
	}
	return 0;
}
