// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Words of files, command lines and other programs' answers as values. parse_* returns 0, or
 * -EINVAL with *ret untouched.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole decimal number from min to max, without a sign or a leading zero. */
int parse_count(const char *text, uint32_t min, uint32_t max, uint32_t *ret);
/* A whole number and its unit, ms, s or m; *ret is in microseconds. */
int parse_duration(const char *text, uint64_t *ret);
/* 1 to 100; a % may follow. */
int parse_percent(const char *text, int *ret);
/* An interface name: the kernel's rules, without characters that nft text has to quote. */
int parse_interface(const char *text, char ret[static IFNAMSIZ]);
/* *ret is the index in words, which NULL ends. */
int parse_word(const char *text, const char *const words[], unsigned *ret);

/*
 * Cuts the next item of a list out of *rest, in place, and trims it; skips empty items. NULL at the
 * end.
 */
char *parse_item(char **rest, const char *separators);

/*
 * Answers of other programs, KEY=VALUE in each line: the value of the first line with the key, up
 * to the end of that line, or NULL.
 */
const char *find_value(const char *text, const char *key);
/* The same, copied and cut to size; "" if there is none. */
void copy_value(const char *text, const char *key, char *ret, size_t size);
/* True when the text has such a line with just this value. */
bool has_value(const char *text, const char *key, const char *value);

struct quoted {
	char s[80];
};

/* Somebody's text for a message: in double quotes, cut short, printable. Use: quote(text).s */
struct quoted quote(const char *text);
