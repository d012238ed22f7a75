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

/* 0 or -ENOMEM. */
int notify_new(sd_event *event, struct notify **ret);
void notify_free(struct notify *notify); /* commands that run are left to their end */

/* From now on; an absolute path that outlives its use here, or NULL: nobody is told. */
void notify_set_command(struct notify *notify, const char *command);

/*
 * A verdict has changed. The first "up" of what was unknown is not told: nothing was lost, and
 * nothing has recovered. 0 or -ENOMEM; what goes wrong with the command is logged.
 */
int notify_transition(struct notify *notify, const char *wan, enum family family, enum verdict old,
		      enum verdict new);
