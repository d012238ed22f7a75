// SPDX-License-Identifier: GPL-2.0-or-later
// The process that libnftables runs in.
// It begins as a copy of the program, keeps one socket of all that was open, and loads the library.

#include "kernel/nft_process.h"

#include "base/fileio.h"
#include "base/library.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <signal.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* The socket's number, after those of the standard streams. */
#define OURS 3
/* Datagrams that an exchange of libnftables may leave; to list 10,000 elements takes some 100. */
#define MOST_LEFT 10000
/* So many answers in a row may be lost before the commands fail. */
#define PATIENCE 20

/* clang-format off */
#define FUNCTIONS(f) \
	f(nft_ctx_new) f(nft_ctx_free) f(nft_ctx_buffer_error) f(nft_ctx_set_output) \
	f(nft_ctx_get_error_buffer) f(nft_ctx_output_set_flags) f(nft_run_cmd_from_buffer) \
	f(nft_ctx_set_dry_run) f(nft_run_cmd_from_filename)
/* clang-format on */

/* libmnl's, which libnftables brings along. */
struct mnl_socket;
int mnl_socket_get_fd(const struct mnl_socket *socket);
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *data, size_t size);

static struct {
	struct library library;
	struct nft_ctx *ctx;
	bool has_read_files; /* it knows their definitions, and would refuse them another time */
	unsigned patience;   /* how often libnftables may ask anew */
	LIBRARY_DECLARE(mnl_socket_get_fd)
	FUNCTIONS(LIBRARY_DECLARE)
} nft;

/*
 * Takes the place of libmnl's function: the programs export it (cmd/meson.build). When an answer is
 * lost, libnftables would take what it has for all that there is, and the rest for the answer to
 * its next question, which makes it call exit(). It asks anew after EINTR, so it gets that, with
 * nothing left in the socket.
 */
ssize_t mnl_socket_recvfrom(const struct mnl_socket *socket, void *data, size_t size)
{
	int fd = nft.mnl_socket_get_fd(socket);
	ssize_t n = recv(fd, data, size, MSG_TRUNC);

	if ((n >= 0 && (size_t)n <= size) || (n < 0 && errno == EAGAIN))
		return n;
	for (int i = 0; i < MOST_LEFT && (n >= 0 || errno != EAGAIN); i++)
		n = recv(fd, data, size, MSG_DONTWAIT);
	errno = nft.patience > 0 ? EINTR : ENOBUFS;
	nft.patience -= nft.patience > 0;
	return -1;
}

int nft_send(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int nft_receive(int fd, void *data, size_t size)
{
	char *at = data;

	while (size > 0) {
		ssize_t n = recv(fd, at, size, MSG_WAITALL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 || errno == ECONNRESET ? -EPIPE : -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int load(void)
{
	if (library_open(&nft.library, "libnftables.so.1") < 0)
		return -ENOENT;
#define RESOLVE(name) LIBRARY_RESOLVE(&nft, name)
	RESOLVE(mnl_socket_get_fd)
	FUNCTIONS(RESOLVE)
	return 0;
}

/*
 * Listings are compared: leave out what counters have counted, and names of protocols, for which
 * NSS looks in a dozen files.
 */
#define OUTPUT NFT_CTX_OUTPUT_NUMERIC_PROTO
#define OUTPUT_COMPARED (OUTPUT | NFT_CTX_OUTPUT_STATELESS)

static void make_context(void)
{
	if (nft.ctx)
		nft.nft_ctx_free(nft.ctx);
	nft.ctx = nft.nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft.ctx || nft.nft_ctx_buffer_error(nft.ctx) != 0)
		_exit(NFT_EXIT_MEMORY);
	nft.has_read_files = false;
}

/* Why libnftables refuses: its first line. */
static char *refusal(int *result)
{
	static const char included[] = "In file included from ";
	const char *error = nft.nft_ctx_get_error_buffer(nft.ctx);
	char *text;

	if (!error)
		_exit(NFT_EXIT_MEMORY);
	/* The files that include it come first: skip them. */
	while (strncmp(error, included, strlen(included)) == 0 && strchr(error, '\n'))
		error = strchr(error, '\n') + 1;
	*result = strstr(error, "No such file or directory") ? -ENOENT : -EIO;
	if (asprintf(&text, "nftables: %.*s", (int)strcspn(error, "\n"),
		     *error ? error : "refused, without a reason") < 0)
		_exit(NFT_EXIT_MEMORY);
	return text;
}

static bool run(enum nft_request_kind kind, const char *text)
{
	bool ran;

	if (kind != NFT_CHECK_FILE)
		return nft.nft_run_cmd_from_buffer(nft.ctx, text) == 0;
	nft.nft_ctx_set_dry_run(nft.ctx, true);
	ran = nft.nft_run_cmd_from_filename(nft.ctx, text) == 0;
	nft.nft_ctx_set_dry_run(nft.ctx, false);
	return ran;
}

/* Returns the answer's text. Half an output is none: libnftables does not look whether it fits. */
static char *serve(enum nft_request_kind kind, const char *text, int *result)
{
	bool files = kind == NFT_RUN_FILES || kind == NFT_CHECK_FILE, ran;
	struct memory out = {};
	char *printed;

	if (!nft.ctx || (files && nft.has_read_files))
		make_context();
	nft.has_read_files |= files;
	nft.patience = PATIENCE;
	nft.nft_ctx_output_set_flags(nft.ctx, kind == NFT_RUN_COUNTED ? OUTPUT : OUTPUT_COMPARED);
	if (memory_open(&out) < 0 || !nft.nft_ctx_set_output(nft.ctx, out.f))
		_exit(NFT_EXIT_MEMORY);
	ran = run(kind, text);
	nft.nft_ctx_set_output(nft.ctx, stdout);
	/* What is done is done: of a transaction, nobody reads the output. */
	if (memory_close(&out, &printed) < 0 && ran)
		_exit(NFT_EXIT_MEMORY);
	*result = 0;
	if (ran)
		return printed;
	free(printed);
	return refusal(result);
}

static int serve_next(int fd)
{
	_cleanup_(freep) char *text = NULL, *out = NULL;
	struct nft_request request;
	struct nft_answer answer = {};
	int r = nft_receive(fd, &request, sizeof(request));

	if (r < 0)
		return r;
	text = malloc((size_t)request.length + 1);
	if (!text)
		_exit(NFT_EXIT_MEMORY);
	r = nft_receive(fd, text, request.length);
	if (r < 0)
		return r;
	text[request.length] = '\0';

	out = serve(request.kind, text, &answer.result);
	answer.length = (uint32_t)strlen(out);
	r = nft_send(fd, &answer, sizeof(answer));
	return r < 0 ? r : nft_send(fd, out, answer.length);
}

/* Keeps nothing of what the program has open, such as the lock of its run. */
static void leave_program(int fd)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "mwan-nft");
	/* They are for the program: its end is ours. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_IGN);
	if (fd != OURS && dup2(fd, OURS) < 0)
		_exit(NFT_EXIT_SOCKET);
	close_range(OURS + 1, UINT_MAX, 0);
	__fpurge(stdout);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return;
	for (int i = 0; i < OURS; i++)
		dup2(null, i);
	close(null);
}

void nft_process(int fd)
{
	struct nft_answer there;

	leave_program(fd);
	there = (struct nft_answer){ .result = load() };
	/* libnftables uses blocks of 128 KiB by the dozen: don't map each anew. */
	mallopt(M_MMAP_THRESHOLD, 1 << 24);
	mallopt(M_TRIM_THRESHOLD, 1 << 24);
	if (nft_send(OURS, &there, sizeof(there)) == 0 && there.result == 0)
		while (serve_next(OURS) == 0)
			;
	if (nft.ctx)
		nft.nft_ctx_free(nft.ctx);
	exit(0); /* a sanitizer looks then at what was not given back */
}
