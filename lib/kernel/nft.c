// SPDX-License-Identifier: GPL-2.0-or-later
// nftables through libnftables, and the generation of its ruleset.
// The library is loaded with the first context; the generation is asked by netlink, without it.

#include "kernel/nft.h"

#include "base/library.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <malloc.h>
#include <netlink/attr.h>
#include <nftables/libnftables.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* Datagrams that an exchange of libnftables may leave; to list 10,000 elements takes some 100. */
#define MOST_LEFT 10000
/* So many answers in a row may be lost before the commands fail. */
#define PATIENCE 20

/* clang-format off */
#define FUNCTIONS(f) \
	f(nft_ctx_new) f(nft_ctx_free) f(nft_ctx_buffer_output) f(nft_ctx_buffer_error) \
	f(nft_ctx_get_output_buffer) f(nft_ctx_get_error_buffer) f(nft_ctx_output_set_flags) \
	f(nft_run_cmd_from_buffer) f(nft_ctx_set_dry_run) f(nft_run_cmd_from_filename)
/* clang-format on */

/* libmnl's, which libnftables brings along. */
struct mnl_socket;
int mnl_socket_get_fd(const struct mnl_socket *socket);
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *data, size_t size);

struct nft {
	struct library library;
	struct nft_ctx *ctx;
	bool has_read_files; /* it knows their definitions, and would refuse them another time */
	FUNCTIONS(LIBRARY_DECLARE)
};

static struct {
	struct library library;
	LIBRARY_DECLARE(mnl_socket_get_fd)
	unsigned patience; /* how often libnftables may ask anew */
} mnl;

/*
 * Takes the place of libmnl's function: the programs export it (cmd/meson.build). When an answer is
 * lost, libnftables would take what it has for all that there is, and the rest for the answer to
 * its next question, which makes it call exit(). It asks anew after EINTR, so it gets that, with
 * nothing left in the socket.
 */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *data, size_t size)
{
	int fd = mnl.mnl_socket_get_fd(socket);
	ssize_t n = recv(fd, data, size, MSG_TRUNC);

	if ((n >= 0 && (size_t)n <= size) || (n < 0 && errno == EAGAIN))
		return n;
	for (int i = 0; i < MOST_LEFT && (n >= 0 || errno != EAGAIN); i++)
		n = recv(fd, data, size, MSG_DONTWAIT);
	errno = mnl.patience > 0 ? EINTR : ENOBUFS;
	mnl.patience -= mnl.patience > 0;
	return -1;
}

static int load(struct nft *nft)
{
	if (library_open(&nft->library, "libnftables.so.1") < 0)
		return -ENOENT;
	mnl.library = nft->library;
	LIBRARY_RESOLVE(&mnl, mnl_socket_get_fd)
#define RESOLVE(name) LIBRARY_RESOLVE(nft, name)
	FUNCTIONS(RESOLVE)
	return 0;
}

/*
 * Listings are compared: leave out what counters have counted, and names of protocols, for which
 * NSS looks in a dozen files.
 */
#define OUTPUT NFT_CTX_OUTPUT_NUMERIC_PROTO
#define OUTPUT_COMPARED (OUTPUT | NFT_CTX_OUTPUT_STATELESS)

static int make_context(struct nft *nft, struct fault *fault)
{
	struct nft_ctx *ctx = nft->nft_ctx_new(NFT_CTX_DEFAULT);

	if (!ctx || nft->nft_ctx_buffer_output(ctx) != 0 || nft->nft_ctx_buffer_error(ctx) != 0) {
		if (ctx)
			nft->nft_ctx_free(ctx);
		return fault_set(fault, -ENOMEM, "nftables: no context");
	}
	nft->nft_ctx_output_set_flags(ctx, OUTPUT_COMPARED);
	if (nft->ctx)
		nft->nft_ctx_free(nft->ctx);
	nft->ctx = ctx;
	nft->has_read_files = false;
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

	/* libnftables uses blocks of 128 KiB by the dozen: don't map each anew. */
	mallopt(M_MMAP_THRESHOLD, 1 << 24);
	mallopt(M_TRIM_THRESHOLD, 1 << 24);

	r = make_context(nft, fault);
	if (r < 0)
		return r;
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

static int set_error(struct nft *nft, struct fault *fault)
{
	static const char included[] = "In file included from ";
	const char *error = nft->nft_ctx_get_error_buffer(nft->ctx);

	/* The files that include it come first: skip them. */
	while (strncmp(error, included, strlen(included)) == 0 && strchr(error, '\n'))
		error = strchr(error, '\n') + 1;
	return fault_set(fault, strstr(error, "No such file or directory") ? -ENOENT : -EIO,
			 "nftables: %.*s", (int)strcspn(error, "\n"),
			 *error ? error : "refused, without a reason");
}

int nft_run(struct nft *nft, const char *commands, char **ret, struct fault *fault)
{
	mnl.patience = PATIENCE;
	if (nft->nft_run_cmd_from_buffer(nft->ctx, commands) != 0)
		return set_error(nft, fault);
	if (ret) {
		*ret = strdup(nft->nft_ctx_get_output_buffer(nft->ctx));
		if (!*ret)
			return -ENOMEM;
	}
	return 0;
}

int nft_run_counted(struct nft *nft, const char *commands, char **ret, struct fault *fault)
{
	int r;

	nft->nft_ctx_output_set_flags(nft->ctx, OUTPUT);
	r = nft_run(nft, commands, ret, fault);
	nft->nft_ctx_output_set_flags(nft->ctx, OUTPUT_COMPARED);
	return r;
}

/* For commands that read files with definitions. */
static int prepare_for_files(struct nft *nft, struct fault *fault)
{
	int r = nft->has_read_files ? make_context(nft, fault) : 0;

	nft->has_read_files |= r == 0;
	return r;
}

int nft_run_files(struct nft *nft, const char *commands, struct fault *fault)
{
	int r = prepare_for_files(nft, fault);

	return r < 0 ? r : nft_run(nft, commands, NULL, fault);
}

int nft_check_file(struct nft *nft, const char *path, struct fault *fault)
{
	int r = prepare_for_files(nft, fault);

	if (r < 0)
		return r;
	mnl.patience = PATIENCE;
	nft->nft_ctx_set_dry_run(nft->ctx, true);
	r = nft->nft_run_cmd_from_filename(nft->ctx, path);
	nft->nft_ctx_set_dry_run(nft->ctx, false);
	return r != 0 ? set_error(nft, fault) : 0;
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
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	_cleanup_(nl_msg_freep) struct nl_msg *msg = netlink_message(
		NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0, &header, sizeof(header));
	int r;

	if (!msg)
		return -ENOMEM;
	r = netlink_get(nfnl, msg, on_generation, ret);
	return r < 0 ? fault_set(fault, r, "nftables: %s", strerror(-r)) : 0;
}
