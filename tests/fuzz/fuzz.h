// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the fuzz targets share. Each target is one file, which hands an input to the real parser as
 * the kernel, a file or a peer would. It takes the place of functions that read (meson.build says
 * which), so that an input needs neither a kernel nor a network.
 */
#pragma once

#include "base/util.h"
#include "model/site.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a text of its own size, up to the first NUL: one byte more is read out of bounds. */
char *fuzz_text(const uint8_t *data, size_t size);

/* What must hold for each input, whatever is in it. */
#define FUZZ_CHECK(condition)                                                                      \
	do                                                                                         \
		if (!(condition))                                                                  \
			fuzz_broken(__FILE__, __LINE__, #condition);                               \
	while (0)
_Noreturn void fuzz_broken(const char *file, int line, const char *condition);

/* The files that the code under test finds; all others are missing. content: not owned; or NULL. */
struct fuzz_file {
	const char *name; /* without its folder; NULL: whatever its name is */
	const char *content;
};
void fuzz_set_files(const struct fuzz_file *files, size_t n);
/*
 * Takes a text apart, in place, and sets the files: the first one is called so, and each line
 * "== NAME" begins another one. NULL: there is no such file.
 */
void fuzz_split(char *text, const char *first);
const char *fuzz_content(const char *name);

/* A configuration from that text, as config_load() makes it: 0, or its error. Sets the files. */
int fuzz_config(const char *text, struct config *ret);
/*
 * The site of that configuration with all its links up and everything in order, decided. It
 * borrows the configuration; for site_done().
 */
void fuzz_site(const struct config *config, struct site *ret);
/* Two WANs, rules, maps and a [direct] section, for what is read beside mwan.conf. */
extern const char fuzz_usual_config[];

/* Takes what is printed, and forgets it. */
FILE *fuzz_sink(void);
