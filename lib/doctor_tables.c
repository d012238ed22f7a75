#include "doctor.h"

#include "config.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

struct look {
	const struct patient *patient;
	struct diagnosis *diagnosis;
};

/* A route that is not ours. */
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
		.family = info->rtm_family == AF_INET ? IPV4 : IPV6,
		.type = info->rtm_type,
		.protocol = info->rtm_protocol,
		.to.len = info->rtm_dst_len,
	};

	nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL);
	route.table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : info->rtm_table;
	route.metric = tb[RTA_PRIORITY] ? nla_get_u32(tb[RTA_PRIORITY]) : 0;
	route.oif = tb[RTA_OIF] ? nla_get_u32(tb[RTA_OIF]) : 0;
	route.to.addr = netlink_addr(tb[RTA_DST], info->rtm_family);
	route.to.addr.family = info->rtm_family;
	route.via = netlink_addr(tb[RTA_GATEWAY], info->rtm_family);
	return route;
}

/* What ip(8) has before the destination; NULL: a kind that the kernel makes of addresses. */
static const char *type_word(uint8_t type)
{
	static const char *const words[] = { [RTN_UNICAST] = "",
					     [RTN_BLACKHOLE] = "blackhole ",
					     [RTN_UNREACHABLE] = "unreachable ",
					     [RTN_PROHIBIT] = "prohibit ",
					     [RTN_THROW] = "throw " };

	return type < ARRAY_SIZE(words) ? words[type] : NULL;
}

/* As ip(8) takes it after `route del`, with ip's family. */
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
		type_word(route->type), route->to.len == 0 ? "default" : prefix_str(route->to).s);
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

/* The index of the WAN of that interface or, with 0, of that table; -1: none. */
static int find_wan(const struct patient *patient, unsigned oif, uint32_t table)
{
	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (oif ? patient->outcome.facts.wans[i].link.link.index == oif
			: patient->config->wans[i].table == table)
			return (int)i;
	return -1;
}

static int tell(const struct look *look, enum finding_kind kind, const struct foreign_route *route,
		const char *what)
{
	return diagnosis_tell(look->diagnosis, kind,
			      "%s: `%s`, and keep whoever adds it from doing so (mwan's own "
			      "routes are proto mwan)",
			      what, route_text(route).s);
}

/* Whose network it is: the kernel makes a route for each address. */
static const struct prefix *find_address(const struct look *look, struct prefix network)
{
	const struct link_fact *lan = &look->patient->outcome.facts.lan;

	for (size_t i = 0; i < lan->n_addresses; i++)
		if (prefix_cmp(prefix_network(lan->addresses[i]), network) == 0)
			return &lan->addresses[i];
	return NULL;
}

/* A prefix that is on-link has each of its hosts looked for there, while all are behind OPNsense.
 */
static int tell_onlink(const struct look *look, const struct foreign_route *route)
{
	const struct config *config = look->patient->config;
	const struct prefix *address = find_address(look, route->to);
	const char *interface = config->lan.interface;
	char what[256];

	snprintf(what, sizeof(what),
		 "the internal prefix is on-link on %s (%s in table %u): neighbour discovery for "
		 "each host",
		 interface, prefix_str(route->to).s, route->table);
	if (!address)
		return tell(look, FINDING_WRONG, route, what);
	return diagnosis_tell(look->diagnosis, FINDING_WRONG,
			      "%s: `ip -6 address del %s dev %s`; its .network file needs a /64 as "
			      "`Address=`, such as %s/64",
			      what, prefix_str(*address).s, interface, addr_str(address->addr).s);
}

static bool is_inside_onlink(const struct look *look, const struct foreign_route *route)
{
	struct prefix inside = look->patient->config->lan.prefix6;

	return route->family == IPV6 && inside.len > 0 && route->to.len > 0 &&
	       route->to.len <= inside.len && prefix_contains(route->to, inside.addr) &&
	       !route->via.family && route->oif &&
	       route->oif == look->patient->outcome.facts.lan.link.index;
}

/* In a WAN's table, which is mwan's. */
static int look_at_table(const struct look *look, const struct foreign_route *route, size_t wan)
{
	const struct wan_conf *conf = &look->patient->config->wans[wan];
	bool leads_away =
		route->type != RTN_UNICAST ||
		(route->to.len == 0 && find_wan(look->patient, route->oif, 0) != (int)wan);
	char what[160];

	snprintf(what, sizeof(what), "a route of somebody else's stands in the table of %s%s",
		 conf->name, leads_away ? ", and may lead its flows elsewhere, or nowhere" : "");
	return tell(look, leads_away ? FINDING_WRONG : FINDING_NOTE, route, what);
}

/* In main, ahead of the default that the router's own traffic is to take. */
static int look_at_default(const struct look *look, const struct foreign_route *route)
{
	int wan = find_wan(look->patient, route->oif ?: UINT32_MAX, 0);

	if (!look->patient->outcome.selections[route->family].best)
		return 0;
	return tell(look, wan >= 0 ? FINDING_WRONG : FINDING_NOTE, route,
		    wan >= 0 ? "a default route ahead of mwan's keeps the router's own traffic on "
			       "one WAN, also while that is down"
			     : "a default route ahead of mwan's leads the router's own traffic "
			       "elsewhere than to a WAN");
}

static int on_route(struct nlmsghdr *message, void *arg)
{
	struct foreign_route route = parse(message);
	struct look *look = arg;
	int wan = find_wan(look->patient, 0, route.table);

	if (message->nlmsg_type != RTM_NEWROUTE || route.protocol == RTPROT_MWAN ||
	    !type_word(route.type))
		return 0;
	if (is_inside_onlink(look, &route))
		return tell_onlink(look, &route);
	if (wan >= 0 && route.protocol != RTPROT_KERNEL)
		return look_at_table(look, &route, wan);
	if (route.type == RTN_UNICAST && route.table == RT_TABLE_MAIN && route.to.len == 0 &&
	    route.metric < METRIC_OURS + (route.family == IPV6))
		return look_at_default(look, &route);
	return 0;
}

static bool is_route(const char *line)
{
	static const char *const starts[] = { "ip route ", "ip -6 route ", "ip address ",
					      "ip -6 address " };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strncmp(line, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

int doctor_tables(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct look look = { patient, diagnosis };
	size_t before = diagnosis->n;
	int r = doctor_tell_plan(patient, diagnosis, is_route, "addresses and routes", NULL);

	for (enum family family = 0; family < N_FAMILIES && r >= 0; family++) {
		struct rtmsg header = { .rtm_family = family_af(family) };

		r = netlink_dump(patient->kernel.sk, RTM_GETROUTE, &header, sizeof(header),
				 on_route, &look);
		if (r == -EAGAIN)
			r = 0;
	}
	if (r < 0)
		return fault_set(fault, r, "routes: %s", strerror(-r));
	if (diagnosis->n > before || !patient->planned)
		return 0;
	return diagnosis_good(diagnosis, "the tables of %zu WANs and main are as wanted",
			      patient->config->n_wans);
}
