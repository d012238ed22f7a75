// SPDX-License-Identifier: GPL-2.0-or-later
// Events as entries of the journal, in its native protocol.
// It never waits: a journal that stands still loses entries, and holds up nobody.

#include "base/journal.h"

#include "base/fileio.h"
#include "base/library.h"
#include "base/util.h"

#include <ctype.h>
#include <endian.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-login.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static struct journal {
	struct library library;
	LIBRARY_DECLARE(sd_pid_get_unit)
} journal;

/* With the first entry: most runs have nothing to say. */
static int load(void)
{
	if (journal.sd_pid_get_unit)
		return 0;
	if (library_open(&journal.library, "libsystemd.so.0") < 0)
		return -ENOENT;
	LIBRARY_RESOLVE(&journal, sd_pid_get_unit)
	return 0;
}

bool journal_has_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat found;

	if (!stream || fstat(STDERR_FILENO, &found) < 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)found.st_dev, (uintmax_t)found.st_ino);
	return strcmp(stream, own) == 0;
}

/* A value of several lines comes after its length. */
static void write_text(const char *name, const char *value, FILE *f)
{
	uint64_t size = htole64(strlen(value));

	fputs(name, f);
	if (strchr(value, '\n')) {
		fputc('\n', f);
		fwrite(&size, sizeof(size), 1, f);
	} else {
		fputc('=', f);
	}
	fprintf(f, "%s\n", value);
}

static void write_field(const struct log_field *field, FILE *f)
{
	char name[64] = "MWAN_", number[24];

	if (!log_field_is_known(field))
		return;
	for (size_t n = strlen(name), i = 0; field->name[i] && n < sizeof(name) - 1; i++)
		name[n++] = (char)toupper((unsigned char)field->name[i]);
	snprintf(number, sizeof(number), "%ju", (uintmax_t)field->number);
	write_text(name, field->text ?: number, f);
}

/*
 * The journal looks up a sender's unit when it reads the entry; a program that ends at once is gone
 * by then. `journalctl -u` and `systemctl status` take the word of root for this field.
 */
static void write_unit(FILE *f)
{
	_cleanup_(freep) char *unit = NULL;

	if (load() == 0 && journal.sd_pid_get_unit(0, &unit) >= 0)
		write_text("OBJECT_SYSTEMD_UNIT", unit, f);
}

static void write_entry(const struct journal_entry *entry, FILE *f)
{
	write_text("MESSAGE", entry->message, f);
	fprintf(f, "PRIORITY=%d\n", entry->level);
	write_text("SYSLOG_IDENTIFIER", entry->program, f);
	write_text("MESSAGE_ID", event_id(entry->event), f);
	write_text("MWAN_EVENT", event_name(entry->event), f);
	if (entry->trace_id[0])
		write_text("MWAN_TRACE_ID", entry->trace_id, f);
	write_unit(f);
	for (const struct log_field *field = entry->fields; field && field->name; field++)
		write_field(field, f);
}

/* In one datagram; -EAGAIN: there is no room for it now. */
static int send_text(const char *text, size_t size)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_un to = { AF_UNIX, JOURNAL_SOCKET };

	if (fd < 0 || sendto(fd, text, size, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return 0;
}

int journal_send(const struct journal_entry *entry)
{
	_cleanup_(freep) char *text = NULL;
	struct memory out = {};

	/* Where there is none, nothing is loaded for it. */
	if (access(JOURNAL_SOCKET, F_OK) < 0)
		return -errno;
	if (memory_open(&out) < 0)
		return -ENOMEM;
	write_entry(entry, out.f);
	return memory_close(&out, &text) < 0 ? -ENOMEM : send_text(text, out.size);
}
