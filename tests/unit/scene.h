// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A site as the tests of the pure stages see it: the original's two WANs with
 * everything in order. A test changes what it is about, and asks what is desired.
 */
#pragma once

#include "plan/desired.h"
#include "plan/plan.h"
#include "plan/select.h"
#include "status/report.h"

struct scene {
	struct config config;
	struct site site; /* of that configuration; without selections until they are made */
};

enum {
	ATT,
	WEBPASS,
};

/* From the configuration of that name in tests/golden/good-config. */
void scene_make(struct scene *scene, const char *config);
void scene_done(struct scene *scene);

/* The link goes: no carrier, no addresses, no gateways, as networkd leaves it. */
void scene_cut(struct scene *scene, size_t wan);

/* The link loses its addresses. */
void scene_bare(struct scene *scene, size_t wan);

struct addr an_addr(const char *text);
struct prefix a_prefix(const char *text);

/*
 * What a run would do in `now` when the last one was in `before` (NULL: an empty kernel with
 * the base ruleset), as --dry-run prints it. Owned by the caller.
 */
char *scene_plan(const struct scene *before, const struct scene *now);

/*
 * Compares with tests/golden/FOLDER/NAME.txt; with MWAN_UPDATE_GOLDEN=1 the file is
 * written instead. Takes over the text.
 */
void expect_golden(const char *folder, const char *name, char *text);
