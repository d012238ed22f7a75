// SPDX-License-Identifier: GPL-2.0-or-later
// Bob Jenkins' hash, lookup3, as the kernel computes it.
// Takes words of four bytes as this machine reads them; the last ones byte by byte, the low first.

#include "base/jhash.h"

#include <string.h>

#define INITIAL 0xdeadbeef

struct jhash_state {
	uint32_t a, b, c;
};

static uint32_t rotate(uint32_t word, unsigned by)
{
	return word << by | word >> (32 - by);
}

static uint32_t word_at(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* What there is of a word at the end; the rest is 0. */
static uint32_t rest_at(const uint8_t *at, size_t length, size_t from)
{
	uint32_t word = 0;

	for (size_t i = 0; i < 4 && from + i < length; i++)
		word |= (uint32_t)at[from + i] << 8 * i;
	return word;
}

/* One of three steps of mix(): b and c are the others, in their order. */
static void step(uint32_t *a, uint32_t *b, uint32_t *c, unsigned by)
{
	*a -= *c;
	*a ^= rotate(*c, by);
	*c += *b;
}

static void mix(struct jhash_state *s)
{
	step(&s->a, &s->b, &s->c, 4);
	step(&s->b, &s->c, &s->a, 6);
	step(&s->c, &s->a, &s->b, 8);
	step(&s->a, &s->b, &s->c, 16);
	step(&s->b, &s->c, &s->a, 19);
	step(&s->c, &s->a, &s->b, 4);
}

static void last_step(uint32_t *a, uint32_t b, unsigned by)
{
	*a ^= b;
	*a -= rotate(b, by);
}

static uint32_t finish(struct jhash_state *s)
{
	last_step(&s->c, s->b, 14);
	last_step(&s->a, s->c, 11);
	last_step(&s->b, s->a, 25);
	last_step(&s->c, s->b, 16);
	last_step(&s->a, s->c, 4);
	last_step(&s->b, s->a, 14);
	last_step(&s->c, s->b, 24);
	return s->c;
}

uint32_t jhash(const void *key, size_t length, uint32_t seed)
{
	uint32_t begin = INITIAL + (uint32_t)length + seed;
	struct jhash_state s = { begin, begin, begin };
	const uint8_t *at = key;

	if (length == 0)
		return s.c;
	for (; length > 12; length -= 12, at += 12) {
		s.a += word_at(at);
		s.b += word_at(at + 4);
		s.c += word_at(at + 8);
		mix(&s);
	}
	s.a += rest_at(at, length, 0);
	s.b += rest_at(at, length, 4);
	s.c += rest_at(at, length, 8);
	return finish(&s);
}
