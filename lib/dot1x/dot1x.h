// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The 802.1X port, which is a WAN's interface or the parent of its VLAN: which one it is, whether
 * it is authorized, and which interfaces lie behind it.
 */
#pragma once

#include "base/fault.h"
#include "base/paths.h"

#include <net/if.h>
#include <stdbool.h>

/* Units read it too. */
#define DOT1X_DEFAULTS "/etc/default/mwan"
/* Exists while the port is authenticated; wpa-action keeps it so. */
#define DOT1X_FLAG "/run/wpa_supplicant-mwan.authenticated"
/* For whoever changes what the port does, or what is kept of it. */
#define DOT1X_LOCK RUN_DIR "/wpa-action.lock"

/*
 * The port's name: given (may be NULL), else $DOT1X_INTERFACE, else what the defaults say, else
 * enatt0. 0, or -EINVAL with a fault if it is no interface name.
 */
int dot1x_port(const char *given, char ret[IFNAMSIZ], struct fault *fault);

/* What a file like the defaults sets the name to; "" if it does not. Pure. */
void dot1x_setting(const char *text, const char *name, char *ret, size_t size);

/* True when the interface is the port itself, or its VLAN: by its name PORT.N, or in the kernel. */
bool dot1x_is_behind(const char *interface, const char *port);

/*
 * Why the port that an interface is behind is not authenticated; NULL: it is behind none, or the
 * record does not say. The words are the record's.
 */
struct dot1x_record;
const struct fault *dot1x_why(const struct dot1x_record *record, const char *interface);

struct dot1x_carrier {
	bool there;	  /* the interface exists */
	bool on;	  /* it has carrier */
	long long losses; /* since the interface was made; -1: unknown */
};
struct dot1x_carrier dot1x_carrier(const char *port);

/*
 * 0 if the port has carrier and wpa_supplicant says that it is authorized; else -ENETDOWN with a
 * fault that says why not, and what to do. *carrier and *status are filled as far as it came.
 * attempt: the last one; NULL: the one that is on record.
 */
struct wpa_port;
struct attempt;
int dot1x_check(const char *port, struct dot1x_carrier *carrier, struct wpa_port *status,
		const struct attempt *attempt, struct fault *fault);

/*
 * Has wpa_supplicant begin anew, and enters in *record what comes of it. The caller holds
 * DOT1X_LOCK. The same results.
 */
int dot1x_authenticate(const char *port, struct dot1x_carrier *carrier, struct wpa_port *status,
		       struct dot1x_record *record, struct fault *fault);
