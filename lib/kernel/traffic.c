// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel has counted for each WAN: flows, packets and bytes.
// One dump of conntrack counts flows by mark; one dump of the filter's counters finds ours by name.

#include "kernel/traffic.h"

#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <string.h>

/* A dump that a change interrupts is repeated, up to so many dumps in all. */
#define ATTEMPTS 5

struct traffic_dump {
	const struct report *report;
	struct traffic *traffic;
};

static struct traffic_family *by_mark(struct traffic_dump *dump, uint32_t mark, enum family family)
{
	for (size_t i = 0; i < dump->report->n_wans; i++)
		if (dump->report->wans[i].mark == mark)
			return &dump->traffic->wans[i][family];
	return NULL;
}

static int on_flow(struct nlmsghdr *message, void *arg)
{
	struct nfgenmsg *header = nlmsg_data(message);
	struct nlattr *mark = nlmsg_find_attr(message, sizeof(*header), CTA_MARK);
	struct traffic_family *family;

	if (!mark || (header->nfgen_family != AF_INET && header->nfgen_family != AF_INET6))
		return 0;
	family = by_mark(arg, ntohl(netlink_u32(mark)), family_of_af(header->nfgen_family));
	if (family)
		family->flows++;
	return 0;
}

static int on_counter(struct nlmsghdr *message, void *arg)
{
	struct nlattr *tb[NFTA_OBJ_MAX + 1], *data[NFTA_COUNTER_MAX + 1];
	struct traffic_family *family;
	struct counter counter;

	if (nlmsg_parse(message, sizeof(struct nfgenmsg), tb, NFTA_OBJ_MAX, NULL) < 0 ||
	    !tb[NFTA_OBJ_NAME] || !tb[NFTA_OBJ_DATA] ||
	    nla_parse_nested(data, NFTA_COUNTER_MAX, tb[NFTA_OBJ_DATA], NULL) < 0 ||
	    !counter_parse(netlink_string(tb[NFTA_OBJ_NAME]), &counter))
		return 0;
	family = by_mark(arg, counter.mark, counter.family);
	if (family)
		family->count[counter.direction] = (struct traffic_count){
			.packets = be64toh(netlink_u64(data[NFTA_COUNTER_PACKETS])),
			.bytes = be64toh(netlink_u64(data[NFTA_COUNTER_BYTES])),
		};
	return 0;
}

static int read_counters(struct nl_sock *sk, struct traffic_dump *dump)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	int r = -EAGAIN;

	for (unsigned i = 0; r == -EAGAIN && i < ATTEMPTS; i++) {
		_cleanup_(nl_msg_freep) struct nl_msg *msg = netlink_message(
			NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ, 0, &header, sizeof(header));

		if (!msg || nla_put_string(msg, NFTA_OBJ_TABLE, "filter") < 0 ||
		    nla_put_u32(msg, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER)) < 0)
			return -ENOMEM;
		r = netlink_dump_msg(sk, msg, on_counter, dump);
	}
	return r;
}

int observe_traffic(const struct report *report, struct traffic *ret, struct fault *fault)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	_cleanup_(traffic_done) struct traffic traffic = {};
	struct traffic_dump dump = { .report = report, .traffic = &traffic };
	int r;

	traffic.wans = calloc(report->n_wans ? report->n_wans : 1, sizeof(*traffic.wans));
	if (!traffic.wans)
		return -ENOMEM;
	r = netlink_open(NETLINK_NETFILTER, &sk, fault);
	if (r < 0)
		return r;

	r = conntrack_dump(sk, on_flow, &dump);
	if (r < 0)
		return fault_set(fault, r, "conntrack: %s", strerror(-r));
	r = read_counters(sk, &dump);
	if (r < 0)
		return fault_set(fault, r, "the counters of table inet filter: %s", strerror(-r));
	*ret = TAKE(traffic);
	return 0;
}
