// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is desired for the modems of WANs: each is reached over its own link, in whatever state the
 * WAN is, and over no other. Pure.
 */
#pragma once

#include "model/object.h"
#include "model/site.h"

#include <stdio.h>

/* The WAN's own address in the subnet of the modem, if it has one: to that, the modem can answer.
 */
struct addr modem_neighbour(const struct site *site, size_t wan, struct addr modem);
/* True when flows from inside to the modem can have an address that is the WAN's. */
bool modem_is_usable(const struct site *site, size_t wan, struct addr modem);

/* Routes and rules. 0 or -ENOMEM. */
int modems_net(const struct site *site, struct object_set *set);

/* Chains inet mangle modem_NAME, which give new flows the WAN's mark. */
void modems_declare(const struct config *config, FILE *f);
void modems_write_chains(const struct config *config, FILE *f);
/* The elements of the map inet mangle direct4 or direct6 that lead there. */
void modems_write_elements(const struct site *site, enum family family, FILE *f);
bool modems_have(const struct config *config, enum family family);

/* Rules of inet filter direct_own: the router's own packets leave by the modem's link. */
void modems_write_own(const struct config *config, FILE *f);

/* Rules of postrouting that show a modem the WAN's address in its subnet; ahead of all others. */
void modems_write_nat(const struct site *site, enum family family, FILE *f);
/* And of IPv4, behind those of [map4]: for sources that are in none. */
void modems_write_rest(const struct site *site, FILE *f);
/* What these have translated so is right. */
void modems_write_masqueraded(const struct site *site, FILE *f);
