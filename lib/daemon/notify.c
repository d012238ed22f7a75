// SPDX-License-Identifier: GPL-2.0-or-later
// Runs the command of [notify] for each change.
// Each call is a child beside the loop with a time limit; what flaps shares calls.

#include "daemon/notify.h"

#include "base/child.h"
#include "base/log.h"
#include "base/util.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define TIMEOUT_US 10000000
#define QUIET_US 60000000

struct notify_subject {
	struct notify *notify;
	const char *event;
	char wan[32];
	enum family family;
	const char *old, *new;
	unsigned count;		/* changes since the last call */
	sd_event_source *quiet; /* enabled while no call may be made */
};

struct notify_call {
	struct notify_call *next, **link; /* the pointer that points here */
	char name[256];			  /* for messages */
	sd_event_source *child, *timeout;
};

struct notify {
	sd_event *event;
	const char *command;
	struct notify_subject **subjects; /* owned, each and the array */
	size_t n_subjects;
	struct notify_call *calls; /* owned */
};

static void call_free(struct notify_call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	sd_event_source_disable_unref(call->child);
	sd_event_source_disable_unref(call->timeout);
	free(call);
}

static int on_timeout(sd_event_source *source, uint64_t when, void *arg)
{
	struct notify_call *call = arg;
	pid_t pid;

	/* The child leads its group and is not reaped yet, so the number is still its own. */
	if (sd_event_source_get_child_pid(call->child, &pid) >= 0)
		kill(-pid, SIGKILL);
	log_event(LOG_WARNING, EVENT_NOTIFY_FAILED, NULL, "%s: killed after 10 s", call->name);
	return 0;
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct notify_call *call = arg;

	if (info->si_code == CLD_EXITED && info->si_status != 0)
		log_event(LOG_WARNING, EVENT_NOTIFY_FAILED, NULL, "%s: exit status %d", call->name,
			  info->si_status);
	else if (info->si_code != CLD_EXITED)
		log_event(LOG_DEBUG, EVENT_NOTIFY_FAILED, NULL, "%s: ended by signal %d",
			  call->name, info->si_status);
	call_free(call);
	return 0;
}

static int watch_over(struct notify *notify, const char *name, pid_t pid)
{
	struct notify_call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	*call = (struct notify_call){ .next = notify->calls, .link = &notify->calls };
	if (call->next)
		call->next->link = &call->next;
	notify->calls = call;
	snprintf(call->name, sizeof(call->name), "%s", name);
	r = sd_event_add_child(notify->event, &call->child, pid, WEXITED, on_exit_of_child, call);
	if (r >= 0)
		r = sd_event_add_time_relative(notify->event, &call->timeout, CLOCK_MONOTONIC,
					       TIMEOUT_US, 0, on_timeout, call);
	if (r < 0)
		call_free(call);
	return r;
}

static int on_quiet_end(sd_event_source *source, uint64_t when, void *arg);

/* Calls the command now, and not again for a minute. */
static void call_command(struct notify_subject *subject)
{
	char event[24], wan[48], family[16], old[16], new[16], count[24];
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = { event, wan, family, old, new, count, path, NULL };
	char *argv[] = { (char *)subject->notify->command, NULL };
	char name[256];
	pid_t pid = 0;
	int r;

	snprintf(event, sizeof(event), "EVENT=%s", subject->event);
	snprintf(wan, sizeof(wan), "WAN=%s", subject->wan);
	snprintf(family, sizeof(family), "FAMILY=%s", family_word(subject->family));
	snprintf(old, sizeof(old), "OLD=%s", subject->old);
	snprintf(new, sizeof(new), "NEW=%s", subject->new);
	snprintf(count, sizeof(count), "COUNT=%u", subject->count);
	snprintf(name, sizeof(name), "[notify] %s for %s %s", subject->notify->command,
		 subject->wan, family_word(subject->family));
	subject->count = 0;

	r = child_start(
		&(struct child){ .argv = argv, .environment = environment, .own_group = true },
		&pid);
	if (r == 0) {
		r = watch_over(subject->notify, name, pid);
		if (r < 0) {
			kill(-pid, SIGKILL);
			child_wait(pid);
		}
	}
	if (r < 0)
		log_event(LOG_WARNING, EVENT_NOTIFY_FAILED, NULL, "%s: %s", name, strerror(-r));

	sd_event_source_unref(subject->quiet);
	subject->quiet = NULL;
	sd_event_add_time_relative(subject->notify->event, &subject->quiet, CLOCK_MONOTONIC,
				   QUIET_US, 0, on_quiet_end, subject);
}

static int on_quiet_end(sd_event_source *source, uint64_t when, void *arg)
{
	struct notify_subject *subject = arg;

	subject->quiet = sd_event_source_unref(subject->quiet);
	if (subject->count > 0 && subject->notify->command)
		call_command(subject);
	return 0;
}

static struct notify_subject *find(struct notify *notify, const struct notify_change *change)
{
	struct notify_subject *subject;

	for (size_t i = 0; i < notify->n_subjects; i++) {
		subject = notify->subjects[i];
		if (subject->family == change->family &&
		    strcmp(subject->event, change->event) == 0 &&
		    strcmp(subject->wan, change->wan) == 0)
			return subject;
	}

	subject = calloc(1, sizeof(*subject));
	if (!subject || APPEND(notify->subjects, notify->n_subjects, subject) < 0) {
		free(subject);
		return NULL;
	}
	snprintf(subject->wan, sizeof(subject->wan), "%s", change->wan);
	subject->notify = notify;
	subject->event = change->event;
	subject->family = change->family;
	return subject;
}

void notify_set_command(struct notify *notify, const char *command)
{
	notify->command = command;
}

int notify_change(struct notify *notify, const struct notify_change *change)
{
	struct notify_subject *subject;

	if (!notify->command)
		return 0;
	subject = find(notify, change);
	if (!subject)
		return -ENOMEM;
	subject->old = change->old;
	subject->new = change->new;
	subject->count++;
	if (!subject->quiet)
		call_command(subject);
	return 0;
}

int notify_new(sd_event *event, struct notify **ret)
{
	*ret = calloc(1, sizeof(struct notify));
	if (!*ret)
		return -ENOMEM;
	(*ret)->event = event;
	return 0;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	for (size_t i = 0; i < notify->n_subjects; i++) {
		sd_event_source_unref(notify->subjects[i]->quiet);
		free(notify->subjects[i]);
	}
	while (notify->calls)
		call_free(notify->calls);
	free(notify->subjects);
	free(notify);
}
