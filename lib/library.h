/*
 * Shared libraries that are loaded when they are needed: they and what they bring
 * along take longer to load than most runs of mwan take altogether.
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

/* Once loaded, it stays: there is nothing to gain, and what it leaks could not be named. */
static inline int library_open(struct library *library, const char *soname)
{
	library->handle = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);
	return library->handle ? 0 : -ENOENT;
}
