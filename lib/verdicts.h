/*
 * What the health daemon last said of each WAN, from its state file.
 */
#pragma once

#include "select.h"

/* Unknown for whatever the file does not say; one that can't be understood is a warning. */
int verdicts_read(const struct config *config, struct verdicts *ret);

static inline void verdicts_done(struct verdicts *verdicts)
{
	free(verdicts->v);
	*verdicts = (struct verdicts){};
}
