#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define PROPERTIES                                                                                 \
	"--property=LoadState,ActiveState,UnitFileState,Result,ExecStart,NeedDaemonReload,"        \
	"ConditionResult,ConditionTimestampMonotonic,StateChangeTimestampMonotonic"

bool units_are_there(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* ---- what it prints ---- */

/* "{ path=/usr/bin/nft ; argv[]=… }" */
static void read_program(const char *value, struct unit *unit)
{
	const char *path = strstr(value, "path=");

	if (path && !*unit->start)
		snprintf(unit->start, sizeof(unit->start), "%.*s", (int)strcspn(path + 5, " "),
			 path + 5);
}

/* Of CLOCK_MONOTONIC, which systemd prints without rounding it to seconds; 0: never. */
static uint64_t real_us(uint64_t monotonic_us)
{
	return monotonic_us ? clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC) + monotonic_us
			    : 0;
}

static void read_property(const char *name, const char *value, struct unit *unit)
{
	const struct {
		const char *name;
		char *room;
		size_t size;
	} words[] = {
		{ "LoadState", unit->load, sizeof(unit->load) },
		{ "ActiveState", unit->active, sizeof(unit->active) },
		{ "UnitFileState", unit->file, sizeof(unit->file) },
		{ "Result", unit->result, sizeof(unit->result) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(name, words[i].name) == 0)
			snprintf(words[i].room, words[i].size, "%s", value);
	if (strcmp(name, "ExecStart") == 0)
		read_program(value, unit);
	else if (strcmp(name, "NeedDaemonReload") == 0)
		unit->reload = strcmp(value, "yes") == 0;
	else if (strcmp(name, "ConditionTimestampMonotonic") == 0)
		unit->met |= strcmp(value, "0") == 0;
	else if (strcmp(name, "ConditionResult") == 0)
		unit->met |= strcmp(value, "yes") == 0;
	else if (strcmp(name, "StateChangeTimestampMonotonic") == 0)
		unit->changed_us = real_us(strtoull(value, NULL, 10));
}

/* A block for each unit, in the order asked for, with an empty line between. */
static size_t read_all(FILE *f, struct unit *units, size_t n)
{
	_cleanup_(freep) char *line = NULL;
	size_t room = 0, at = 0;
	bool begun = false;

	while (at < n && getline(&line, &room, f) > 0) {
		char *equals = strchr(line, '=');

		line[strcspn(line, "\n")] = '\0';
		if (!equals) {
			at += begun;
			begun = false;
			continue;
		}
		*equals = '\0';
		begun = true;
		read_property(line, equals + 1, &units[at]);
	}
	return at + begun;
}

/* ---- systemctl ---- */

static int start(char **argv, int out, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	int r;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	r = -posix_spawnp(ret, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

static int show(char **argv, struct unit *units, size_t n, struct fault *fault)
{
	_cleanup_(closep) int in = -1, out = -1;
	_cleanup_(fclosep) FILE *f = NULL;
	int ends[2], status = 0;
	size_t seen;
	pid_t pid;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fault_set(fault, -errno, "a pipe: %m");
	in = ends[0];
	out = ends[1];
	f = fdopen(in, "r");
	if (!f)
		return -ENOMEM;
	take_fd(&in);
	r = start(argv, out, &pid);
	if (r < 0)
		return fault_set(fault, r, "systemctl: %s", strerror(-r));
	close(take_fd(&out));
	seen = read_all(f, units, n);
	if (waitpid(pid, &status, 0) != pid || status != 0 || seen < n)
		return fault_set(fault, -EIO, "`systemctl show` fails: systemd can't be asked");
	return 0;
}

int units_look(struct unit *units, size_t n, struct fault *fault)
{
	static char properties[] = PROPERTIES;
	static char *const head[] = { "systemctl", "show", properties, "--" };
	_cleanup_(freep) char **argv = calloc(ARRAY_SIZE(head) + n + 1, sizeof(*argv));

	if (!argv)
		return -ENOMEM;
	memcpy(argv, head, sizeof(head));
	for (size_t i = 0; i < n; i++)
		argv[ARRAY_SIZE(head) + i] = (char *)units[i].name;
	return show(argv, units, n, fault);
}
