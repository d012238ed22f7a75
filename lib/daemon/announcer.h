// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Announces what the site's links answer for: each address when it comes, whoever has added it,
 * when its link gets a carrier or another hardware address, and all when the daemon starts.
 */
#pragma once

#include "kernel/claims.h"

#include <systemd/sd-event.h>

struct announcer;

/* 0 or a negative errno. */
int announcer_new(sd_event *event, struct announcer **ret);
void announcer_free(struct announcer *announcer);

/*
 * Something may have changed: looks at the kernel and announces what is new. The configuration has
 * to stay until the next call.
 */
void announcer_look(struct announcer *announcer, const struct config *config);

/* The next two are how it decides. Pure. */

/* Takes over from `before` what was told of the claims that are the same; others are due now. */
void claims_take_over(struct claims *claims, const struct claims *before, uint64_t now_us);

/*
 * The claim that is due, and has been for longest; it counts as told. NULL: none is; then *next_us
 * is when one will be, or UINT64_MAX.
 */
const struct claim *claims_next_due(struct claims *claims, uint64_t now_us, uint64_t *next_us);
