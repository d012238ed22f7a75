// SPDX-License-Identifier: GPL-2.0-or-later
// The LD_PRELOAD library of inject: counts allocations, and lets one fail; never installed.
// It also says when the program begins, and which calls come from the same place in it.

#include "inject.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* How far up the stack a call is looked for, and how many callers tell it from others. */
#define DEPTH 160
#define CALLERS 4

static struct injection *injection;

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
	const char *path = getenv("INJECTION");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map =
		fd < 0 ? MAP_FAILED
		       : mmap(NULL, sizeof(*injection), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd >= 0)
		close(fd);
	dl_iterate_phdr(find_program, NULL);
	/* What the program starts is not meant. */
	unsetenv("LD_PRELOAD");
	unsetenv("INJECTION");
	if (map == MAP_FAILED)
		return;
	injection = map;
	__atomic_store_n(&injection->begun, 1, __ATOMIC_SEQ_CST);
}

static uint64_t site(const uintptr_t *stack)
{
	uint64_t hash = 0;

	for (int i = 0, found = 0; i < DEPTH && found < CALLERS; i++) {
		if (stack[i] < program.from || stack[i] >= program.to)
			continue;
		hash = (hash ^ stack[i]) * 0x100000001b3;
		found++;
	}
	return hash;
}

static bool fails(const uintptr_t *stack)
{
	uint32_t number;

	if (!injection || injection->kind != KIND_MEMORY)
		return false;
	number = __atomic_add_fetch(&injection->calls, 1, __ATOMIC_SEQ_CST);
	if (number <= MOST_CALLS && injection->number == 0)
		injection->sites[number - 1] = site(stack);
	if (number != injection->number)
		return false;
	injection->failed = 1;
	errno = ENOMEM;
	return true;
}

#define FAILS() fails((const uintptr_t *)__builtin_frame_address(0))

/* The C library's own names for them, as dlsym() itself needs memory. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	return FAILS() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return FAILS() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	return FAILS() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || FAILS()) {
		errno = ENOMEM;
		return NULL;
	}
	return __libc_realloc(old, bytes);
}
