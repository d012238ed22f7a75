// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules that turn flows from inside round to hosts inside (model/hairpin.h). Pure.
 *
 * The destination of a first packet says which WAN is meant. The packet's mark says it to the rules
 * that translate; its flow gets none, and later packets need no rule.
 */
#pragma once

#include "model/site.h"

#include <stdio.h>

/* True where hosts inside may be reached so, by that family. */
bool hairpins_possible(const struct config *config, enum family family);

/* In table inet mangle: maps and a chain, and the rules that lead there from chain from_lan. */
void hairpins_declare(const struct config *config, FILE *f);
void hairpins_write(const struct site *site, FILE *f);
void hairpins_write_from_lan(const struct config *config, FILE *f);

/* In tables ip nat and ip6 nat: maps and chains, and the rules that lead there. */
void hairpins_declare_nat(const struct config *config, enum family family, FILE *f);
void hairpins_write_nat(const struct site *site, enum family family, FILE *f);
void hairpins_write_prerouting(const struct config *config, enum family family, FILE *f);
void hairpins_write_postrouting(const struct config *config, enum family family, FILE *f);

/* The end of chain inside or inside6 of table inet filter. */
void hairpins_write_inside(const struct config *config, enum family family, FILE *f);
