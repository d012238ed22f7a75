// SPDX-License-Identifier: GPL-2.0-or-later
// nftables through libnftables, and the generation of its ruleset.
// The library runs in a process of its own; the generation is asked by netlink, without it.

#include "kernel/nft.h"

#include "base/child.h"
#include "kernel/nft_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

struct nft {
	pid_t pid; /* 0: there is no process */
	int fd;
	bool has_worked;
};

/* Ends the process, and waits for that; returns as child_wait(). */
static int end(struct nft *nft)
{
	int status;

	closep(&nft->fd);
	nft->fd = -1;
	status = nft->pid ? child_wait(nft->pid) : 0;
	nft->pid = 0;
	return status;
}

/* The process has ended where it should not, or could not be asked. */
static int fail(struct nft *nft, int r, struct fault *fault)
{
	int status = end(nft);

	if (r != -EPIPE)
		return fault_set(fault, r, "nftables: %s", strerror(-r));
	if (status == NFT_EXIT_MEMORY)
		return fault_set(fault, -ENOMEM, "nftables: libnftables had no memory");
	if (status == NFT_EXIT_SOCKET)
		return fault_set(fault, -EIO, "nftables: libnftables got no socket");
	return fault_set(fault, -EIO, "nftables: libnftables has ended, with status %d", status);
}

static int start(struct nft *nft, struct fault *fault)
{
	struct child child = { .function = nft_process };
	struct nft_answer there;
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return fault_set(fault, -errno, "nftables: %m");
	nft->fd = ends[0];
	child.out = ends[1];
	r = child_start(&child, &nft->pid);
	close(ends[1]);
	if (r < 0) {
		nft->pid = 0;
		return fail(nft, r, fault);
	}
	r = nft_receive(nft->fd, &there, sizeof(there));
	if (r < 0)
		return fail(nft, r, fault);
	if (there.result == 0)
		return 0;
	end(nft);
	return fault_set(fault, there.result, "libnftables.so.1 is missing or too old");
}

static int start_again(struct nft *nft, struct fault *fault)
{
	end(nft);
	nft->has_worked = false;
	return start(nft, fault);
}

/* A process that has waited long may be one that was killed for its memory. */
static bool is_there(const struct nft *nft)
{
	char c;

	return nft->pid && recv(nft->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

int nft_open(struct nft **ret, struct fault *fault)
{
	_cleanup_(nft_closep) struct nft *nft = calloc(1, sizeof(*nft));
	int r;

	if (!nft)
		return -ENOMEM;
	r = start(nft, fault);
	if (r < 0)
		return r;
	*ret = TAKE(nft);
	return 0;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	end(nft);
	free(nft);
}

int nft_renew(struct nft *nft, struct fault *fault)
{
	return nft->has_worked ? start_again(nft, fault) : 0;
}

static int ask(struct nft *nft, enum nft_request_kind kind, const char *text,
	       struct nft_answer *answer)
{
	struct nft_request request = { kind, (uint32_t)strlen(text) };
	int r = nft_send(nft->fd, &request, sizeof(request));

	if (r == 0)
		r = nft_send(nft->fd, text, request.length);
	return r < 0 ? r : nft_receive(nft->fd, answer, sizeof(*answer));
}

/* *ret: the output, if ret is not NULL. */
static int exchange(struct nft *nft, enum nft_request_kind kind, const char *text, char **ret,
		    struct fault *fault)
{
	_cleanup_(freep) char *out = NULL;
	struct nft_answer answer;
	int r = 0;

	if (!is_there(nft))
		r = start_again(nft, fault);
	if (r < 0)
		return r;
	nft->has_worked = true;
	r = ask(nft, kind, text, &answer);
	if (r < 0)
		return fail(nft, r, fault);
	out = malloc((size_t)answer.length + 1);
	if (!out) {
		end(nft); /* its answer is not what the next request gets */
		return -ENOMEM;
	}
	r = nft_receive(nft->fd, out, answer.length);
	if (r < 0)
		return fail(nft, r, fault);
	out[answer.length] = '\0';
	if (answer.result < 0)
		return fault_set(fault, answer.result, "%s", out);
	if (ret)
		*ret = TAKE(out);
	return 0;
}

int nft_run(struct nft *nft, const char *commands, char **ret, struct fault *fault)
{
	return exchange(nft, NFT_RUN, commands, ret, fault);
}

int nft_run_counted(struct nft *nft, const char *commands, char **ret, struct fault *fault)
{
	return exchange(nft, NFT_RUN_COUNTED, commands, ret, fault);
}

int nft_run_files(struct nft *nft, const char *commands, struct fault *fault)
{
	return exchange(nft, NFT_RUN_FILES, commands, NULL, fault);
}

int nft_check_file(struct nft *nft, const char *path, struct fault *fault)
{
	return exchange(nft, NFT_CHECK_FILE, path, NULL, fault);
}

static int on_generation(struct nlmsghdr *message, void *arg)
{
	struct nlattr *id = nlmsg_find_attr(message, sizeof(struct nfgenmsg), NFTA_GEN_ID);

	if (id)
		*(uint32_t *)arg = ntohl(netlink_u32(id));
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

bool nft_may_differ(struct nl_sock *nfnl, uint32_t generation)
{
	struct fault ignored = {};
	uint32_t now = 0;

	return nft_generation(nfnl, &now, &ignored) < 0 || now != generation;
}
