#include "nft.h"

#include "nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <string.h>

int nft_open(struct nft_ctx **ret, struct fault *fault)
{
	_cleanup_(nft_ctxp) struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

	if (!nft || nft_ctx_buffer_output(nft) != 0 || nft_ctx_buffer_error(nft) != 0)
		return fault_set(fault, -ENOMEM, "nftables: no context");
	/* Counters count; what they have counted is no difference. */
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS);
	*ret = TAKE(nft);
	return 0;
}

int nft_run(struct nft_ctx *nft, const char *commands, char **ret, struct fault *fault)
{
	int r = nft_run_cmd_from_buffer(nft, commands);
	const char *output = nft_ctx_get_output_buffer(nft);
	const char *error = nft_ctx_get_error_buffer(nft);

	if (r != 0)
		return fault_set(fault, strstr(error, "No such file or directory") ? -ENOENT : -EIO,
				 "nftables: %.*s", (int)strcspn(error, "\n"),
				 *error ? error : "refused, without a reason");
	if (ret) {
		*ret = strdup(output);
		if (!*ret)
			return -ENOMEM;
	}
	return 0;
}

static int on_generation(struct nlmsghdr *message, void *arg)
{
	struct nlattr *id = nlmsg_find_attr(message, sizeof(struct nfgenmsg), NFTA_GEN_ID);

	if (id && nla_len(id) >= 4)
		*(uint32_t *)arg = ntohl(nla_get_u32(id));
	return 0;
}

int nft_generation(uint32_t *ret, struct fault *fault)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	_cleanup_(nl_sock_freep) struct nl_sock *sk = NULL;
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	int r;

	r = netlink_open(NETLINK_NETFILTER, &sk, fault);
	if (r < 0)
		return r;
	msg = nlmsg_alloc_simple(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0);
	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	r = netlink_get(sk, msg, on_generation, ret);
	return r < 0 ? fault_set(fault, r, "nftables: %s", strerror(-r)) : 0;
}
