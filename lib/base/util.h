// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cleanup attributes, handing over ownership, arrays that grow, and the clock.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(words, args) __attribute__((format(printf, words, args)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Hands x over and leaves it empty, so that its cleanup finds nothing. */
#define TAKE(x)                                                                                    \
	({                                                                                         \
		__typeof__(x) *_take_ = &(x);                                                      \
		__typeof__(x) _it_ = *_take_;                                                      \
		*_take_ = (__typeof__(x)){ 0 };                                                    \
		_it_;                                                                              \
	})

/* Adds an element, the last argument, to the array v of n. 0, or -ENOMEM with both unchanged. */
#define APPEND(v, n, ...)                                                                          \
	({                                                                                         \
		__typeof__(v) _grown_ = reallocarray((v), (n) + 1, sizeof(*(v)));                  \
		if (_grown_) {                                                                     \
			(v) = _grown_;                                                             \
			(v)[(n)++] = __VA_ARGS__;                                                  \
		}                                                                                  \
		_grown_ ? 0 : -ENOMEM;                                                             \
	})

/* Hands the descriptor over, so that closep() finds none. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* The time in microseconds: CLOCK_REALTIME counts from 1970, the others from boot. */
static inline uint64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}
