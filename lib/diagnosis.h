/*
 * What the doctor has found, in the order in which a packet meets it: lines for somebody who has
 * just been woken up, each with what to do about it. Pure.
 */
#pragma once

#include "fault.h"

#include <stdbool.h>
#include <stdio.h>

enum finding_kind {
	FINDING_GOOD,
	FINDING_NOTE,  /* works, but not as it could, or can't be looked at from here */
	FINDING_WRONG, /* something does not work, or will not after the next event */
};

struct finding {
	enum finding_kind kind;
	const char *topic; /* of the check, "links"; not owned */
	char *text;	   /* owned; one line: what is so, and where */
	char *fix;	   /* owned; one line: the command or edit that mends it; NULL if good */
};

struct diagnosis {
	struct finding *v; /* owned, in the order found */
	size_t n;
	const char *topic; /* of what is added next */
};

/* Nothing to do is a finding as well: say what was looked at. 0 or -ENOMEM. */
#define diagnosis_good(diagnosis, ...) diagnosis_add(diagnosis, FINDING_GOOD, NULL, __VA_ARGS__)

/* `fix` first, for it is short: "`networkctl reload`". 0 or -ENOMEM. */
int diagnosis_add(struct diagnosis *diagnosis, enum finding_kind kind, const char *fix,
		  const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * A line as faults word it, "what is so: what to do"; where it has no ": ", there is no fix. 0 or
 * -ENOMEM.
 */
int diagnosis_tell(struct diagnosis *diagnosis, enum finding_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

bool diagnosis_is_good(const struct diagnosis *diagnosis); /* nothing wrong; notes are allowed */

/* A line a finding, with its fix on the next one, and a last line that sums up. */
void diagnosis_print(const struct diagnosis *diagnosis, FILE *f);

void diagnosis_done(struct diagnosis *diagnosis);
