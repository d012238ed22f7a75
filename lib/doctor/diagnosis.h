// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the doctor has found, for somebody who has just been woken up: what is so, what to do about
 * it, and which finding explains which. Pure.
 */
#pragma once

#include "base/family.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stdio.h>

enum severity {
	FINDING_GOOD,
	FINDING_NOTE,  /* works, but not as it could, or can't be looked at from here */
	FINDING_WRONG, /* something does not work, or will not after the next event */
};

/* What a finding is about; {}: the whole machine. */
struct about {
	int subject;	   /* ABOUT_… */
	unsigned families; /* bit i: enum family i; 0: both */
};
enum { ABOUT_MACHINE, ABOUT_LAN, ABOUT_WAN /* and those after it: the WAN's index is added */ };

struct finding {
	enum severity severity;
	const char *topic; /* of the check, "links"; not owned */
	const char *kind;  /* what it is, however it is worded: "link-down"; not owned */
	struct about about;
	char *text; /* owned; one line: what is so, and where; needs no topic to be understood */
	const char *fix; /* in text's memory; one line: what mends it; NULL: nothing is known */
};

struct diagnosis {
	struct finding *v; /* owned, in the order found */
	size_t n;
	const char *topic;  /* of what is added next */
	struct about about; /* of the one that is added next */
	int r;		    /* -ENOMEM: memory has run out, and nothing was added since; else 0 */
};

/*
 * Adds a finding; what to do about it may follow after a newline. FINDING_GOOD says what was
 * looked at, unless its topic has a finding already. A new kind that explains others, or that
 * others explain, needs a line in causes.c.
 */
void diagnosis_add(struct diagnosis *diagnosis, enum severity severity, const char *kind,
		   const char *format, ...) _printf_(4, 5);
#define diagnosis_wrong(diagnosis, kind, ...)                                                      \
	diagnosis_add(diagnosis, FINDING_WRONG, kind, __VA_ARGS__)
#define diagnosis_note(diagnosis, kind, ...)                                                       \
	diagnosis_add(diagnosis, FINDING_NOTE, kind, __VA_ARGS__)
#define diagnosis_good(diagnosis, ...) diagnosis_add(diagnosis, FINDING_GOOD, "good", __VA_ARGS__)

/* Adds a fault as something wrong, with its fix. who: whose it is, "att"; NULL: it says so. */
void diagnosis_fault(struct diagnosis *diagnosis, const char *kind, const char *who,
		     const struct fault *fault);

/*
 * Whom a finding is about, where it is not the whole machine: these stand in place of the diagnosis
 * in a call above, for that call only. family: N_FAMILIES: both.
 */
struct diagnosis *about_subject(struct diagnosis *diagnosis, int subject, enum family family);
static inline struct diagnosis *about_wan(struct diagnosis *diagnosis, size_t wan,
					  enum family family)
{
	return about_subject(diagnosis, ABOUT_WAN + (int)wan, family);
}
static inline struct diagnosis *about_lan(struct diagnosis *diagnosis)
{
	return about_subject(diagnosis, ABOUT_LAN, N_FAMILIES);
}

/* True when the topic has a finding already. */
bool diagnosis_has_topic(const struct diagnosis *diagnosis);

bool diagnosis_is_good(const struct diagnosis *diagnosis); /* nothing wrong; notes are allowed */

/*
 * Root causes first, then other faults, then notes; a last line sums up. Briefly, they are at most
 * a screen of 80 columns, without what follows from a cause and without what is good. Verbosely,
 * each is a line of its own, with its topic, and nothing is left out. 0 or -ENOMEM.
 */
int diagnosis_print(const struct diagnosis *diagnosis, bool verbose, FILE *f);

void diagnosis_done(struct diagnosis *diagnosis);

/* Things in a line, "att enatt0.3242, webpass enwebpass0": what does not fit is cut off. */
struct enumeration {
	char s[1024];
};
void enumerate(struct enumeration *things, const char *format, ...) _printf_(2, 3);
