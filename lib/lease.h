/*
 * What a link has been given, as systemd-networkd tells it in its answer to DescribeLink.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>

struct lease {
	bool managed;	     /* a .network file matches, and networkd has begun with the link */
	bool unmanaged;	     /* none matches */
	bool refused;	     /* none matches, or networkd has given up */
	bool dhcp4;	     /* an address by DHCPv4 */
	bool bare4;	     /* a lease by DHCPv4, whose address somebody has taken away */
	bool ipv6;	     /* an address or prefix by DHCPv6 or a router's advertisement */
	char addresses[256]; /* all that are not link-local, nor somebody else's; "": none */
};

/* False when the answer makes no sense. Pure. */
bool lease_from_json(const char *json, struct lease *ret);

/* What there is to do where networkd does its part; names the interface. */
#define LEASE_SILENT                                                                               \
	"the ISP's DHCP does not answer; `journalctl -u systemd-networkd`, `tcpdump -ni %s`"

/* -ENODEV, and why networkd has not begun with a link that is there: "what is so: what to do". */
int lease_say_unmanaged(const char *interface, const struct lease *lease, struct fault *fault);
