// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libnftables, in a process of its own: it ends the process that uses it when memory runs out, or
 * crashes. Only nft.c starts this process and talks to it, over a pair of sockets: a request and
 * its text, then an answer and its text.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum nft_request_kind {
	NFT_RUN,	 /* commands; the answer is what they print */
	NFT_RUN_COUNTED, /* the same, and listings have what counters have counted */
	NFT_RUN_FILES,	 /* commands that include files */
	NFT_CHECK_FILE,	 /* a path: what it would do is checked, and nothing changes */
};

struct nft_request {
	uint32_t kind; /* enum nft_request_kind */
	uint32_t length;
};

struct nft_answer {
	int32_t result; /* 0 or a negative errno; then the text says why */
	uint32_t length;
};

/* How it ends by itself. libnftables has the same two. */
#define NFT_EXIT_MEMORY 2
#define NFT_EXIT_SOCKET 3

/* Sends all or receives all. 0; -EPIPE: the other end has gone; or a negative errno. */
int nft_send(int fd, const void *data, size_t size);
int nft_receive(int fd, void *data, size_t size);

/*
 * The process, from its first line to its last: answers first whether libnftables is there, then
 * each request, until the other end is closed. It ends with its parent.
 */
void nft_process(int fd);
