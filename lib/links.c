#include "links.h"

#include <errno.h>
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
				  .carrier = info->ifi_flags & IFF_RUNNING },
			 *v;

	if (message->nlmsg_type != RTM_NEWLINK || (info->ifi_flags & IFF_LOOPBACK) ||
	    nlmsg_parse(message, sizeof(*info), tb, IFLA_MAX, NULL) < 0 || !tb[IFLA_IFNAME])
		return 0;
	snprintf(link.name, sizeof(link.name), "%s", nla_get_string(tb[IFLA_IFNAME]));
	/* Of a veth, the parent is in another namespace. */
	if (tb[IFLA_LINK] && !tb[IFLA_LINK_NETNSID])
		link.parent = nla_get_u32(tb[IFLA_LINK]);
	if (tb[IFLA_MASTER])
		link.master = nla_get_u32(tb[IFLA_MASTER]);
	link.mac = mac_of(tb[IFLA_ADDRESS]);
	link.permanent = mac_of(tb[IFLA_PERM_ADDRESS]);

	v = reallocarray(links->v, links->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	links->v = v;
	v[links->n++] = link;
	return 0;
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

/* ---- hardware addresses ---- */

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

static size_t index_of(const struct links *links, unsigned ifindex)
{
	size_t i = 0;

	while (i < links->n && links->v[i].index != ifindex)
		i++;
	return i;
}

/* Both are of the lower one's stack from now on. */
static bool join(size_t *stacks, size_t a, size_t b)
{
	bool differ = stacks[a] != stacks[b];

	stacks[a] = stacks[b] = stacks[a] < stacks[b] ? stacks[a] : stacks[b];
	return differ;
}

/*
 * For each link a number that all of its stack have: a VLAN has its port's address, and a bridge or
 * bond that of one of its ports, whatever stands on it. Owned by the caller; NULL: no memory.
 */
static size_t *find_stacks(const struct links *links)
{
	size_t *stacks = calloc(links->n + 1, sizeof(*stacks));
	bool changed = stacks;

	for (size_t i = 0; stacks && i < links->n; i++)
		stacks[i] = i;
	while (changed) {
		changed = false;
		for (size_t i = 0; i < links->n; i++) {
			size_t parent = index_of(links, links->v[i].parent);
			size_t master = index_of(links, links->v[i].master);

			if (parent < links->n)
				changed |= join(stacks, i, parent);
			if (master < links->n)
				changed |= join(stacks, i, master);
		}
	}
	return stacks;
}

static bool is_wan(const struct config *config, const struct link_seen *link)
{
	return config_wan_by_interface(config, link->name);
}

static bool is_of_site(const struct config *config, const struct link_seen *link)
{
	return is_wan(config, link) || strcmp(config->lan.interface, link->name) == 0;
}

static int tell_changed(const struct link_seen *link, struct diagnosis *diagnosis)
{
	return diagnosis_tell(diagnosis, FINDING_NOTE,
			      "%s has the address %s, its card's own is %s: an ISP may know the "
			      "card alone, and give nothing to others; take `MACAddress=` out of "
			      "its .link or .network file, then `ip link set %s address %s`",
			      link->name, mac_str(link->mac).s, mac_str(link->permanent).s,
			      link->name, mac_str(link->permanent).s);
}

static int tell_twins(const struct link_seen *a, const struct link_seen *b,
		      struct diagnosis *diagnosis)
{
	return diagnosis_tell(diagnosis, FINDING_NOTE,
			      "%s and %s have one hardware address, %s: on one switch, each takes "
			      "the other's answers; give one of them another in its .link file, or "
			      "in the virtual machine's",
			      a->name, b->name, mac_str(a->mac).s);
}

int links_tell_macs(const struct links *links, const struct config *config,
		    struct diagnosis *diagnosis)
{
	_cleanup_(freep) size_t *stacks = find_stacks(links);
	int r = stacks ? 0 : -ENOMEM;

	for (size_t i = 0; i < links->n && r == 0; i++) {
		const struct link_seen *a = &links->v[i];

		if (is_wan(config, a) && !a->parent && a->permanent.known &&
		    !same_mac(a->mac, a->permanent))
			r = tell_changed(a, diagnosis);
		for (size_t j = i + 1; j < links->n && r == 0; j++) {
			const struct link_seen *b = &links->v[j];

			if (same_mac(a->mac, b->mac) && stacks[i] != stacks[j] &&
			    (is_of_site(config, a) || is_of_site(config, b)))
				r = tell_twins(a, b, diagnosis);
		}
	}
	return r;
}
