// SPDX-License-Identifier: GPL-2.0-or-later
// What the site's links answer for, as the kernel has it.
// Three dumps: the links, their addresses, and the addresses that they are a proxy for.

#include "kernel/claims.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

struct claims_dump {
	const struct config *config;
	struct claims *claims;
	/* One for each link that can tell; the address is the link-local one, if it has one. */
	struct claim *links;
	size_t n_links;
};

void claims_done(struct claims *claims)
{
	free(claims->v);
	*claims = (struct claims){};
}

static bool is_of_site(const struct config *config, const char *name)
{
	return strcmp(name, config->lan.interface) == 0 || config_wan_by_interface(config, name);
}

static int on_link(struct nlmsghdr *message, void *arg)
{
	struct ifinfomsg *info = nlmsg_data(message);
	struct claims_dump *dump = arg;
	struct nlattr *tb[IFLA_MAX + 1];
	struct claim link = { .ifindex = info->ifi_index };

	/* RUNNING: behind a link that waits for 802.1X, nobody could take notice. */
	if (message->nlmsg_type != RTM_NEWLINK || info->ifi_type != ARPHRD_ETHER ||
	    (info->ifi_flags & (IFF_UP | IFF_RUNNING | IFF_NOARP)) != (IFF_UP | IFF_RUNNING) ||
	    nlmsg_parse(message, sizeof(*info), tb, IFLA_MAX, NULL) < 0 || !tb[IFLA_IFNAME] ||
	    !is_of_site(dump->config, netlink_string(tb[IFLA_IFNAME])) || !tb[IFLA_ADDRESS] ||
	    nla_len(tb[IFLA_ADDRESS]) != sizeof(link.mac))
		return 0;
	memcpy(link.mac, nla_data(tb[IFLA_ADDRESS]), sizeof(link.mac));
	if (tb[IFLA_CARRIER_UP_COUNT])
		link.carrier_ups = netlink_u32(tb[IFLA_CARRIER_UP_COUNT]);
	return APPEND(dump->links, dump->n_links, link);
}

static struct claim *find_link(const struct claims_dump *dump, unsigned ifindex)
{
	for (size_t i = 0; i < dump->n_links; i++)
		if (dump->links[i].ifindex == ifindex)
			return &dump->links[i];
	return NULL;
}

static int add(struct claims_dump *dump, const struct claim *link, struct addr addr,
	       struct addr source, uint32_t created)
{
	struct claim claim = *link;

	claim.addr = addr;
	claim.source = source;
	claim.created = created;
	return APPEND(dump->claims->v, dump->claims->n, claim);
}

static int on_address(struct nlmsghdr *message, void *arg)
{
	struct ifaddrmsg *info = nlmsg_data(message);
	struct claims_dump *dump = arg;
	struct claim *link = find_link(dump, info->ifa_index);
	struct nlattr *tb[IFA_MAX + 1];
	const struct ifa_cacheinfo *cache;
	struct addr addr;
	uint32_t flags;

	if (message->nlmsg_type != RTM_NEWADDR || !link || info->ifa_scope >= RT_SCOPE_HOST ||
	    nlmsg_parse(message, sizeof(*info), tb, IFA_MAX, NULL) < 0)
		return 0;
	flags = tb[IFA_FLAGS] ? netlink_u32(tb[IFA_FLAGS]) : info->ifa_flags;
	addr = netlink_addr(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], info->ifa_family);
	if (!addr.family || (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)))
		return 0;
	if (addr.family == AF_INET6 && addr_is_linklocal(addr))
		link->addr = addr;
	cache = netlink_data(tb[IFA_CACHEINFO], sizeof(*cache));
	return add(dump, link, addr, addr, cache ? cache->cstamp : 0);
}

static int on_proxied(struct nlmsghdr *message, void *arg)
{
	struct ndmsg *info = nlmsg_data(message);
	struct claims_dump *dump = arg;
	struct claim *link = find_link(dump, info->ndm_ifindex);
	struct addr addr =
		netlink_addr(nlmsg_find_attr(message, sizeof(*info), NDA_DST), info->ndm_family);

	if (message->nlmsg_type != RTM_NEWNEIGH || !(info->ndm_flags & NTF_PROXY) || !link ||
	    !addr.family)
		return 0;
	return add(dump, link, addr, (struct addr){}, 0);
}

static int dump_proxied(struct nl_sock *sk, struct claims_dump *dump)
{
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		struct ndmsg header = { .ndm_family = family_af(family), .ndm_flags = NTF_PROXY };

		r = netlink_dump(sk, RTM_GETNEIGH, &header, sizeof(header), on_proxied, dump);
	}
	return r;
}

/* A provider may drop what comes from elsewhere, but not what comes from the link's own address. */
static void choose_sources(const struct claims_dump *dump)
{
	for (size_t i = 0; i < dump->claims->n; i++) {
		struct claim *claim = &dump->claims->v[i];
		const struct claim *link = find_link(dump, claim->ifindex);

		if (link && link->addr.family)
			claim->source = link->addr;
	}
}

static int compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return addr_cmp(x->addr, y->addr);
}

/* An address may be on a link twice, with two lengths. */
static void sort(struct claims *claims)
{
	size_t n = 0;

	if (claims->n == 0)
		return;
	qsort(claims->v, claims->n, sizeof(*claims->v), compare);
	for (size_t i = 1; i < claims->n; i++)
		if (compare(&claims->v[n], &claims->v[i]) != 0)
			claims->v[++n] = claims->v[i];
		else if (claims->v[n].created < claims->v[i].created)
			claims->v[n] = claims->v[i];
	claims->n = n + 1;
}

int observe_claims(struct nl_sock *sk, const struct config *config, struct claims *ret)
{
	_cleanup_(claims_done) struct claims claims = {};
	struct claims_dump dump = { .config = config, .claims = &claims };
	struct ifinfomsg links = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	int r;

	r = netlink_dump(sk, RTM_GETLINK, &links, sizeof(links), on_link, &dump);
	if (r == 0)
		r = netlink_dump(sk, RTM_GETADDR, &addresses, sizeof(addresses), on_address, &dump);
	if (r == 0)
		r = dump_proxied(sk, &dump);
	if (r == 0)
		choose_sources(&dump);
	free(dump.links);
	if (r < 0)
		return r;
	sort(&claims);
	*ret = TAKE(claims);
	return 0;
}

struct claim *claims_find(const struct claims *claims, unsigned ifindex, struct addr addr)
{
	struct claim key = { .ifindex = ifindex, .addr = addr };

	return claims->n == 0 ? NULL
			      : bsearch(&key, claims->v, claims->n, sizeof(*claims->v), compare);
}
