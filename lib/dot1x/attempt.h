// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One authentication, and what comes of it. wpa_supplicant says why one has failed only while it
 * fails, to those who listen, so the outcome is kept in /run for all programs.
 */
#pragma once

#include "dot1x/wpa.h"

#include <net/if.h>
#include <stddef.h>

enum attempt_outcome {
	ATTEMPT_UNKNOWN,   /* nobody has listened */
	ATTEMPT_SILENT,	   /* no answer to EAPOL */
	ATTEMPT_UNDER_WAY, /* an answer, and no end yet */
	ATTEMPT_UNUSABLE,  /* wpa_supplicant can't use our certificate or key */
	ATTEMPT_UNTRUSTED, /* we refuse the authenticator's certificate */
	ATTEMPT_REFUSED,   /* the authenticator refuses us */
	ATTEMPT_ACCEPTED,
	N_ATTEMPT_OUTCOMES,
};

struct attempt {
	enum attempt_outcome outcome;
	char detail[128]; /* OpenSSL's or the authenticator's words; "": none */
};

/* Takes one event of wpa_supplicant's into account. Pure. */
void attempt_note(struct attempt *attempt, const char *event);

/*
 * Has wpa_supplicant begin anew, at once, and waits until that has come to something, for some
 * seconds. By itself, it waits a minute after a refusal or silence, and for ever where certificates
 * were missing. *status is what the port says then.
 */
void attempt_make(const char *port, struct wpa_port *status, struct attempt *ret);

/* Why a port is not authenticated: /run/mwan/dot1x, which exists only while it is not. */
struct dot1x_record {
	char port[IFNAMSIZ];
	struct attempt attempt;
	unsigned long long at_s; /* when that was, since boot */
	struct fault why;	 /* in words, for those who can't look themselves */
};

/* False if there is none. */
bool dot1x_record_read(struct dot1x_record *ret);
/* 0, or a negative errno with a fault. */
int dot1x_record_write(const struct dot1x_record *record, struct fault *fault);
/* The same. */
int dot1x_record_remove(struct fault *fault);

/*
 * Enters an attempt on a port. After a refusal, an authenticator answers nobody for a while, often
 * a minute: then the refusal stays.
 */
void dot1x_record_attempt(struct dot1x_record *record, const char *port,
			  const struct attempt *attempt, unsigned long long now_s);
