// SPDX-License-Identifier: GPL-2.0-or-later
// A kernel that answers by netlink with what an input holds.
// send() and recvfrom() are the functions here; what a request asks for does not matter.

#include "nlbag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/netlink.h>
#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/socket.h>

/* So many answers are sent in all; a request that is repeated for ever finds an end. */
#define MOST_ANSWERS 200

static struct {
	const uint8_t *data;
	size_t size;
	size_t at; /* what of it has been sent as answers to this request */
	uint32_t number;
	bool done;
	unsigned n_answers;
} bag;

void nlbag_fill(const uint8_t *data, size_t size)
{
	bag.data = data;
	bag.size = bag.at = size;
	bag.done = true;
	bag.n_answers = 0;
}

struct nl_sock *nlbag_socket(void)
{
	static struct nl_sock *sk;

	if (!sk)
		sk = nl_socket_alloc();
	FUZZ_CHECK(sk);
	return sk;
}

void nlbag_report(void)
{
	bag.at = 0;
	bag.done = true;
}

int __wrap_netlink_open(int protocol, struct nl_sock **ret, struct fault *fault);
char *__wrap_if_indextoname(unsigned index, char *name);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from,
			socklen_t *from_len);

int __wrap_netlink_open(int protocol, struct nl_sock **ret, struct fault *fault)
{
	*ret = nl_socket_alloc();
	FUZZ_CHECK(*ret);
	return 0;
}

/* To ask the kernel takes far longer than all the rest. */
char *__wrap_if_indextoname(unsigned index, char *name)
{
	if (index > 100)
		return NULL;
	snprintf(name, IFNAMSIZ, "link%u", index);
	return name;
}

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
	struct nlmsghdr header;

	FUZZ_CHECK(size >= sizeof(header));
	memcpy(&header, data, sizeof(header));
	FUZZ_CHECK(header.nlmsg_len == size);
	if (bag.n_answers++ > MOST_ANSWERS) {
		errno = ENOBUFS;
		return -1;
	}
	bag.number = header.nlmsg_seq;
	bag.at = 0;
	bag.done = false;
	return (ssize_t)size;
}

/* Messages of the input, as many as fit in one datagram: all of them, if their lengths are wrong.
 */
static size_t fill(uint8_t *data, size_t size)
{
	size_t n = 0;

	while (bag.at < bag.size) {
		size_t left = bag.size - bag.at, length = left;
		struct nlmsghdr header = {};

		if (left >= sizeof(header)) {
			memcpy(&header, bag.data + bag.at, sizeof(header));
			if (header.nlmsg_len >= sizeof(header) && header.nlmsg_len < left &&
			    NLMSG_ALIGN(header.nlmsg_len) < left)
				length = NLMSG_ALIGN(header.nlmsg_len);
		}
		if (length > size - n)
			length = n > 0 ? 0 : size - n;
		if (length == 0)
			break;
		memcpy(data + n, bag.data + bag.at, length);
		if (length >= sizeof(header) && header.nlmsg_seq == 0)
			memcpy(data + n + offsetof(struct nlmsghdr, nlmsg_seq), &bag.number,
			       sizeof(bag.number));
		n += length;
		bag.at += length;
	}
	return n;
}

ssize_t __wrap_recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from,
			socklen_t *from_len)
{
	struct nlmsghdr done = { .nlmsg_len = NLMSG_LENGTH(sizeof(int)),
				 .nlmsg_type = NLMSG_DONE,
				 .nlmsg_seq = bag.number };

	size_t n = done.nlmsg_len;

	ASAN_UNPOISON_MEMORY_REGION(data, size);
	if (bag.at < bag.size) {
		n = fill(data, size);
	} else if (bag.done) {
		errno = EAGAIN;
		return -1;
	} else {
		bag.done = true;
		memset(data, 0, n);
		memcpy(data, &done, sizeof(done));
	}
	/* An answer is read as far as it goes: the rest of the room is nobody's. */
	ASAN_POISON_MEMORY_REGION((char *)data + n, size - n);
	return (ssize_t)n;
}
