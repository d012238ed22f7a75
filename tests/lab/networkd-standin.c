// SPDX-License-Identifier: GPL-2.0-or-later
// A stand-in for systemd-networkd on the bus, which answers from files that tests write.
// An sd-bus loop; the files are read at each call.

/*
 * DIR/INDEX.json is the answer to DescribeLink for that interface, DIR/error
 * makes every call fail, DIR/delay holds milliseconds to wait before answering.
 * RenewLink and ReconfigureLink are noted in DIR/calls; with the latter, DIR/INDEX.next,
 * where there is one, becomes the answer; with DIR/refuse, both are denied.
 * A line on stdout says that the name is taken.
 *
 * A line "INDEX INTERFACE PROPERTY VALUE" on stdin is signalled as that property of that link
 * having changed, and answered with a line on stdout.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

/* The file's text, or NULL where there is no such file. The caller frees it. */
static char *read_answer(const char *dir, const char *name)
{
	char path[PATH_MAX], *text = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "re");
	if (!file)
		return NULL;

	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

static void wait_as_told(const char *dir)
{
	char *delay = read_answer(dir, "delay");

	if (delay)
		usleep((useconds_t)strtoul(delay, NULL, 10) * 1000);
	free(delay);
}

static int describe_link(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *dir = userdata;
	char name[32], *answer;
	int index, r;

	r = sd_bus_message_read(call, "i", &index);
	if (r < 0)
		return r;

	wait_as_told(dir);
	answer = read_answer(dir, "error");
	if (answer) {
		free(answer);
		return sd_bus_error_set(error, SD_BUS_ERROR_FAILED, "told to fail");
	}

	snprintf(name, sizeof(name), "%d.json", index);
	answer = read_answer(dir, name);
	if (!answer)
		return sd_bus_error_setf(error, "org.freedesktop.resolve1.NoSuchLink",
					 "Link %d not known", index);

	r = sd_bus_reply_method_return(call, "s", answer);
	free(answer);
	return r;
}

static int note_call(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	const char *dir = userdata, *method = sd_bus_message_get_member(call);
	char path[PATH_MAX], next[PATH_MAX];
	int index, r;
	FILE *calls;

	r = sd_bus_message_read(call, "i", &index);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/refuse", dir);
	if (access(path, F_OK) == 0)
		return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "told to refuse");

	snprintf(path, sizeof(path), "%s/calls", dir);
	calls = fopen(path, "ae");
	if (!calls)
		return -errno;
	fprintf(calls, "%s %d\n", method, index);
	fclose(calls);

	snprintf(path, sizeof(path), "%s/%d.json", dir, index);
	snprintf(next, sizeof(next), "%s/%d.next", dir, index);
	if (strcmp(method, "ReconfigureLink") == 0 && rename(next, path) < 0 && errno != ENOENT)
		return -errno;
	return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable manager[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("DescribeLink", "i", "s", describe_link, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("RenewLink", "i", NULL, note_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ReconfigureLink", "i", NULL, note_call, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* networkd names a link's object by its index, escaped as sd-bus does it: 3 is _33. */
static int signal_change(sd_bus *bus, const char *index, const char *interface,
			 const char *property, const char *value)
{
	char name[128], *path;
	int r;

	r = sd_bus_path_encode("/org/freedesktop/network1/link", index, &path);
	if (r < 0)
		return r;

	snprintf(name, sizeof(name), "org.freedesktop.network1.%s", interface);
	r = sd_bus_emit_signal(bus, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
			       "sa{sv}as", name, 1, property, "s", value, 0);
	free(path);
	return r < 0 ? r : sd_bus_flush(bus);
}

static int on_line(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	char line[256], index[16], interface[64], property[64], value[64];
	ssize_t n = read(fd, line, sizeof(line) - 1);
	int r;

	(void)revents;
	if (n <= 0)
		return sd_event_exit(sd_event_source_get_event(source), 0);
	line[n] = '\0';
	if (sscanf(line, "%15s %63s %63s %63s", index, interface, property, value) != 4)
		return -EINVAL;

	r = signal_change(userdata, index, interface, property, value);
	if (r < 0)
		return r;
	puts("signalled");
	return fflush(stdout);
}

static int serve(char *dir)
{
	sd_event *event = NULL;
	sd_bus *bus = NULL;
	int r;

	r = sd_event_default(&event);
	if (r < 0)
		return r;

	r = sd_bus_open_system(&bus);
	if (r < 0)
		return r;

	r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/network1",
				     "org.freedesktop.network1.Manager", manager, dir);
	if (r < 0)
		return r;

	r = sd_bus_request_name(bus, "org.freedesktop.network1", 0);
	if (r < 0)
		return r;

	r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0)
		return r;

	r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_line, bus);
	if (r < 0)
		return r;

	puts("ready");
	fflush(stdout);
	return sd_event_loop(event);
}

int main(int argc, char *argv[])
{
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: networkd-standin DIR\n");
		return 2;
	}
	r = serve(argv[1]);
	if (r < 0)
		fprintf(stderr, "networkd-standin: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
