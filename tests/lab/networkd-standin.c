/*
 * Answers DescribeLink on the system bus as systemd-networkd does, from files
 * that tests write: DIR/INDEX.json is the answer for that interface, DIR/error
 * makes every call fail, DIR/delay holds milliseconds to wait before answering.
 * They are read at each call. A line on stdout says that the name is taken.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
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

static const sd_bus_vtable manager[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("DescribeLink", "i", "s", describe_link, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int serve(char *dir)
{
	sd_bus *bus = NULL;
	int r;

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

	puts("ready");
	fflush(stdout);
	while ((r = sd_bus_process(bus, NULL)) >= 0)
		if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
			break;
	return r;
}

int main(int argc, char *argv[])
{
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: networkd-standin DIR\n");
		return 2;
	}
	r = serve(argv[1]);
	fprintf(stderr, "networkd-standin: %s\n", strerror(-r));
	return EXIT_FAILURE;
}
