// SPDX-License-Identifier: GPL-2.0-or-later
// The lab's LD_PRELOAD library that lets one call of a program fail; never installed.
// A test writes into the file FAILING, which is mapped here, which call of which kind it is to be.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum failure {
	FAIL_RECEIVE = 1, /* receiving from a netlink socket fails with `error`; nothing is lost */
	FAIL_TRUNCATE,	  /* the datagram is longer than the room for it */
	FAIL_DUMP,	  /* the kernel ends a dump half-way, with `error`; not for libraries */
	FAIL_MALLOC,	  /* a call of the program itself, not of a library, gets no memory */
	FAIL_LIBRARY,	  /* a call of a library gets none, the C library's included */
};

/* failing.py has the same. */
static struct orders {
	uint32_t failure; /* 0: none */
	uint32_t error;
	uint32_t wait;	/* for so many calls of the kind, this one included */
	uint32_t times; /* so many calls fail then */
	uint32_t failed;
} * orders;

static struct range {
	uintptr_t from, to;
} program;

static int find_program(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size, (void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type != PT_LOAD || !(header->p_flags & PF_X))
			continue;
		program.from = info->dlpi_addr + header->p_vaddr;
		program.to = program.from + header->p_memsz;
	}
	return 1; /* the first one is the program */
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAILING");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED
			   : mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	dl_iterate_phdr(find_program, NULL);
	if (map != MAP_FAILED)
		orders = map;
}

static bool fails(enum failure failure)
{
	if (!orders || orders->failure != failure || orders->times == 0 || --orders->wait > 0)
		return false;
	orders->wait = 1;
	orders->times--;
	orders->failed++;
	return true;
}

static bool is_netlink(int fd)
{
	int domain = 0, error = errno;
	socklen_t size = sizeof(domain);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	errno = error;
	return domain == AF_NETLINK;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t (*real)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
	bool netlink = is_netlink(fd), asked = flags & MSG_TRUNC;
	ssize_t n;

	if (netlink && fails(FAIL_RECEIVE)) {
		errno = (int)orders->error;
		return -1;
	}
	n = real(fd, message, flags);
	if (n <= 0 || !netlink || !fails(FAIL_TRUNCATE))
		return n;
	message->msg_flags |= MSG_TRUNC;
	return asked ? 1 << 20 : n / 2;
}

/* What the kernel says at the end of a dump that fails. */
static ssize_t end_dump(struct nlmsghdr *message)
{
	int error = -(int)orders->error;

	message->nlmsg_len = NLMSG_LENGTH(sizeof(error));
	message->nlmsg_type = NLMSG_DONE;
	memcpy(NLMSG_DATA(message), &error, sizeof(error));
	return (ssize_t)message->nlmsg_len;
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *from,
		 socklen_t *from_size)
{
	struct iovec part = { data, size };
	struct msghdr message = {
		.msg_name = from,
		.msg_namelen = from_size ? *from_size : 0,
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t n = recvmsg(fd, &message, flags);

	if (n >= 0 && from_size)
		*from_size = message.msg_namelen;
	if (n > NLMSG_HDRLEN && is_netlink(fd) &&
	    (((struct nlmsghdr *)data)->nlmsg_flags & NLM_F_MULTI) && fails(FAIL_DUMP))
		return end_dump(data);
	return n;
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
	struct iovec part = { data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	return recvmsg(fd, &message, flags);
}

/* The C library's own names for them, as dlsym() itself needs memory. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static bool refuses(uintptr_t caller)
{
	bool own = caller >= program.from && caller < program.to;

	if (!fails(own ? FAIL_MALLOC : FAIL_LIBRARY))
		return false;
	errno = ENOMEM;
	return true;
}

#define CALLER ((uintptr_t)__builtin_return_address(0))

void *malloc(size_t size)
{
	return refuses(CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return refuses(CALLER) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return refuses(CALLER) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || refuses(CALLER)) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(old, bytes);
}
