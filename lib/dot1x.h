/*
 * The 802.1X port, the parent of a WAN's VLAN: which one it is, what the kernel says of it, and
 * which interfaces lie behind it.
 */
#pragma once

#include "fault.h"

#include <net/if.h>
#include <stdbool.h>

/* What units read as well. */
#define DOT1X_DEFAULTS "/etc/default/mwan"
/* There while the port is authenticated: wpa-action sees to that. */
#define DOT1X_FLAG "/run/wpa_supplicant-mwan.authenticated"

/* `given`, or $DOT1X_INTERFACE, or what the defaults say, or enatt0. -EINVAL: no interface name. */
int dot1x_port(const char *given, char ret[IFNAMSIZ], struct fault *fault);

/* What a file like the defaults sets NAME to ("" where it does not). Pure. */
void dot1x_setting(const char *text, const char *name, char *ret, size_t size);

/* True when the interface is the port's VLAN: by its name PORT.N, or in the kernel. */
bool dot1x_is_behind(const char *interface, const char *port);

/* The port's carrier. */
struct dot1x_carrier {
	bool there; /* the interface exists */
	bool on;
	long long losses; /* how often it has been lost since the interface was made */
};
struct dot1x_carrier dot1x_carrier(const char *port);

/*
 * 0 when the port has carrier and wpa_supplicant says that it is authorized; else -ENETDOWN with
 * a fault that says why not, and what to do.
 */
struct wpa_port;
int dot1x_check(const char *port, struct dot1x_carrier *carrier, struct wpa_port *status,
		struct fault *fault);
