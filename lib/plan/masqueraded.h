// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which addresses a packet may have after source NAT: those of its WAN. Pure.
 */
#pragma once

#include "model/site.h"

#include <stdio.h>

/* The chain of table inet mangle for new flows over WANs that masquerade, where there are such. */
void masqueraded_declare(const struct config *config, FILE *f);
void masqueraded_write(const struct site *site, FILE *f);

/*
 * A rule for each IPv4 address that several WANs have: it accepts what leaves one of them with it.
 * The kernel's `fib` finds one interface of an address: with two like modems, the first.
 * rule: the words that it begins with.
 */
void shared_addresses_write(const struct site *site, const char *rule, FILE *f);
