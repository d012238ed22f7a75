// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel that answers by netlink with what an input holds: whatever is asked for, it sends all of
 * the input's messages, and DONE. Parsers have to pick what is theirs, so an input is a whole
 * state: links, addresses, routes and rules together.
 *
 * The number of a message in the input, nlmsg_seq, is 0 for an answer to the request, else it
 * stays.
 */
#pragma once

#include "fuzz.h"

struct nl_sock;

void nlbag_fill(const uint8_t *data, size_t size);
/* A socket that is never sent to; it is not the caller's. */
struct nl_sock *nlbag_socket(void);
/* The messages are there without a request, for who receives what is reported. */
void nlbag_report(void);
