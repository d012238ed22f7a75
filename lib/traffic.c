#include "report_show.h"

#include "nl.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <string.h>

/* The dump of counters is asked for anew that often when they change meanwhile. */
#define ATTEMPTS 5

struct look {
	const struct report *report;
	struct traffic *traffic;
};

void traffic_done(struct traffic *traffic)
{
	free(traffic->wans);
	*traffic = (struct traffic){};
}

static struct traffic_family *by_mark(struct look *look, uint32_t mark, enum family family)
{
	for (size_t i = 0; i < look->report->n_wans; i++)
		if (look->report->wans[i].mark == mark)
			return &look->traffic->wans[i][family];
	return NULL;
}

static int on_flow(struct nlmsghdr *message, void *arg)
{
	struct nfgenmsg *header = nlmsg_data(message);
	struct nlattr *mark = nlmsg_find_attr(message, sizeof(*header), CTA_MARK);
	struct traffic_family *family;

	if (!mark || (header->nfgen_family != AF_INET && header->nfgen_family != AF_INET6))
		return 0;
	family = by_mark(arg, ntohl(nla_get_u32(mark)),
			 header->nfgen_family == AF_INET ? IPV4 : IPV6);
	if (family)
		family->flows++;
	return 0;
}

static int count_flows(struct nl_sock *sk, struct look *look)
{
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	int r;

	/* Flows come and go while they are listed: the count is as good as it gets. */
	r = netlink_dump(sk, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, &header,
			 sizeof(header), on_flow, look);
	return r == -EAGAIN ? 0 : r;
}

/* What the name of a counter says after m and the mark. */
static const struct kind {
	const char *name;
	enum family family;
	bool out;
} kinds[] = {
	{ "_ipv4_out", IPV4, true },
	{ "_ipv4_in", IPV4, false },
	{ "_ipv6_out", IPV6, true },
	{ "_ipv6_in", IPV6, false },
};

/* NULL for a counter that is not one of ours. */
static const struct kind *parse_counter(const char *name, uint32_t *mark)
{
	uint64_t value = 0;

	if (*name++ != 'm')
		return NULL;
	for (; *name >= '0' && *name <= '9' && value <= UINT32_MAX; name++)
		value = value * 10 + (unsigned)(*name - '0');
	if (value > UINT32_MAX)
		return NULL;
	*mark = (uint32_t)value;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	return NULL;
}

static uint64_t read_be64(struct nlattr *attr)
{
	return attr && nla_len(attr) >= (int)sizeof(uint64_t) ? be64toh(nla_get_u64(attr)) : 0;
}

static int on_counter(struct nlmsghdr *message, void *arg)
{
	struct nlattr *tb[NFTA_OBJ_MAX + 1], *data[NFTA_COUNTER_MAX + 1];
	struct traffic_family *family;
	const struct kind *kind;
	uint32_t mark = 0;

	if (nlmsg_parse(message, sizeof(struct nfgenmsg), tb, NFTA_OBJ_MAX, NULL) < 0 ||
	    !tb[NFTA_OBJ_NAME] || !tb[NFTA_OBJ_DATA] ||
	    nla_parse_nested(data, NFTA_COUNTER_MAX, tb[NFTA_OBJ_DATA], NULL) < 0)
		return 0;
	kind = parse_counter(nla_get_string(tb[NFTA_OBJ_NAME]), &mark);
	family = kind ? by_mark(arg, mark, kind->family) : NULL;
	if (!family)
		return 0;

	*(kind->out ? &family->packets_out : &family->packets_in) =
		read_be64(data[NFTA_COUNTER_PACKETS]);
	*(kind->out ? &family->bytes_out : &family->bytes_in) = read_be64(data[NFTA_COUNTER_BYTES]);
	return 0;
}

static int dump_counters(struct nl_sock *sk, struct look *look)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	_cleanup_(nl_msg_freep) struct nl_msg *msg =
		nlmsg_alloc_simple(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ, 0);

	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put_string(msg, NFTA_OBJ_TABLE, "filter") < 0 ||
	    nla_put_u32(msg, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER)) < 0)
		return -ENOMEM;
	return netlink_dump_msg(sk, msg, on_counter, look);
}

static int read_counters(struct nl_sock *sk, struct look *look)
{
	int r = -EAGAIN;

	for (unsigned i = 0; r == -EAGAIN && i < ATTEMPTS; i++)
		r = dump_counters(sk, look);
	return r;
}

int observe_traffic(const struct report *report, struct traffic *ret, struct fault *fault)
{
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	_cleanup_(traffic_done) struct traffic traffic = {};
	struct look look = { .report = report, .traffic = &traffic };
	int r;

	traffic.wans = calloc(report->n_wans ? report->n_wans : 1, sizeof(*traffic.wans));
	if (!traffic.wans)
		return -ENOMEM;
	r = netlink_open(NETLINK_NETFILTER, &sk, fault);
	if (r < 0)
		return r;

	r = count_flows(sk, &look);
	if (r < 0)
		return fault_set(fault, r, "conntrack: %s", strerror(-r));
	r = read_counters(sk, &look);
	if (r < 0)
		return fault_set(fault, r, "the counters of table inet filter: %s", strerror(-r));
	*ret = TAKE(traffic);
	return 0;
}
