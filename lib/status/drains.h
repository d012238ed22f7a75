// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The WANs that somebody has taken out by hand: `health-check --drain`. They are kept on disk, so
 * that they outlive a reboot; each run goes by that file. Times are seconds since 1970.
 */
#pragma once

#include "base/paths.h"
#include "config/config.h"
#include "model/verdict.h"

/* A line for each: the WAN's name, since when, and until when. */
#define DRAINS_PATH STATE_DIR "/drained"

struct drain {
	char wan[32];
	uint64_t since, until; /* until: 0: without an end */
};

struct drains {
	struct drain *v; /* owned */
	size_t n;
};

static inline void drains_done(struct drains *drains)
{
	free(drains->v);
	*drains = (struct drains){};
}

/*
 * Lines that can't be understood, and what is no file, say nothing. 0, or a negative errno with a
 * fault when it can't be read now: it may name WANs.
 */
int drains_read(const char *path, struct drains *ret, struct fault *fault);
/* 0, or a negative errno with a fault. */
int drains_write(const struct drains *drains, const char *path, struct fault *fault);

/* The one of that WAN, or NULL. */
const struct drain *drains_find(const struct drains *drains, const char *wan);

/* Adds it, or replaces the one of that WAN, which keeps its `since`. 0 or -ENOMEM. */
int drains_set(struct drains *drains, const struct drain *drain);
/* True when there was one. */
bool drains_remove(struct drains *drains, const char *wan);
/*
 * Removes those that are over, and those of WANs that are not in the configuration; NULL: they
 * stay. True: there were any.
 */
bool drains_clean(struct drains *drains, const struct config *config, uint64_t now);

/* Says which WANs are drained at that time. */
void drains_apply(const struct drains *drains, const struct config *config, uint64_t now,
		  struct verdicts *verdicts);
