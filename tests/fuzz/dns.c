// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes the answers of name servers: c-ares and what takes over its results.
// The first byte chooses the family; answers follow, each after two bytes with its length.

#include "fuzz.h"

#include "probe/resolver.h"
#include "probe/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define NAME "probe.test" /* what is asked for */

/* What is left of the input. */
static struct {
	const uint8_t *data;
	size_t size;
} input;

/* Sockets of c-ares, and whom they seem to be connected to. */
static struct dns_socket {
	int fd, peer;
	bool stream;
	union address to;
	socklen_t to_len;
} sockets[64];
static size_t n_sockets;

static struct dns_socket *find_socket(int fd)
{
	/* A number may be used again: the last one counts. */
	for (size_t i = n_sockets; i-- > 0;)
		if (sockets[i].fd == fd)
			return &sockets[i];
	return NULL;
}

int __wrap_socket(int family, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from,
			socklen_t *from_len);

int __wrap_socket(int family, int type, int protocol)
{
	int fds[2];

	if (n_sockets == ARRAY_SIZE(sockets) || socketpair(AF_UNIX, type, 0, fds) < 0) {
		errno = EMFILE;
		return -1;
	}
	sockets[n_sockets++] = (struct dns_socket){ fds[0], fds[1], (type & 0xff) == SOCK_STREAM };
	return fds[0];
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	struct dns_socket *it = find_socket(fd);

	FUZZ_CHECK(it && len <= sizeof(it->to));
	memcpy(&it->to, to, len);
	it->to_len = len;
	return 0;
}

static size_t take_answer(uint8_t *answer, size_t room)
{
	size_t n = input.size;

	if (n >= 2 && (size_t)(input.data[0] << 8 | input.data[1]) <= n - 2) {
		n = input.data[0] << 8 | input.data[1];
		input.data += 2;
		input.size -= 2;
	}
	input.data += n;
	input.size -= n;
	if (n > room)
		n = room;
	memcpy(answer, input.data - n, n);
	return n;
}

/* The answer is there at once, with the question's id. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct dns_socket *it = find_socket(fd);
	uint8_t question[1024], answer[2 + 4096];
	size_t size = 0, head, n;

	FUZZ_CHECK(it);
	head = it->stream ? 2 : 0;
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const struct iovec *part = &message->msg_iov[i];
		size_t room = sizeof(question) - size;

		memcpy(question + size, part->iov_base,
		       part->iov_len < room ? part->iov_len : room);
		size += part->iov_len < room ? part->iov_len : room;
	}
	n = take_answer(answer + head, sizeof(answer) - head);
	if (it->stream) {
		answer[0] = n >> 8;
		answer[1] = n & 0xff;
	}
	if (n >= 2 && size >= head + 2)
		memcpy(answer + head, question + head, 2);
	if (n > 0)
		(void)!send(it->peer, answer, head + n, MSG_NOSIGNAL | MSG_DONTWAIT);
	return (ssize_t)size;
}

ssize_t __wrap_recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from,
			socklen_t *from_len)
{
	struct dns_socket *it = find_socket(fd);

	FUZZ_CHECK(it);
	if (from && from_len && *from_len >= it->to_len) {
		memcpy(from, &it->to, it->to_len);
		*from_len = it->to_len;
	}
	return recv(fd, data, size, flags);
}

static void on_answered(void *query, const struct name_answer *answer)
{
	const struct probe_group *group = query;

	FUZZ_CHECK(answer->n <= NAME_ADDRS && (answer->n > 0 || *answer->why));
	for (size_t i = 0; i < answer->n; i++)
		FUZZ_CHECK(answer->addrs[i].family == family_af(group->family));
}

static void on_woken(void *arg)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct resolver_handlers handlers = { on_answered, on_woken };
	static struct resolver_library *library;
	static sd_event *event;
	struct probe_group group = { .timeout_us = 1000000 };
	struct resolver *resolver;
	struct fault fault = {};

	if (size == 0)
		return 0;
	if (!library)
		FUZZ_CHECK(resolver_library_open(&library, &fault) == 0 &&
			   sd_event_new(&event) >= 0);
	input.data = data + 1;
	input.size = size - 1;
	group.family = data[0] % N_FAMILIES;
	group.event = event;
	FUZZ_CHECK(resolver_new(library, &group, &handlers, NULL, &resolver) == 0);
	resolver_ask(resolver, NAME, &group);
	while (sd_event_run(event, 0) > 0)
		;
	FUZZ_CHECK(resolver_silence(resolver).failure != 0);
	resolver_free(resolver);
	for (size_t i = 0; i < n_sockets; i++)
		close(sockets[i].peer);
	n_sockets = 0;
	return 0;
}
