#include "log.h"

#include "trace.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char *program_name = "mwan";
static bool show_debug;
static const char *debug_path;
static int debug_fd = -1;
static bool debug_failed;

/* The warnings of this round, and of the one before. */
static struct said {
	char **v;
	size_t n;
} said_now, said_before;
static bool in_round;

void log_setup(const char *program, bool verbose)
{
	program_name = program;
	show_debug = verbose;
}

/* Lines belong in the file that has the name now: logrotate renames. */
static bool is_in_place(void)
{
	struct stat ours, named;

	return debug_fd >= 0 && fstat(debug_fd, &ours) == 0 && stat(debug_path, &named) == 0 &&
	       ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/* What is in its way is said once. */
static bool open_debug_file(void)
{
	if (is_in_place())
		return true;
	closep(&debug_fd);
	debug_fd = open(debug_path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644);
	if (debug_fd < 0 && !debug_failed)
		fprintf(stderr, "<%d>%s: %m; events go to stderr only\n", LOG_WARNING, debug_path);
	debug_failed = debug_fd < 0;
	return !debug_failed;
}

void log_debug_file(const char *path)
{
	closep(&debug_fd);
	debug_fd = -1;
	debug_path = path;
	debug_failed = false;
	if (path)
		open_debug_file();
}

/* The event's own fields are the key=value words of its message. */
static void add_fields(json_t *line, const char *message)
{
	_cleanup_(freep) char *words = strdup(message);
	char *rest = words;

	for (char *word; rest && (word = strsep(&rest, " "));) {
		char *equals = strchr(word, '=');

		if (!equals || equals == word)
			continue;
		*equals = '\0';
		if (!json_object_get(line, word))
			json_object_set_new(line, word, json_string(equals + 1));
	}
}

static void write_line(char *text)
{
	size_t n = strlen(text);
	ssize_t written;

	text[n] = '\n';
	written = write(debug_fd, text, n + 1);
	/* A full disk costs lines of the debug log, and nothing else. */
	(void)written;
}

static void write_json(int level, const char *event, const char *message)
{
	static const char *const levels[] = { "emerg",	 "alert",  "crit", "error",
					      "warning", "notice", "info", "debug" };
	struct trace_id trace = trace_id_read();
	char stamp[32], when[64];
	struct timespec now;
	json_t *line = json_object();
	struct tm utc;
	char *text;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(when, sizeof(when), "%s.%06ldZ", stamp, now.tv_nsec / 1000);

	json_object_set_new(line, "time", json_string(when));
	json_object_set_new(line, "level", json_string(levels[level & LOG_PRIMASK]));
	json_object_set_new(line, "traceId", json_string(trace.s));
	json_object_set_new(line, "program", json_string(program_name));
	json_object_set_new(line, "event", json_string(event));
	json_object_set_new(line, "message", json_string(message));
	add_fields(line, message);

	text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
	/* One write a line: programs append to the same file at once. */
	if (text)
		write_line(text);
	free(text);
	json_decref(line);
}

static void forget(struct said *said)
{
	for (size_t i = 0; i < said->n; i++)
		free(said->v[i]);
	free(said->v);
	*said = (struct said){};
}

void log_round_begin(void)
{
	in_round = true;
}

void log_round_end(void)
{
	in_round = false;
	forget(&said_before);
	said_before = TAKE(said_now);
}

static bool contains(const struct said *said, const char *message)
{
	for (size_t i = 0; i < said->n; i++)
		if (strcmp(said->v[i], message) == 0)
			return true;
	return false;
}

static bool is_repeated(const char *message)
{
	bool repeated = contains(&said_before, message);
	char **v;

	if (contains(&said_now, message))
		return true;
	v = reallocarray(said_now.v, said_now.n + 1, sizeof(*v));
	if (v) {
		said_now.v = v;
		v[said_now.n] = strdup(message);
		said_now.n += v[said_now.n] != NULL;
	}
	return repeated;
}

void log_event(int level, const char *event, const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	if (in_round && level <= LOG_WARNING && is_repeated(message))
		return;
	if (level < LOG_DEBUG || show_debug)
		fprintf(stderr, "<%d>%s\n", level, message);
	if (debug_path && open_debug_file())
		write_json(level, event, message);
}

int log_outcome(int r, const struct fault *fault)
{
	if (r < 0)
		log_event(LOG_ERR, "failed", "%s", fault->text[0] ? fault->text : strerror(-r));
	return r;
}
