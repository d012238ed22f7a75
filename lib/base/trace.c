// SPDX-License-Identifier: GPL-2.0-or-later
// Makes, reads and writes trace ids.
// An id is the kind, the time and three random bytes: two boots may have the same time.

#include "base/trace.h"

#include "base/fileio.h"

#include <string.h>
#include <sys/random.h>

struct trace_id trace_id_new(const char *kind)
{
	time_t now = time(NULL);
	struct trace_id id;
	uint8_t r[3] = {};
	char when[32];
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &utc);
	/* Early in the boot, we do not wait for good randomness. */
	if (getrandom(r, sizeof(r), GRND_INSECURE) < 0)
		r[0] = (uint8_t)getpid();
	snprintf(id.s, sizeof(id.s), "%s-%s-%02x%02x%02x", kind, when, r[0], r[1], r[2]);
	return id;
}

struct trace_id trace_id_read(void)
{
	_cleanup_(fclosep) FILE *f = file_open(TRACE_ID_PATH);
	struct trace_id id = {};

	if (!f || !fgets(id.s, sizeof(id.s), f))
		return (struct trace_id){};
	id.s[strcspn(id.s, "\n")] = '\0';
	return id;
}

int trace_id_write(const struct trace_id *id, const char *path, struct fault *fault)
{
	char line[sizeof(id->s) + 1];

	snprintf(line, sizeof(line), "%s\n", id->s);
	return file_write(path, line, fault);
}
