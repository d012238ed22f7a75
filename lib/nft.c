#include "nft.h"

#include "library.h"
#include "nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <malloc.h>
#include <netlink/attr.h>
#include <nftables/libnftables.h>
#include <string.h>

#define FUNCTIONS(f)                                                                               \
	f(nft_ctx_new) f(nft_ctx_free) f(nft_ctx_buffer_output) f(nft_ctx_buffer_error)            \
		f(nft_ctx_get_output_buffer) f(nft_ctx_get_error_buffer)                           \
			f(nft_ctx_output_set_flags) f(nft_run_cmd_from_buffer)                     \
				f(nft_ctx_set_dry_run) f(nft_run_cmd_from_filename)

struct nft {
	struct library library;
	struct nft_ctx *ctx;
	FUNCTIONS(LIBRARY_DECLARE)
};

static int load(struct nft *nft)
{
	if (library_open(&nft->library, "libnftables.so.1") < 0)
		return -ENOENT;
#define RESOLVE(name) LIBRARY_RESOLVE(nft, name)
	FUNCTIONS(RESOLVE)
	return 0;
}

int nft_open(struct nft **ret, struct fault *fault)
{
	_cleanup_(nft_closep) struct nft *nft = calloc(1, sizeof(*nft));
	int r;

	if (!nft)
		return -ENOMEM;
	r = load(nft);
	if (r < 0)
		return fault_set(fault, r, "libnftables.so.1 is missing or too old");

	/* It takes and gives back blocks of 128 KiB by the dozen: don't map each anew. */
	mallopt(M_MMAP_THRESHOLD, 1 << 24);
	mallopt(M_TRIM_THRESHOLD, 1 << 24);

	nft->ctx = nft->nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft->ctx || nft->nft_ctx_buffer_output(nft->ctx) != 0 ||
	    nft->nft_ctx_buffer_error(nft->ctx) != 0)
		return fault_set(fault, -ENOMEM, "nftables: no context");
	/* Counters count; what they have counted is no difference. */
	nft->nft_ctx_output_set_flags(nft->ctx, NFT_CTX_OUTPUT_STATELESS);
	*ret = TAKE(nft);
	return 0;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	if (nft->ctx)
		nft->nft_ctx_free(nft->ctx);
	free(nft);
}

static int say_error(struct nft *nft, struct fault *fault)
{
	static const char included[] = "In file included from ";
	const char *error = nft->nft_ctx_get_error_buffer(nft->ctx);

	/* The file itself comes after those that lead to it. */
	while (strncmp(error, included, strlen(included)) == 0 && strchr(error, '\n'))
		error = strchr(error, '\n') + 1;
	return fault_set(fault, strstr(error, "No such file or directory") ? -ENOENT : -EIO,
			 "nftables: %.*s", (int)strcspn(error, "\n"),
			 *error ? error : "refused, without a reason");
}

int nft_run(struct nft *nft, const char *commands, char **ret, struct fault *fault)
{
	if (nft->nft_run_cmd_from_buffer(nft->ctx, commands) != 0)
		return say_error(nft, fault);
	if (ret) {
		*ret = strdup(nft->nft_ctx_get_output_buffer(nft->ctx));
		if (!*ret)
			return -ENOMEM;
	}
	return 0;
}

int nft_check_file(struct nft *nft, const char *path, struct fault *fault)
{
	int r;

	nft->nft_ctx_set_dry_run(nft->ctx, true);
	r = nft->nft_run_cmd_from_filename(nft->ctx, path);
	nft->nft_ctx_set_dry_run(nft->ctx, false);
	return r != 0 ? say_error(nft, fault) : 0;
}

static int on_generation(struct nlmsghdr *message, void *arg)
{
	struct nlattr *id = nlmsg_find_attr(message, sizeof(struct nfgenmsg), NFTA_GEN_ID);

	if (id && nla_len(id) >= 4)
		*(uint32_t *)arg = ntohl(nla_get_u32(id));
	return 0;
}

int nft_generation(struct nl_sock *nfnl, uint32_t *ret, struct fault *fault)
{
	_cleanup_(nl_msg_freep) struct nl_msg *msg = NULL;
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	int r;

	msg = nlmsg_alloc_simple(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0);
	if (!msg || nlmsg_append(msg, &header, sizeof(header), NLMSG_ALIGNTO) < 0)
		return -ENOMEM;
	r = netlink_get(nfnl, msg, on_generation, ret);
	return r < 0 ? fault_set(fault, r, "nftables: %s", strerror(-r)) : 0;
}
