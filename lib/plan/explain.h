// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a new flow would get, and why: the same decisions that the kernel makes with what is desired
 * for the site, made here for one flow. Pure.
 */
#pragma once

#include "plan/explanation.h"

/* *ret is the caller's. The site has its selections. 0 or -ENOMEM. */
int explain(const struct site *site, const struct flow_query *query, struct explanation *ret);

/* The same if the probes said that this WAN is down, and nothing else were different. */
int explain_without(const struct site *site, const struct flow_query *query, size_t wan,
		    struct explanation *ret);

/*
 * True when a new flow from inside with the same addresses and ports may get that WAN, or could by
 * a rule that asks for what is not known of it.
 */
bool explain_may_get(const struct site *site, const struct flow_query *query, size_t wan);
