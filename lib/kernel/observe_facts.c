// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel says of the site's links: their state, addresses and sources.
// Links and addresses come whole; sources are chosen from what was seen.

#include "kernel/observe_facts.h"

#include "base/machine.h"
#include "kernel/observe_directs.h"
#include "kernel/observe_gateways.h"
#include "model/conflict.h"
#include "model/source.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

struct facts_dump {
	const struct config *config;
	struct facts *facts;
	/* Addresses from which one can send to the internet; sources are chosen from them. */
	struct facts_candidate {
		const struct link_fact *link;
		struct source_candidate source;
	} * candidates;
	size_t n_candidates;
};

static struct link_fact *link_by_name(struct facts_dump *dump, const char *name)
{
	size_t n_wans = dump->facts->n_wans;

	if (strcmp(name, dump->config->lan.written) == 0)
		return &dump->facts->lan;
	for (size_t i = 0; i < n_wans; i++)
		if (strcmp(name, dump->config->wans[i].written) == 0)
			return &dump->facts->wans[i].link;
	return NULL;
}

/* A section has the link already: another one can't have it by another of its names. */
static void note_taken(const struct facts_dump *dump, const struct link_fact *owner,
		       struct link_fact *link)
{
	const struct facts *facts = dump->facts;

	if (owner == &facts->lan)
		snprintf(link->taken_by, sizeof(link->taken_by), "[lan]");
	for (size_t i = 0; i < facts->n_wans; i++)
		if (owner == &facts->wans[i].link)
			snprintf(link->taken_by, sizeof(link->taken_by), "[wan %s]",
				 dump->config->wans[i].name);
}

static struct link_fact *link_of(struct facts_dump *dump, const struct netlink_names *names)
{
	struct link_fact *link = NULL;

	for (size_t i = 0; i < names->n; i++) {
		struct link_fact *named = link_by_name(dump, names->v[i]);

		if (link && named)
			note_taken(dump, link, named);
		else if (named)
			link = named;
	}
	return link;
}

/* What net.ipv6.conf says of the link, and comes with it. */
static void read_inet6(struct nlmsghdr *message, struct link_fact *link)
{
	const int32_t *values = netlink_inet6_conf(message);

	if (!values)
		return;
	link->prefers_temporary = values[DEVCONF_USE_TEMPADDR] > 1;
	/* Of router advertisements. */
	if (values[DEVCONF_MTU6] > 0 && (unsigned)values[DEVCONF_MTU6] < link->mtu[IPV6])
		link->mtu[IPV6] = values[DEVCONF_MTU6];
}

/* What net.ipv4.conf says of it. */
static void read_inet4(struct nlmsghdr *message, struct link_fact *link)
{
	const uint32_t *values = netlink_inet4_conf(message);

	link->unmarked_check = values && values[IPV4_DEVCONF_SRC_VMARK - 1] == 0;
}

static int on_link(struct nlmsghdr *message, void *arg)
{
	struct ifinfomsg *info = nlmsg_data(message);
	struct netlink_names names = netlink_link_names(message);
	struct nlattr *mtu = nlmsg_find_attr(message, sizeof(*info), IFLA_MTU);
	struct facts_dump *dump = arg;
	struct link_fact *link;

	if (message->nlmsg_type != RTM_NEWLINK)
		return 0;
	observe_direct_link(dump->config, message, &names, dump->facts);
	link = link_of(dump, &names);
	if (!link)
		return 0;

	link->link.index = info->ifi_index;
	snprintf(link->link.name, sizeof(link->link.name), "%s", names.v[0]);
	if (mtu)
		link->mtu[IPV4] = link->mtu[IPV6] = netlink_u32(mtu);
	read_inet4(message, link);
	read_inet6(message, link);
	link->up = info->ifi_flags & IFF_UP;
	/* RUNNING, not LOWER_UP: a link that waits for 802.1X is dormant. */
	link->carrier = info->ifi_flags & IFF_RUNNING;
	return 0;
}

static int on_address(struct nlmsghdr *message, void *arg)
{
	struct ifaddrmsg *info = nlmsg_data(message);
	struct nlattr *tb[IFA_MAX + 1];
	struct facts_dump *dump = arg;
	struct link_fact *link;
	struct facts_candidate candidate;
	struct prefix at;
	uint32_t flags;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return 0;
	link = facts_link(dump->facts, info->ifa_index);
	if (!link || nlmsg_parse(message, sizeof(*info), tb, IFA_MAX, NULL) < 0)
		return 0;
	candidate.link = link;
	link->inet6 |= info->ifa_family == AF_INET6;
	/* IFA_ADDRESS is the peer on point-to-point links; ours is IFA_LOCAL. */
	at.addr = netlink_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], info->ifa_family);
	if (tb[IFA_PROTO] && netlink_u8(tb[IFA_PROTO]) == RTPROT_MWAN)
		return APPEND(link->own, link->n_own, at.addr);
	if (info->ifa_scope == RT_SCOPE_UNIVERSE)
		link->n_global[family_of_af(info->ifa_family)]++;
	at.len = info->ifa_prefixlen;
	if (!at.addr.family || addr_is_linklocal(at.addr))
		return 0;

	if (APPEND(link->addresses, link->n_addresses, at) < 0)
		return -ENOMEM;
	flags = tb[IFA_FLAGS] ? netlink_u32(tb[IFA_FLAGS]) : info->ifa_flags;
	if (info->ifa_scope != RT_SCOPE_UNIVERSE || (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
		return 0;
	candidate.source = (struct source_candidate){
		.at = at,
		.dynamic = !(flags & IFA_F_PERMANENT),
		.deprecated = flags & IFA_F_DEPRECATED,
		.temporary = info->ifa_family == AF_INET6 && (flags & IFA_F_TEMPORARY) &&
			     link->prefers_temporary,
	};
	return APPEND(dump->candidates, dump->n_candidates, candidate);
}

/* ---- sources ---- */

static void choose_source(const struct facts_dump *dump, struct wan_facts *wan, enum family family)
{
	unsigned best = 0;

	for (size_t i = 0; i < dump->n_candidates; i++) {
		const struct facts_candidate *candidate = &dump->candidates[i];
		unsigned rank = source_rank(&candidate->source, &wan->gateway[family]);

		if (candidate->link != &wan->link ||
		    candidate->source.at.addr.family != family_af(family) || rank <= best)
			continue;
		best = rank;
		wan->link.source[family] = candidate->source.at.addr;
		wan->link.sole[family] =
			wan->link.n_global[family] == 1 && !candidate->source.deprecated;
	}
}

int observe_facts(struct nl_sock *sk, const struct config *config,
		  const struct router_opinions *opinions, struct facts *ret, struct fault *fault)
{
	_cleanup_(facts_done) struct facts facts = {};
	struct facts_dump dump = { .config = config, .facts = &facts };
	struct ifinfomsg links = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	int r;

	r = facts_new(config, &facts);
	if (r < 0)
		return r;
	facts.machine = machine_number();
	if (!facts.machine)
		return fault_set(fault, -EIO, "/etc/machine-id can't be read");

	r = netlink_dump(sk, RTM_GETLINK, &links, sizeof(links), on_link, &dump);
	if (r == 0)
		r = netlink_dump(sk, RTM_GETADDR, &addresses, sizeof(addresses), on_address, &dump);
	if (r == 0)
		r = observe_gateways(sk, config, opinions, &facts);
	if (r == 0)
		r = observe_direct_routes(sk, config, &facts);
	for (size_t i = 0; i < config->n_wans && r == 0; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			choose_source(&dump, &facts.wans[i], family);
	free(dump.candidates);
	if (r == -EAGAIN)
		return r;
	if (r < 0)
		return fault_set(fault, r, "links, addresses and routes: %s", strerror(-r));
	facts_refuse_inside(config, &facts);
	*ret = TAKE(facts);
	return 0;
}
