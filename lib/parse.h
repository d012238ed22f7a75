/*
 * Words of a configuration file or command line as values, one scalar at a
 * time. All return 0, or -EINVAL with *ret untouched.
 */
#pragma once

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

int parse_count(const char *text, uint32_t min, uint32_t max, uint32_t *ret);
/* A whole number and its unit, ms, s or m, as microseconds. */
int parse_duration(const char *text, uint64_t *ret);
/* 1 to 100; a % may follow. */
int parse_percent(const char *text, int *ret);
/* The kernel's rules for names, less what would need quoting in nft text. */
int parse_interface(const char *text, char ret[static IFNAMSIZ]);
/* The index in words, which NULL ends. */
int parse_word(const char *text, const char *const words[], unsigned *ret);

/*
 * The next item of a list, cut out of *rest in place and trimmed, or NULL at
 * the end. Empty items are skipped.
 */
char *parse_item(char **rest, const char *separators);

struct quoted {
	char s[80];
};

/* What somebody wrote, in double quotes, short and printable: quote(text).s */
struct quoted quote(const char *text);
