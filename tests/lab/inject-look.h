// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a system call of a traced process is about, for inject.
 */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/user.h>

/* Read and write its memory. False: there is none. */
bool peek(pid_t pid, unsigned long at, void *data, size_t size);
bool poke(pid_t pid, unsigned long at, const void *data, size_t size);

/* The error that a system call fails with; 0: it can't, or nobody looks. */
int usual_error(unsigned long number);

/* Where the data of a call that sends or receives is, and how much there is room for. */
unsigned long data_of(pid_t pid, const struct user_regs_struct *regs, size_t *size);

bool is_netlink(pid_t pid, int fd);

/* The message that the request has in it, behind the beginning of a batch; 0: it is none. */
unsigned long find_request(pid_t pid, const struct user_regs_struct *regs, struct nlmsghdr *ret);
