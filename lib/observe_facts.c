#include "observe_facts.h"

#include "log.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

struct look {
	const struct config *config;
	struct facts *facts;
	struct nl_sock *sk;
	/* Default routes that name a nexthop object by its id only; resolved at the end. */
	struct unresolved {
		uint32_t id, metric;
		struct addr source;
		enum family family;
	} * unresolved;
	size_t n_unresolved;
	struct candidate *candidates; /* for sources; chosen from at the end */
	size_t n_candidates;
};

static struct link_fact *link_by_name(struct look *look, const char *name)
{
	if (strcmp(name, look->config->lan.interface) == 0)
		return &look->facts->lan;
	for (size_t i = 0; i < look->facts->n_wans; i++)
		if (strcmp(name, look->config->wans[i].interface) == 0)
			return &look->facts->wans[i].link;
	return NULL;
}

static struct link_fact *link_by_index(struct look *look, unsigned index)
{
	if (look->facts->lan.link.index == index)
		return &look->facts->lan;
	for (size_t i = 0; i < look->facts->n_wans; i++)
		if (look->facts->wans[i].link.link.index == index)
			return &look->facts->wans[i].link;
	return NULL;
}

static struct wan_facts *wan_by_index(struct look *look, unsigned index)
{
	for (size_t i = 0; i < look->facts->n_wans; i++)
		if (look->facts->wans[i].link.link.index == index)
			return &look->facts->wans[i];
	return NULL;
}

static int on_link(struct nlmsghdr *message, void *arg)
{
	struct ifinfomsg *info = nlmsg_data(message);
	struct nlattr *name = nlmsg_find_attr(message, sizeof(*info), IFLA_IFNAME);
	struct look *look = arg;
	struct link_fact *link;

	if (message->nlmsg_type != RTM_NEWLINK || !name)
		return 0;
	link = link_by_name(look, nla_get_string(name));
	if (!link)
		return 0;

	link->link.index = info->ifi_index;
	snprintf(link->link.name, sizeof(link->link.name), "%s", nla_get_string(name));
	link->up = info->ifi_flags & IFF_UP;
	/* RUNNING, not LOWER_UP: a link that waits for 802.1X is dormant. */
	link->carrier = info->ifi_flags & IFF_RUNNING;
	return 0;
}

/* An address that can be sent from, to the internet. */
struct candidate {
	const struct link_fact *link;
	struct prefix at;
};

static int add_candidate(struct look *look, const struct link_fact *link, struct prefix at)
{
	struct candidate *v;

	v = reallocarray(look->candidates, look->n_candidates + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	look->candidates = v;
	v[look->n_candidates++] = (struct candidate){ link, at };
	return 0;
}

static int on_address(struct nlmsghdr *message, void *arg)
{
	struct ifaddrmsg *info = nlmsg_data(message);
	struct nlattr *tb[IFA_MAX + 1];
	struct look *look = arg;
	struct link_fact *link;
	struct prefix *v, at;
	uint32_t flags;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return 0;
	link = link_by_index(look, info->ifa_index);
	if (!link || nlmsg_parse(message, sizeof(*info), tb, IFA_MAX, NULL) < 0)
		return 0;
	link->inet6 |= info->ifa_family == AF_INET6;
	if (tb[IFA_PROTO] && nla_get_u8(tb[IFA_PROTO]) == RTPROT_MWAN)
		return 0;

	/* IFA_ADDRESS is the peer on point-to-point links; ours is IFA_LOCAL. */
	at.addr = netlink_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], info->ifa_family);
	at.len = info->ifa_prefixlen;
	if (!at.addr.family || addr_is_linklocal(at.addr))
		return 0;

	v = reallocarray(link->addresses, link->n_addresses + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	link->addresses = v;
	v[link->n_addresses++] = at;
	flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : info->ifa_flags;
	if (info->ifa_scope != RT_SCOPE_UNIVERSE ||
	    (flags & (IFA_F_TENTATIVE | IFA_F_DEPRECATED | IFA_F_DADFAILED)))
		return 0;
	return add_candidate(look, link, at);
}

/* One way out by default: keep the one with the lowest metric of each WAN. */
static void see_gateway(struct look *look, unsigned oif, enum family family,
			struct gateway_fact found)
{
	struct wan_facts *wan = wan_by_index(look, oif);
	size_t i = wan - look->facts->wans;
	struct gateway_fact *gateway;

	if (!wan || look->config->wans[i].gateway_mode[family] != GATEWAY_AUTO)
		return;
	gateway = &wan->gateway[family];
	if (!gateway->present || gateway->metric > found.metric)
		*gateway = found;
}

static struct addr attrs_via(struct nlattr *gateway, struct nlattr *via, int family)
{
	struct rtvia *rtvia;

	if (gateway)
		return netlink_addr(gateway, family);
	if (!via || nla_len(via) < (int)sizeof(*rtvia))
		return (struct addr){};
	/* An IPv4 route over an IPv6 next hop (RFC 5549). */
	rtvia = nla_data(via);
	struct addr addr = { .family = rtvia->rtvia_family };

	if (nla_len(via) < (int)(sizeof(*rtvia) + addr_size(rtvia->rtvia_family)))
		return (struct addr){};
	memcpy(addr.bytes, rtvia->rtvia_addr, addr_size(rtvia->rtvia_family));
	return addr;
}

/* found: all but `via`, which each hop has. */
static void see_multipath(struct look *look, struct nlattr *multipath, enum family family,
			  struct gateway_fact found)
{
	struct rtnexthop *hop = nla_data(multipath);
	int left = nla_len(multipath);

	while (left >= (int)sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
	       hop->rtnh_len <= left) {
		struct nlattr *tb[RTA_MAX + 1];

		if (nla_parse(tb, RTA_MAX, (struct nlattr *)RTNH_DATA(hop),
			      (int)(hop->rtnh_len - sizeof(*hop)), NULL) == 0) {
			found.via = attrs_via(tb[RTA_GATEWAY], tb[RTA_VIA], family_af(family));
			see_gateway(look, hop->rtnh_ifindex, family, found);
		}
		left -= (int)NLMSG_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

static int remember_nexthop(struct look *look, uint32_t id, enum family family,
			    struct gateway_fact found)
{
	struct unresolved *v;

	v = reallocarray(look->unresolved, look->n_unresolved + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	look->unresolved = v;
	v[look->n_unresolved++] = (struct unresolved){ id, found.metric, found.source, family };
	return 0;
}

static int on_route(struct nlmsghdr *message, void *arg)
{
	struct rtmsg *info = nlmsg_data(message);
	enum family family = info->rtm_family == AF_INET ? IPV4 : IPV6;
	struct nlattr *tb[RTA_MAX + 1];
	struct gateway_fact found = { .present = true };
	struct look *look = arg;

	/* Other routes over the link are passed over unparsed. */
	if (message->nlmsg_type != RTM_NEWROUTE || info->rtm_dst_len != 0 ||
	    info->rtm_type != RTN_UNICAST || info->rtm_protocol == RTPROT_MWAN ||
	    info->rtm_table != RT_TABLE_MAIN)
		return 0;
	if (nlmsg_parse(message, sizeof(*info), tb, RTA_MAX, NULL) < 0)
		return 0;

	found.metric = tb[RTA_PRIORITY] ? nla_get_u32(tb[RTA_PRIORITY]) : 0;
	found.source = netlink_addr(tb[RTA_PREFSRC], info->rtm_family);
	if (tb[RTA_MULTIPATH]) {
		see_multipath(look, tb[RTA_MULTIPATH], family, found);
	} else if (tb[RTA_OIF]) {
		found.via = attrs_via(tb[RTA_GATEWAY], tb[RTA_VIA], info->rtm_family);
		see_gateway(look, nla_get_u32(tb[RTA_OIF]), family, found);
	} else if (tb[RTA_NH_ID]) {
		return remember_nexthop(look, nla_get_u32(tb[RTA_NH_ID]), family, found);
	}
	return 0;
}

/*
 * Routes over nexthop objects name their gateways themselves, unless
 * net.ipv4.nexthop_compat_mode is 0.
 */
struct nexthop_request {
	struct look *look;
	const struct unresolved *route;
	uint32_t members[64];
	size_t n_members;
};

static int on_nexthop(struct nlmsghdr *message, void *arg)
{
	struct nhmsg *info = nlmsg_data(message);
	struct nexthop_request *request = arg;
	struct nlattr *tb[NHA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWNEXTHOP ||
	    nlmsg_parse(message, sizeof(*info), tb, NHA_MAX, NULL) < 0)
		return 0;
	if (tb[NHA_GROUP]) {
		struct nexthop_grp *group = nla_data(tb[NHA_GROUP]);

		for (size_t i = 0; i < nla_len(tb[NHA_GROUP]) / sizeof(*group) &&
				   request->n_members < ARRAY_SIZE(request->members);
		     i++)
			request->members[request->n_members++] = group[i].id;
	} else if (tb[NHA_OIF]) {
		struct gateway_fact found = {
			.present = true,
			.via = netlink_addr(tb[NHA_GATEWAY], info->nh_family),
			.source = request->route->source,
			.metric = request->route->metric,
		};

		see_gateway(request->look, nla_get_u32(tb[NHA_OIF]), request->route->family, found);
	}
	return 0;
}

static int get_nexthop(struct nexthop_request *request, uint32_t id)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEXTHOP, 0);
	struct nhmsg header = {};

	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_u32(msg, NHA_ID, id) < 0)
		return -ENOMEM;
	int r = netlink_get(request->look->sk, msg, on_nexthop, request);

	return r == -ENOENT ? 0 : r; /* gone meanwhile, and so is its route */
}

static int resolve_nexthop(struct look *look, const struct unresolved *route)
{
	struct nexthop_request request = { .look = look, .route = route };
	int r = get_nexthop(&request, route->id);

	for (size_t i = 0; i < request.n_members && r == 0; i++)
		r = get_nexthop(&request, request.members[i]);
	return r;
}

/* True when no other machine can have the address: it is ours, or one of a prefix's ends. */
static bool is_nobodys(const struct facts *facts, const struct link_fact *link, struct addr addr)
{
	for (size_t i = 0; i < facts->n_wans; i++)
		if (link_has_address(&facts->wans[i].link, addr))
			return true;
	for (size_t i = 0; i < link->n_addresses; i++) {
		struct prefix at = link->addresses[i];

		if (addr.family == AF_INET && at.len <= 30 && prefix_contains(at, addr) &&
		    !prefix_has_host(at, addr))
			return true;
	}
	return link_has_address(&facts->lan, addr);
}

static void see_fixed_gateway(struct look *look, size_t wan, enum family family)
{
	const struct wan_conf *conf = &look->config->wans[wan];
	struct wan_facts *fact = &look->facts->wans[wan];

	if (conf->gateway_mode[family] != GATEWAY_FIXED || !fact->link.up)
		return;
	/* The kernel refuses such a gateway only sometimes, depending on the table. */
	if (is_nobodys(look->facts, &fact->link, conf->gateway[family]))
		log_event(LOG_WARNING, "gateway",
			  "%s: gateway%c can't be %s: it is no other machine's", conf->name,
			  family == IPV4 ? '4' : '6', addr_str(conf->gateway[family]).s);
	else
		fact->gateway[family] = (struct gateway_fact){
			.present = true,
			.via = conf->gateway[family],
		};
}

static bool is_unique_local(struct addr addr)
{
	return addr.family == AF_INET6 && (addr.bytes[0] & 0xfe) == 0xfc;
}

static unsigned rank(const struct candidate *candidate, const struct gateway_fact *gateway)
{
	struct addr addr = candidate->at.addr;

	if (gateway->present && addr_cmp(gateway->source, addr) == 0)
		return 4;
	if (gateway->present && gateway->via.family == addr.family &&
	    prefix_contains(candidate->at, gateway->via))
		return 3;
	return is_unique_local(addr) ? 1 : 2;
}

static void choose_source(struct look *look, struct wan_facts *wan, enum family family)
{
	unsigned best = 0;

	for (size_t i = 0; i < look->n_candidates; i++) {
		const struct candidate *candidate = &look->candidates[i];
		unsigned now = rank(candidate, &wan->gateway[family]);

		if (candidate->link != &wan->link ||
		    candidate->at.addr.family != family_af(family) || now <= best)
			continue;
		best = now;
		wan->link.source[family] = candidate->at.addr;
	}
}

/*
 * Link by link, because the kernel passes over what leads elsewhere much faster
 * than it can tell of it: a full table costs next to nothing.
 */
static int dump_routes(struct look *look, unsigned oif)
{
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		_cleanup_(nl_msg_freep) struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, 0);
		struct rtmsg header = {
			.rtm_family = family_af(family),
			.rtm_table = RT_TABLE_MAIN,
			.rtm_type = RTN_UNICAST,
		};

		if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
		    nla_put_u32(msg, RTA_OIF, oif) < 0)
			return -ENOMEM;
		r = netlink_dump_msg(look->sk, msg, on_route, look);
		if (r == -ENODEV) /* the link is gone meanwhile */
			r = -EAGAIN;
	}
	return r;
}

static int dump_all(struct look *look)
{
	struct ifinfomsg links = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	int r;

	r = netlink_dump(look->sk, RTM_GETLINK, &links, sizeof(links), on_link, look);
	if (r == 0)
		r = netlink_dump(look->sk, RTM_GETADDR, &addresses, sizeof(addresses), on_address,
				 look);
	for (size_t i = 0; i < look->facts->n_wans && r == 0; i++)
		if (look->facts->wans[i].link.link.index)
			r = dump_routes(look, look->facts->wans[i].link.link.index);
	for (size_t i = 0; i < look->n_unresolved && r == 0; i++)
		r = resolve_nexthop(look, &look->unresolved[i]);
	return r;
}

int observe_facts(struct nl_sock *sk, const struct config *config, struct facts *ret,
		  struct fault *fault)
{
	_cleanup_(facts_done) struct facts facts = {};
	struct look look = { .config = config, .facts = &facts, .sk = sk };
	int r;

	facts.wans = calloc(config->n_wans, sizeof(*facts.wans));
	if (!facts.wans)
		return -ENOMEM;
	facts.n_wans = config->n_wans;

	r = dump_all(&look);
	for (size_t i = 0; i < config->n_wans && r == 0; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			see_fixed_gateway(&look, i, family);
			choose_source(&look, &facts.wans[i], family);
		}
	}
	free(look.unresolved);
	free(look.candidates);
	if (r < 0 && r != -EAGAIN)
		return fault_set(fault, r, "links, addresses and routes: %s", strerror(-r));
	if (r < 0)
		return r;

	*ret = TAKE(facts);
	return 0;
}
