/*
 * The site's own command, told of each transition of a WAN's verdict.
 *
 * It runs beside the loop, with nothing but its environment: WAN, FAMILY (ipv4 or ipv6), OLD,
 * NEW (unknown, up, down) and COUNT, the transitions that the call stands for: of a WAN and family
 * that flap, there is at most one call in a minute. After 10 seconds it is killed with
 * its process group.
 */
#pragma once

#include "select.h"

#include <systemd/sd-event.h>

struct notify;

int notify_new(sd_event *event, struct notify **ret);
void notify_free(struct notify *notify); /* commands that run are left to their end */

/* command: an absolute path; NULL: nobody is told. 0 or a negative errno. */
int notify_transition(struct notify *notify, const char *command, const char *wan,
		      enum family family, enum verdict old, enum verdict new);
