// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shared libraries that are loaded only when they are needed: to load them and their own libraries
 * takes longer than most runs of mwan.
 *
 * A user lists the functions once, as a macro FUNCTIONS(f), and keeps their pointers in a
 * struct that has `struct library library;` and FUNCTIONS(LIBRARY_DECLARE).
 */
#pragma once

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

struct library {
	void *handle;
};

#define LIBRARY_DECLARE(name) __typeof__(name) *name; /* NOLINT(bugprone-macro-parentheses) */

/* Fills the pointer to one function in the struct *it, or returns -ENOSYS. */
#define LIBRARY_RESOLVE(it, name)                                                                  \
	(it)->name = (__typeof__((it)->name))dlsym((it)->library.handle, #name);                   \
	if (!(it)->name)                                                                           \
		return -ENOSYS;

/*
 * Loads the library, for the life of the process: unloading gains nothing, and would hide the names
 * in reports of leaks. 0, or -ENOENT.
 */
static inline int library_open(struct library *library, const char *soname)
{
	library->handle = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);
	return library->handle ? 0 : -ENOENT;
}
