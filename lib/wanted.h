/*
 * Everything that this site wants in the kernel, as one value. Pure: the same
 * configuration, facts, prefixes and verdicts always want the same.
 */
#pragma once

#include "desired_net.h"
#include "desired_nft.h"

struct wanted {
	struct selection selections[N_FAMILIES];
	struct selection unmapped4; /* of IPv4 sources without a map: WANs that masquerade */
	struct object_set objects;
	struct nft_texts texts;
};

/* 0 or -ENOMEM. */
int wanted_make(const struct config *config, const struct facts *facts, const struct npt_state *npt,
		const struct verdicts *verdicts, struct wanted *ret);
void wanted_done(struct wanted *wanted);
