// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The addresses, routes and rules that are desired for a site. Pure.
 */
#pragma once

#include "model/object.h"
#include "model/site.h"

#define PREF_MARK 100	 /* + MARK: packets of a flow */
#define PREF_SOURCE 1000 /* + MARK: the router's own packets with a WAN's address */
/*
 * What begins here skips the rule by which all goes nowhere that nftables has not seen, and no
 * other: `ip rule add` gives preferences from 32765 downwards.
 */
#define PREF_OWN 32001
#define PREF_UNSEEN 32002
#define PREF_SEEN 32003

/* 0 or -ENOMEM. */
int desired_net(const struct site *site, struct object_set *ret);

/*
 * The WAN that an `ip rule` leads the router's own packets with that source to. False, and
 * whatever WAN: none does.
 */
bool desired_source_owner(const struct site *site, struct addr addr, size_t *ret);
