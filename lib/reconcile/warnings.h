// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a run warns of: what is missing, where the run goes on without it.
 */
#pragma once

#include "model/site.h"

/* What may be about to come, as after a boot: that it is missing is no warning yet. */
struct awaited {
	bool lan;
	bool (*wans)[N_FAMILIES]; /* by the WAN's index; NULL: none */
};

/* Logs a warning for each WAN that lacks something, or that it is awaited; and for MANAGEMENT. */
void warn_of_site(const struct site *site, const struct awaited *awaited);

/* The same for the LAN, after a run. The daemon says more of it, and that it is back. */
void warn_of_lan(const struct site *site, bool awaited, bool router6_unsure);

/* The same if it is not known where downstream IPv6 goes, once OPNsense has had time to answer. */
void warn_of_router6(const struct site *site, bool awaited);
