// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes wpa_supplicant's answer to STATUS, its events, and its configuration.
// The first line is an event; what follows is the rest. It ends in the words about the port.

#include "fuzz.h"

#include "dot1x/cause.h"
#include "dot1x/dot1x.h"

#include <string.h>

static void say(const struct wpa_port *port, const struct attempt *attempt)
{
	struct fault fault = {};

	dot1x_say_cause("enatt0", port, attempt, NULL, 0, &fault);
	FUZZ_CHECK(*fault.text);
}

static void read_configuration(const char *text)
{
	struct wpa_file file;
	size_t at = 0, before = 0;
	char name[64];

	for (; wpa_next_file(text, &at, &file); before = at)
		FUZZ_CHECK(at > before && file.path[0] == '/' && *file.key);
	FUZZ_CHECK(at <= strlen(text));
	dot1x_setting(text, "DOT1X_INTERFACE", name, sizeof(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_text(data, size);
	char *rest = text, *event;
	struct attempt attempt = {};
	struct dot1x_record record;
	struct wpa_port port;

	fuzz_set_files(&(struct fuzz_file){ NULL, text }, 1);
	if (dot1x_record_read(&record))
		say(&(struct wpa_port){}, &record.attempt);
	(void)wpa_port_parse(text, &port);
	read_configuration(text);
	while ((event = strsep(&rest, "\n")))
		attempt_note(&attempt, event);
	say(&port, &attempt);
	return 0;
}
