// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What inject, its library inject-memory.so and injecting.py share: a file that all three map.
 * Which call is to fail, how many there were, and from where each was made.
 */
#pragma once

#include <stdint.h>

enum kind {
	KIND_SYSCALL = 1, /* it fails, and does nothing */
	KIND_MEMORY,	  /* an allocation, of the program or of any of its libraries */
	KIND_SHORT,	  /* a read or a write does one byte only */
	KIND_LOST,	  /* an answer of netlink is lost */
	KIND_REFUSED,	  /* a request by netlink is one that the kernel refuses */
	KIND_INTERRUPTED, /* the kernel says that a dump was interrupted */
	KIND_CUT,	  /* an answer of netlink is longer than the room for it */
	KIND_BROKEN,	  /* a dump ends half-way, with an error */
};

#define MOST_CALLS 65536

/* injecting.py has the same. */
struct injection {
	uint32_t kind;	 /* of the calls that are counted */
	uint32_t number; /* the one that fails, from 1; 0: none */
	uint32_t error;	 /* 0: one that fits the call */
	uint32_t begun;	 /* the program runs; what came before was loading it */
	uint32_t calls;
	uint32_t failed;
	uint32_t call; /* the number of the system call that failed */
	uint32_t pid;
	uint64_t sites[MOST_CALLS]; /* a hash of where the call was made */
};
