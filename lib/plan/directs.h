// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is desired for the networks of [direct] sections: they are reached over an interface that is
 * no WAN, and never over one, also while that interface is gone. Pure.
 */
#pragma once

#include "model/object.h"
#include "model/site.h"

#include <stdio.h>

/* Rules and routes, for the router's own packets and all others without a mark. 0 or -ENOMEM. */
int directs_net(const struct site *site, struct object_set *set);

/* The maps inet mangle direct4 and direct6: new flows from inside to these get no mark, and those
 * to a modem that of its WAN. */
void directs_declare(const struct config *config, FILE *f);
void directs_write_elements(const struct site *site, FILE *f);
/* The rules that look new flows up, in the chain of those from inside. */
void directs_write_lookup(const struct config *config, const char *rule, FILE *f);

/* The chains inet filter direct, of what is forwarded, and direct_own, of what begins here. */
void directs_write_filter(const struct config *config, FILE *f);
