// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Echo requests and what comes back for them, as bytes. Pure.
 */
#pragma once

#include "config/config.h"

#include <linux/filter.h>

/* ICMP's header and 56 bytes: some providers drop IPv6 echoes of 8 bytes or less. */
#define ECHO_SIZE 64

/* Distinguishes a request from every other. An answer counts when all of it comes back. */
struct echo_key {
	uint64_t cookie; /* the machine's number, then the set's */
	uint32_t cycle;
	uint32_t target; /* its index */
	uint16_t id;	 /* the set's; the filter knows it by this */
	uint16_t seq;
};

void echo_write(enum family family, const struct echo_key *key, uint8_t packet[ECHO_SIZE]);

struct echo_answer {
	struct echo_key key;
	bool partial; /* only id and seq: routers may quote no more */
	bool error;   /* not a reply but an ICMP error that quotes the request */
	uint8_t type, code;
	struct addr destination; /* of the request in an error */
};

/* Reads what a raw socket of the family has received; false: it is neither reply nor error. */
bool echo_read(enum family family, const uint8_t *data, size_t len, struct echo_answer *ret);

/* An error for people: "no route". */
const char *echo_error(enum family family, uint8_t type, uint8_t code);

/* Lets in replies with the id and errors that quote a request with it, nothing else. */
struct echo_filter {
	struct sock_filter code[20];
};
void echo_filter_make(enum family family, uint16_t id, struct echo_filter *ret);
