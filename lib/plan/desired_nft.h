// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nftables objects that are desired for a site, as nft text (model/ruleset.h). Pure.
 */
#pragma once

#include "model/ruleset.h"
#include "model/site.h"

#include <stdio.h>

/*
 * The mark of packets that get none of a WAN and may be forwarded, or refused with words: they have
 * met these rules. The kernel drops what is to be forwarded with none (desired_net.h).
 */
#define MARK_SEEN 255

/* The text of each part. 0 or -ENOMEM. */
int desired_nft(const struct site *site, struct nft_texts *ret);

/* The writers of one part each. 0 or -ENOMEM; a full disk or memory also shows in f. */
int desired_filter(const struct site *site, FILE *f);
int desired_mangle(const struct site *site, FILE *f);
int desired_nat(const struct site *site, FILE *f);
int desired_nat6(const struct site *site, FILE *f);
