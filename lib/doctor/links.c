// SPDX-License-Identifier: GPL-2.0-or-later
// Every link of this machine, and what is odd about their hardware addresses.
// Links that stand on one another may share an address; each such stack gets one number.

#include "doctor/links.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

void links_done(struct links *links)
{
	free(links->v);
	*links = (struct links){};
}

static struct mac mac_of(const struct nlattr *attr)
{
	struct mac mac = {};

	if (attr && nla_len(attr) == sizeof(mac.bytes)) {
		mac.known = true;
		memcpy(mac.bytes, nla_data(attr), sizeof(mac.bytes));
	}
	return mac;
}

static int on_link(struct nlmsghdr *message, void *arg)
{
	struct ifinfomsg *info = nlmsg_data(message);
	struct nlattr *tb[IFLA_MAX + 1];
	struct links *links = arg;
	struct link_seen link = { .index = info->ifi_index,
				  .up = info->ifi_flags & IFF_UP,
				  .carrier = info->ifi_flags & IFF_RUNNING };

	if (message->nlmsg_type != RTM_NEWLINK || (info->ifi_flags & IFF_LOOPBACK) ||
	    nlmsg_parse(message, sizeof(*info), tb, IFLA_MAX, NULL) < 0 || !tb[IFLA_IFNAME])
		return 0;
	snprintf(link.name, sizeof(link.name), "%s", netlink_string(tb[IFLA_IFNAME]));
	/* The parent of a veth is in another namespace. */
	if (tb[IFLA_LINK] && !tb[IFLA_LINK_NETNSID])
		link.parent = netlink_u32(tb[IFLA_LINK]);
	if (tb[IFLA_MASTER])
		link.master = netlink_u32(tb[IFLA_MASTER]);
	link.mac = mac_of(tb[IFLA_ADDRESS]);
	link.permanent = mac_of(tb[IFLA_PERM_ADDRESS]);
	return APPEND(links->v, links->n, link);
}

int links_observe(struct nl_sock *sk, struct links *ret, struct fault *fault)
{
	struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	struct links links = {};
	int r = netlink_dump(sk, RTM_GETLINK, &header, sizeof(header), on_link, &links);

	if (r < 0) {
		links_done(&links);
		return fault_set(fault, r, "links: %s", strerror(-r));
	}
	*ret = links;
	return 0;
}

const struct link_seen *links_find(const struct links *links, const char *name)
{
	for (size_t i = 0; i < links->n; i++)
		if (strcmp(links->v[i].name, name) == 0)
			return &links->v[i];
	return NULL;
}

const struct link_seen *links_parent(const struct links *links, const struct link_seen *link)
{
	for (size_t i = 0; i < links->n && link->parent; i++)
		if (links->v[i].index == link->parent)
			return &links->v[i];
	return NULL;
}

struct mac_text {
	char s[18];
};

static struct mac_text mac_str(struct mac mac)
{
	struct mac_text text;
	const uint8_t *b = mac.bytes;

	snprintf(text.s, sizeof(text.s), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
		 b[4], b[5]);
	return text;
}

static bool same_mac(struct mac a, struct mac b)
{
	return a.known && b.known && memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

static bool stand_together(const struct link_seen *a, const struct link_seen *b)
{
	return a->parent == b->index || a->master == b->index;
}

/*
 * Gives all links of a stack the lowest number in it: a VLAN has its port's address, and a bridge
 * or bond that of one of its ports.
 */
static void number_stacks(struct links *links)
{
	bool changed = true;

	for (size_t i = 0; i < links->n; i++)
		links->v[i].stack = links->v[i].index;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < links->n * links->n; i++) {
			struct link_seen *a = &links->v[i / links->n];
			struct link_seen *b = &links->v[i % links->n];

			if (a->stack == b->stack || !stand_together(a, b))
				continue;
			a->stack = b->stack = a->stack < b->stack ? a->stack : b->stack;
			changed = true;
		}
	}
}

bool link_is_of_site(const struct config *config, const char *interface)
{
	return strcmp(config->lan.interface, interface) == 0 ||
	       config_wan_by_interface(config, interface);
}

static void compare(const struct link_seen *a, const struct link_seen *b,
		    const struct config *config, struct diagnosis *diagnosis)
{
	if (same_mac(a->mac, b->mac) && a->stack != b->stack &&
	    (link_is_of_site(config, a->name) || link_is_of_site(config, b->name)))
		diagnosis_note(diagnosis, "mac-twins",
			       "%s and %s have one hardware address, %s\n"
			       "on one switch, each takes the other's answers; give one of them "
			       "another in its .link file, or in the virtual machine's settings",
			       a->name, b->name, mac_str(a->mac).s);
}

void links_compare_macs(struct links *links, const struct config *config,
			struct diagnosis *diagnosis)
{
	number_stacks(links);
	for (size_t i = 0; i < links->n; i++) {
		const struct link_seen *a = &links->v[i];
		struct mac_text own = mac_str(a->permanent);

		if (config_wan_by_interface(config, a->name) && !a->parent && a->permanent.known &&
		    !same_mac(a->mac, a->permanent))
			diagnosis_note(
				diagnosis, "mac-changed",
				"%s has the address %s, its card's own is %s\n"
				"an ISP may know only the card's own, and give nothing to another; "
				"take `MACAddress=` out of its .link or .network file, then `ip "
				"link set %s address %s`",
				a->name, mac_str(a->mac).s, own.s, a->name, own.s);
		for (size_t j = i + 1; j < links->n; j++)
			compare(a, &links->v[j], config, diagnosis);
	}
}
