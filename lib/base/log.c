// SPDX-License-Identifier: GPL-2.0-or-later
// Events in the journal or on stderr, and in the debug log.
// A round remembers its warnings, so that the next one leaves them out.

#include "base/log.h"

#include "base/journal.h"
#include "base/string_list.h"
#include "base/trace.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static struct log_state {
	const char *program;
	bool verbose, in_round;
	bool to_file;			      /* events go to the debug log too */
	bool file_failed;		      /* it can't be opened, and we have said so */
	int fd;				      /* the debug log; -1: not open */
	struct string_list said, said_before; /* the warnings of this round and of the last */
} state = { .program = "mwan", .fd = -1 };

void log_setup(const char *program, bool verbose)
{
	state.program = program;
	state.verbose = verbose;
}

/* False after logrotate has renamed the file: then lines belong in the new one. */
static bool is_in_place(void)
{
	struct stat ours, named;

	return state.fd >= 0 && fstat(state.fd, &ours) == 0 && stat(DEBUG_LOG_PATH, &named) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* Once each. These events are for the debug log too, so that the state is set first. */
static void say_failure(int error)
{
	bool failed = state.file_failed;

	state.file_failed = error;
	if (error && !failed)
		log_event(LOG_WARNING, EVENT_DEBUG_LOG_LOST, NULL,
			  DEBUG_LOG_PATH ": %s; events are not written there", strerror(error));
	else if (!error && failed)
		log_event(LOG_NOTICE, EVENT_DEBUG_LOG_BACK, NULL,
			  DEBUG_LOG_PATH ": events are written there again");
}

static bool open_debug_file(void)
{
	if (is_in_place())
		return true;
	closep(&state.fd);
	state.fd = open(DEBUG_LOG_PATH,
			O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	say_failure(state.fd < 0 ? errno : 0);
	return !state.file_failed;
}

void log_debug_file(bool on)
{
	closep(&state.fd);
	state.fd = -1;
	state.to_file = on;
	state.file_failed = false;
	if (on)
		open_debug_file();
}

static void add_fields(json_t *line, const struct log_field *fields)
{
	for (const struct log_field *field = fields; field && field->name; field++)
		if (log_field_is_known(field))
			json_object_set_new(line, field->name,
					    field->text ? json_string(field->text)
							: json_integer((json_int_t)field->number));
}

static void write_json(const struct journal_entry *entry)
{
	static const char *const levels[] = { "emerg",	 "alert",  "crit", "error",
					      "warning", "notice", "info", "debug" };
	char stamp[32], when[64];
	struct timespec now;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(json_decrefp) json_t *line = json_object();
	struct tm utc;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(when, sizeof(when), "%s.%06ldZ", stamp, now.tv_nsec / 1000);

	json_object_set_new(line, "time", json_string(when));
	json_object_set_new(line, "level", json_string(levels[entry->level & LOG_PRIMASK]));
	json_object_set_new(line, "traceId", json_string(entry->trace_id));
	json_object_set_new(line, "program", json_string(entry->program));
	json_object_set_new(line, "event", json_string(event_name(entry->event)));
	json_object_set_new(line, "message", json_string(entry->message));
	add_fields(line, entry->fields);

	text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (!text)
		return;
	/* One call, as several programs append at once. A full disk costs lines, nothing else. */
	n = strlen(text);
	text[n] = '\n';
	if (write(state.fd, text, n + 1) < 0)
		return;
}

static void write_line(int level, const char *message)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s\n", message);
	else
		fprintf(stderr, "<%d>%s\n", level, message);
}

/* A journal that stands still reads neither entries nor stderr. */
static bool stderr_has_room(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&fd, 1, 0) == 1;
}

/* To whoever reads our stderr. */
static void write_out(const struct journal_entry *entry)
{
	bool journaled = journal_has_stderr();

	if (!journaled || (journal_send(entry) < 0 && stderr_has_room()))
		write_line(entry->level, entry->message);
}

void log_round_begin(void)
{
	state.in_round = true;
}

void log_round_end(void)
{
	state.in_round = false;
	string_list_done(&state.said_before);
	state.said_before = TAKE(state.said);
}

/* True when the message was said in this round or in the one before. Remembers it. */
static bool is_repeated(int level, const char *message)
{
	char said[1100];

	snprintf(said, sizeof(said), "%d %s", level, message);
	if (string_list_has(&state.said, said))
		return true;
	/* Without memory for it, it may be said again. */
	(void)string_list_add(&state.said, said);
	return string_list_has(&state.said_before, said);
}

uint64_t log_seconds_since(uint64_t since)
{
	uint64_t now = clock_us(CLOCK_REALTIME) / 1000000;

	return since == 0 || since > now ? LOG_UNKNOWN : now - since;
}

bool log_is_read(int level)
{
	return level < LOG_DEBUG || state.verbose || state.to_file;
}

void log_event(int level, enum event event, const struct log_field *fields, const char *format, ...)
{
	struct journal_entry entry = { level, event, state.program, .fields = fields };
	struct trace_id trace;
	char message[1024];
	va_list args;

	if (!log_is_read(level))
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	if (state.in_round && (level <= LOG_WARNING || event == EVENT_AWAITED) &&
	    is_repeated(level, message))
		return;
	trace = trace_id_read();
	entry.trace_id = trace.s;
	entry.message = message;
	if (level < LOG_DEBUG || state.verbose)
		write_out(&entry);
	if (state.to_file && open_debug_file())
		write_json(&entry);
}

int log_outcome(int r, const struct fault *fault)
{
	if (r < 0)
		log_event(LOG_ERR, EVENT_FAILED, NULL, "%s",
			  fault->text[0] ? fault->text : strerror(-r));
	return r;
}
