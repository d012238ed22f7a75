#include "notify.h"

#include "health.h"
#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define TIMEOUT_US 10000000
#define QUIET_US 60000000

/* One WAN and family. */
struct subject {
	struct notify *notify;
	char wan[32];
	enum family family;
	enum verdict old, new;
	unsigned count;		/* transitions that nobody has been told of */
	sd_event_source *quiet; /* enabled while no call may be made */
};

/* One call that runs. */
struct call {
	struct call *next, **link; /* the pointer that points here */
	char name[256];		   /* for messages */
	sd_event_source *child, *timeout;
};

struct notify {
	sd_event *event;
	const char *command;
	struct subject **subjects; /* owned, each and the array */
	size_t n_subjects;
	struct call *calls; /* owned */
};

static void call_free(struct call *call)
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
	struct call *call = arg;
	pid_t pid;

	/* It leads its group, and is not reaped yet: the number is still its own. */
	if (sd_event_source_get_child_pid(call->child, &pid) >= 0)
		kill(-pid, SIGKILL);
	log_event(LOG_WARNING, "notify", "%s: killed after 10 s", call->name);
	return 0;
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct call *call = arg;

	if (info->si_code == CLD_EXITED && info->si_status != 0)
		log_event(LOG_WARNING, "notify", "%s: exit status %d", call->name, info->si_status);
	else if (info->si_code != CLD_EXITED)
		log_event(LOG_DEBUG, "notify", "%s: ended by signal %d", call->name,
			  info->si_status);
	call_free(call);
	return 0;
}

/* A group of its own, our stderr for both outputs, and no signal blocked. */
static int spawn(const char *command, char **environment, pid_t *ret)
{
	char *argv[] = { (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	int r;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	/* libnftables' socket would be handed on. */
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	r = -posix_spawn(ret, command, &files, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

static int watch_over(struct notify *notify, const char *name, pid_t pid)
{
	struct call *call = calloc(1, sizeof(*call));
	int r = call ? 0 : -ENOMEM;

	if (r == 0) {
		*call = (struct call){ .next = notify->calls, .link = &notify->calls };
		if (call->next)
			call->next->link = &call->next;
		notify->calls = call;
		snprintf(call->name, sizeof(call->name), "%s", name);
		r = sd_event_add_child(notify->event, &call->child, pid, WEXITED, on_exit_of_child,
				       call);
	}
	if (r >= 0)
		r = sd_event_add_time_relative(notify->event, &call->timeout, CLOCK_MONOTONIC,
					       TIMEOUT_US, 0, on_timeout, call);
	if (r >= 0)
		return 0;
	if (call)
		call_free(call);
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

static int on_quiet_end(sd_event_source *source, uint64_t when, void *arg);

/* And none for a minute, whatever comes of it. */
static void call_command(struct subject *subject)
{
	char wan[48], family[16], old[16], new[16], count[24];
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = { wan, family, old, new, count, path, NULL };
	char name[256];
	pid_t pid = 0;
	int r;

	snprintf(wan, sizeof(wan), "WAN=%s", subject->wan);
	snprintf(family, sizeof(family), "FAMILY=%s", family_word(subject->family));
	snprintf(old, sizeof(old), "OLD=%s", verdict_name(subject->old));
	snprintf(new, sizeof(new), "NEW=%s", verdict_name(subject->new));
	snprintf(count, sizeof(count), "COUNT=%u", subject->count);
	snprintf(name, sizeof(name), "[notify] %s for %s %s", subject->notify->command,
		 subject->wan, family_word(subject->family));
	subject->count = 0;

	r = spawn(subject->notify->command, environment, &pid);
	if (r == 0)
		r = watch_over(subject->notify, name, pid);
	if (r < 0)
		log_event(LOG_WARNING, "notify", "%s: %s", name, strerror(-r));

	sd_event_source_unref(subject->quiet);
	subject->quiet = NULL;
	sd_event_add_time_relative(subject->notify->event, &subject->quiet, CLOCK_MONOTONIC,
				   QUIET_US, 0, on_quiet_end, subject);
}

static int on_quiet_end(sd_event_source *source, uint64_t when, void *arg)
{
	struct subject *subject = arg;

	subject->quiet = sd_event_source_unref(subject->quiet);
	if (subject->count > 0 && subject->notify->command)
		call_command(subject);
	return 0;
}

static struct subject *find(struct notify *notify, const char *wan, enum family family)
{
	struct subject **v, *subject;

	for (size_t i = 0; i < notify->n_subjects; i++)
		if (notify->subjects[i]->family == family &&
		    strcmp(notify->subjects[i]->wan, wan) == 0)
			return notify->subjects[i];

	v = reallocarray(notify->subjects, notify->n_subjects + 1, sizeof(struct subject *));
	if (!v)
		return NULL;
	notify->subjects = v;
	subject = calloc(1, sizeof(*subject));
	if (!subject)
		return NULL;
	snprintf(subject->wan, sizeof(subject->wan), "%s", wan);
	subject->notify = notify;
	subject->family = family;
	return v[notify->n_subjects++] = subject;
}

void notify_set_command(struct notify *notify, const char *command)
{
	notify->command = command;
}

int notify_transition(struct notify *notify, const char *wan, enum family family, enum verdict old,
		      enum verdict new)
{
	struct subject *subject;

	if (!notify->command || (old == VERDICT_UNKNOWN && new == VERDICT_UP))
		return 0;
	subject = find(notify, wan, family);
	if (!subject)
		return -ENOMEM;
	subject->old = old;
	subject->new = new;
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
	for (size_t i = 0; notify && i < notify->n_subjects; i++) {
		sd_event_source_unref(notify->subjects[i]->quiet);
		free(notify->subjects[i]);
	}
	while (notify && notify->calls)
		call_free(notify->calls);
	if (notify)
		free(notify->subjects);
	free(notify);
}
