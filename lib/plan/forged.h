// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sources that no new flow from a WAN can have: those of this site, and those that the internet
 * does not have. Their packets are dropped before anything else looks at them. Pure.
 */
#pragma once

#include "model/site.h"

#include <stdio.h>

/* The chain of this site's own: inside, public, delegated. */
void forged_declare(FILE *f);
void forged_write(const struct site *site, FILE *f);

/* The rules of a WAN, for its chain of table inet mangle, which `rule` names. */
void forged_write_wan(const struct site *site, size_t wan, const char *rule, FILE *f);

/* True when a new flow from the WAN with that source is dropped by those rules. */
bool forged_is(const struct site *site, size_t wan, struct addr source);
