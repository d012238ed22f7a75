// SPDX-License-Identifier: GPL-2.0-or-later
// One authentication, and what comes of it.
// It listens at wpa_supplicant's control socket meanwhile, and keeps the outcome in a file.

#include "dot1x/attempt.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/paths.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD RUN_DIR "/dot1x"
#define STEP_US 100000
/* wpa_supplicant waits up to two seconds before it begins. */
#define ATTEMPT_US 5000000
/* So long, an authenticator may be silent after a refusal. */
#define QUIET_S 150

static const char *const outcomes[N_ATTEMPT_OUTCOMES] = {
	[ATTEMPT_UNKNOWN] = "unknown",	   [ATTEMPT_SILENT] = "silent",
	[ATTEMPT_UNDER_WAY] = "under-way", [ATTEMPT_UNUSABLE] = "unusable",
	[ATTEMPT_UNTRUSTED] = "untrusted", [ATTEMPT_REFUSED] = "refused",
	[ATTEMPT_ACCEPTED] = "accepted",
};

static void set_outcome(struct attempt *attempt, enum attempt_outcome outcome, const char *detail)
{
	/* What comes first explains what follows, but an attempt may begin again. */
	if (attempt->outcome > ATTEMPT_UNDER_WAY && attempt->outcome < ATTEMPT_ACCEPTED)
		return;
	attempt->outcome = outcome;
	snprintf(attempt->detail, sizeof(attempt->detail), "%s", detail);
}

void attempt_note(struct attempt *attempt, const char *event)
{
	char status[64], parameter[128];

	if (strstr(event, "EAP: Failed to initialize EAP method"))
		set_outcome(attempt, ATTEMPT_UNUSABLE, "");
	event = strstr(event, "CTRL-EVENT-EAP-STATUS ");
	parameter[0] = '\0';
	if (!event || sscanf(event, "CTRL-EVENT-EAP-STATUS status='%63[^']' parameter='%127[^'\n]",
			     status, parameter) < 1)
		return;
	if (strcmp(status, "remote certificate verification") == 0) {
		if (strcmp(parameter, "success") != 0)
			set_outcome(attempt, ATTEMPT_UNTRUSTED, parameter);
	} else if (strcmp(status, "remote TLS alert") == 0) {
		set_outcome(attempt, ATTEMPT_REFUSED, parameter);
	} else if (strcmp(status, "completion") == 0) {
		set_outcome(attempt,
			    strcmp(parameter, "success") == 0 ? ATTEMPT_ACCEPTED : ATTEMPT_REFUSED,
			    "");
	} else if (attempt->outcome < ATTEMPT_UNDER_WAY) {
		set_outcome(attempt, ATTEMPT_UNDER_WAY, "");
	}
}

static void listen_to(int fd, struct attempt *attempt)
{
	char event[4096];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, event, sizeof(event) - 1, MSG_DONTWAIT)) >= 0) {
		event[n] = '\0';
		attempt_note(attempt, event);
	}
}

static bool is_open(const struct attempt *attempt, const struct wpa_port *status)
{
	return attempt->outcome <= ATTEMPT_UNDER_WAY &&
	       (strcmp(status->pae, "CONNECTING") == 0 ||
		strcmp(status->pae, "AUTHENTICATING") == 0);
}

void attempt_make(const char *port, struct wpa_port *status, struct attempt *ret)
{
	_cleanup_(closep) int fd = wpa_attach(port);
	char answer[64];

	*ret = (struct attempt){ fd >= 0 ? ATTEMPT_SILENT : ATTEMPT_UNKNOWN };
	log_event(LOG_DEBUG, EVENT_DOT1X, FIELDS(log_text("port", port)),
		  "%s: a new authentication begins", port);
	if (wpa_ask(port, "REASSOCIATE", answer, sizeof(answer)) < 0 ||
	    wpa_port_look(port, status) < 0) {
		*ret = (struct attempt){};
		return;
	}
	for (int waited = 0; waited < ATTEMPT_US && is_open(ret, status); waited += STEP_US) {
		usleep(STEP_US);
		if (wpa_port_look(port, status) < 0)
			*status = (struct wpa_port){};
		listen_to(fd, ret);
	}
	listen_to(fd, ret);
}

bool dot1x_record_read(struct dot1x_record *ret)
{
	_cleanup_(freep) char *text = NULL;
	struct dot1x_record record = {};
	char word[32], what[sizeof(record.why.text)], fix[sizeof(record.why.text)];

	if (file_read(RECORD, &text) < 0)
		return false;
	copy_value(text, "port", record.port, sizeof(record.port));
	copy_value(text, "detail", record.attempt.detail, sizeof(record.attempt.detail));
	copy_value(text, "at", word, sizeof(word));
	record.at_s = strtoull(word, NULL, 10);
	copy_value(text, "outcome", word, sizeof(word));
	for (enum attempt_outcome i = 0; i < N_ATTEMPT_OUTCOMES; i++)
		if (strcmp(word, outcomes[i]) == 0)
			record.attempt.outcome = i;
	copy_value(text, "what", what, sizeof(what));
	copy_value(text, "fix", fix, sizeof(fix));
	if (*what)
		fault_set(&record.why, 0, "%s", what);
	if (*fix)
		fault_fix(&record.why, 0, "%s", fix);
	*ret = record;
	return true;
}

int dot1x_record_write(const struct dot1x_record *record, struct fault *fault)
{
	const struct fault *why = &record->why;
	char text[2 * sizeof(why->text)];

	snprintf(text, sizeof(text), "port=%s\noutcome=%s\ndetail=%s\nat=%llu\nwhat=%.*s\nfix=%s\n",
		 record->port, outcomes[record->attempt.outcome], record->attempt.detail,
		 record->at_s, fault_what_length(why), why->text, fault_what_to_do(why));
	return file_write_if_changed(RECORD, text, fault);
}

int dot1x_record_remove(struct fault *fault)
{
	return unlink(RECORD) == 0 || errno == ENOENT ? 0 : fault_set(fault, -errno, RECORD ": %m");
}

void dot1x_record_attempt(struct dot1x_record *record, const char *port,
			  const struct attempt *attempt, unsigned long long now_s)
{
	bool same = strcmp(record->port, port) == 0;

	if (same && attempt->outcome <= ATTEMPT_SILENT &&
	    record->attempt.outcome > ATTEMPT_UNDER_WAY && now_s >= record->at_s &&
	    now_s - record->at_s < QUIET_S)
		return;
	snprintf(record->port, sizeof(record->port), "%s", port);
	record->attempt = *attempt;
	record->at_s = now_s;
}
