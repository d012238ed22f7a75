// SPDX-License-Identifier: GPL-2.0-or-later
// Addresses and routes: those of the plan, and others' routes that lead packets astray.
// It dumps all routes, and judges those that are not mwan's by their table, target and link.

#include "doctor/check.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

struct foreign_route {
	enum family family;
	uint8_t type, protocol;
	uint32_t table, metric;
	unsigned oif; /* 0: several, or none */
	struct prefix to;
	struct addr via;
};

static struct foreign_route parse(struct nlmsghdr *message)
{
	const struct rtmsg *info = nlmsg_data(message);
	struct nlattr *tb[RTA_MAX + 1];
	struct foreign_route route = {
		.family = family_of_af(info->rtm_family),
		.type = info->rtm_type,
		.protocol = info->rtm_protocol,
		.to.len = info->rtm_dst_len,
	};

	nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL);
	route.table = tb[RTA_TABLE] ? netlink_u32(tb[RTA_TABLE]) : info->rtm_table;
	route.metric = netlink_u32(tb[RTA_PRIORITY]);
	route.oif = netlink_u32(tb[RTA_OIF]);
	route.to.addr = netlink_addr(tb[RTA_DST], info->rtm_family);
	route.to.addr.family = info->rtm_family;
	route.via = netlink_addr(tb[RTA_GATEWAY], info->rtm_family);
	return route;
}

/* What ip(8) has before the destination; NULL: a type that the kernel makes of addresses. */
static const char *type_name(uint8_t type)
{
	static const char *const names[] = { [RTN_UNICAST] = "",
					     [RTN_BLACKHOLE] = "blackhole ",
					     [RTN_UNREACHABLE] = "unreachable ",
					     [RTN_PROHIBIT] = "prohibit ",
					     [RTN_THROW] = "throw " };

	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

struct route_text {
	char s[192];
};
static struct route_text route_text(const struct foreign_route *route)
{
	struct route_text text = {};
	char name[IFNAMSIZ];
	FILE *f = fmemopen(text.s, sizeof(text.s), "w");

	if (!f)
		return text;
	fprintf(f, "ip%s route del %s%s", route->family == IPV6 ? " -6" : "",
		type_name(route->type), route->to.len == 0 ? "default" : prefix_str(route->to).s);
	if (route->via.family)
		fprintf(f, " via %s", addr_str(route->via).s);
	if (route->oif && if_indextoname(route->oif, name))
		fprintf(f, " dev %s", name);
	fprintf(f, " table %u", route->table);
	if (route->metric)
		fprintf(f, " metric %u", route->metric);
	fclose(f);
	return text;
}

/* The index of the WAN with that table; -1: none. */
static int wan_by_table(const struct patient *patient, uint32_t table)
{
	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (patient->config->wans[i].table == table)
			return (int)i;
	return -1;
}

#define FIX_ROUTE "`%s`, and stop what adds it (mwan's own routes are proto mwan)"

/* The LAN's address for whose network the kernel has made the route; NULL: none. */
static const struct prefix *find_address(const struct link_fact *lan, struct prefix network)
{
	for (size_t i = 0; i < lan->n_addresses; i++)
		if (prefix_cmp(prefix_network(lan->addresses[i]), network) == 0)
			return &lan->addresses[i];
	return NULL;
}

/* All hosts of the internal prefix are behind OPNsense: on-link, the kernel would ask for each. */
static void diagnose_onlink(const struct patient *patient, const struct foreign_route *route)
{
	const struct prefix *address = find_address(&patient->site->facts.lan, route->to);
	const char *interface = patient->config->lan.interface;
	char fix[256];

	if (address)
		snprintf(fix, sizeof(fix),
			 "`ip -6 address del %s dev %s && ip -6 address add %s/64 dev %s`; the "
			 "same /64 as `Address=` in its .network file",
			 prefix_str(*address).s, interface, addr_str(address->addr).s, interface);
	else
		snprintf(fix, sizeof(fix), FIX_ROUTE, route_text(route).s);
	diagnosis_wrong(patient->diagnosis, "inside-onlink",
			"the internal prefix is on-link on %s (%s in table %u): the kernel looks "
			"for each host on the link, not behind OPNsense\n%s",
			interface, prefix_str(route->to).s, route->table, fix);
}

static bool is_inside_onlink(const struct patient *patient, const struct foreign_route *route)
{
	struct prefix inside = patient->config->lan.prefix6;

	return route->family == IPV6 && config_has_router6(patient->config) && route->to.len > 0 &&
	       route->to.len <= inside.len && prefix_contains(route->to, inside.addr) &&
	       !route->via.family && route->oif &&
	       route->oif == patient->site->facts.lan.link.index;
}

/* In a WAN's table, which is mwan's. */
static void diagnose_in_table(const struct patient *patient, const struct foreign_route *route,
			      int wan)
{
	bool leads_away =
		route->type != RTN_UNICAST ||
		(route->to.len == 0 &&
		 (!route->oif || patient->site->facts.wans[wan].link.link.index != route->oif));

	diagnosis_add(patient->diagnosis, leads_away ? FINDING_WRONG : FINDING_NOTE,
		      leads_away ? "route-leads-away" : "route-foreign",
		      "a route of somebody else's stands in the table of %s%s\n" FIX_ROUTE,
		      patient->config->wans[wan].name,
		      leads_away ? ", and may lead its flows elsewhere, or nowhere" : "",
		      route_text(route).s);
}

/* In main, ahead of the default that the router's own traffic should take. */
static void diagnose_default(const struct patient *patient, const struct foreign_route *route)
{
	bool on_wan = patient_wan(patient, route->oif) < patient->config->n_wans;

	if (!site_selection(patient->site, route->family)->best)
		return;
	diagnosis_add(patient->diagnosis, on_wan ? FINDING_WRONG : FINDING_NOTE,
		      on_wan ? "default-on-wan" : "default-elsewhere",
		      "a default route ahead of mwan's %s\n" FIX_ROUTE,
		      on_wan ? "keeps the router's own traffic on one WAN, also while that is down"
			     : "leads the router's own traffic elsewhere than to a WAN",
		      route_text(route).s);
}

static int on_route(struct nlmsghdr *message, void *arg)
{
	struct foreign_route route = parse(message);
	const struct patient *patient = arg;
	int wan = wan_by_table(patient, route.table);

	if (message->nlmsg_type != RTM_NEWROUTE || route.protocol == RTPROT_MWAN ||
	    !type_name(route.type))
		return 0;
	if (is_inside_onlink(patient, &route))
		diagnose_onlink(patient, &route);
	else if (wan >= 0 && route.protocol != RTPROT_KERNEL)
		diagnose_in_table(patient, &route, wan);
	else if (route.type == RTN_UNICAST && route.table == RT_TABLE_MAIN && route.to.len == 0 &&
		 route.metric < METRIC_OURS + (route.family == IPV6))
		diagnose_default(patient, &route);
	return 0;
}

static bool is_address_or_route(const struct object *object)
{
	return object->kind != OBJECT_RULE;
}

int doctor_tables(struct patient *patient, struct fault *fault)
{
	patient_diagnose_steps(patient, is_address_or_route, "routes-differ",
			       "addresses and routes");
	for (enum family family = 0; family < N_FAMILIES; family++) {
		struct rtmsg header = { .rtm_family = family_af(family) };
		int r = netlink_dump(patient->kernel.sk, RTM_GETROUTE, &header, sizeof(header),
				     on_route, patient);

		if (r < 0 && r != -EAGAIN)
			return fault_set(fault, r, "routes: %s", strerror(-r));
	}
	if (patient->outcome.planned)
		diagnosis_good(patient->diagnosis,
			       "the tables of %zu WANs and main are as they should be",
			       patient->config->n_wans);
	return 0;
}
