// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything that is desired in the kernel for a site, as one value. Pure: the same site always
 * gives the same.
 */
#pragma once

#include "plan/desired_net.h"
#include "plan/desired_nft.h"

struct desired {
	struct object_set objects;
	struct nft_texts texts;
};

/* 0 or -ENOMEM. */
int desired_make(const struct site *site, struct desired *ret);
void desired_done(struct desired *desired);
