// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The frames that flood sends: 64 bytes of UDP, or a TCP handshake, from
 * OPNsense's side of the router to the benchmarking networks, and answers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 80

struct frame {
	size_t len;
	uint8_t align[2]; /* puts the IP header on a word's boundary */
	uint8_t data[FRAME_MAX];
};

/* What all frames are. */
extern int family;
extern uint8_t protocol;

/* The first packet of flow number id. */
void frame_build(struct frame *f, uint32_t id);

/* Turns a frame that was heard into the answer to it. */
void frame_reflect(struct frame *f);

/* Whether `data` is of our family and protocol. */
int frame_is_ours(const uint8_t *data);
