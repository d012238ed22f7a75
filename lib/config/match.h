// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which rule a new flow meets. Pure.
 */
#pragma once

#include "base/flow.h"
#include "config/config.h"

/* True when the flow has what a rule of its family asks for in that field, if anything. */
bool rule_field_matches(const struct rule_conf *rule, const struct flow *flow,
			enum rule_field field);
/* True when the flow has what the rule asks for. */
bool rule_matches(const struct rule_conf *rule, const struct flow *flow);
/* The first rule that matches, or NULL: [balance] decides. */
const struct rule_conf *rule_match(const struct config *config, const struct flow *flow);
