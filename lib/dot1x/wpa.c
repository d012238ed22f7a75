// SPDX-License-Identifier: GPL-2.0-or-later
// wpa_supplicant: its control socket, and the files that its configuration names.
// Each command has a socket of its own, so an answer to an earlier one can't be mistaken for it.

#include "dot1x/wpa.h"

#include "base/fileio.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* It answers from its event loop, normally at once. */
#define TIMEOUT_MS 2000

/*
 * The answer goes to the address of our socket. The kernel chooses a unique one without a file, so
 * nothing is left behind. As the socket is connected, nobody else can write to it.
 */
static int connect_to(const char *port)
{
	const struct timeval timeout = { TIMEOUT_MS / 1000, TIMEOUT_MS % 1000 * 1000L };
	const struct sockaddr_un anonymous = { .sun_family = AF_UNIX };
	struct sockaddr_un peer = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -1;
	int n;

	n = snprintf(peer.sun_path, sizeof(peer.sun_path), "%s/%s", WPA_SOCKETS, port);
	if (n < 0 || (size_t)n >= sizeof(peer.sun_path) || strchr(port, '/'))
		return -EINVAL;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    bind(fd, (const struct sockaddr *)&anonymous, sizeof(sa_family_t)) < 0 ||
	    connect(fd, (const struct sockaddr *)&peer, sizeof(peer)) < 0)
		return -errno;
	return take_fd(&fd);
}

int wpa_ask(const char *port, const char *command, char *answer, size_t size)
{
	_cleanup_(closep) int fd = connect_to(port);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0)
		return -errno;
	n = recv(fd, answer, size - 1, 0);
	if (n < 0)
		return -errno;
	answer[n] = '\0';
	return 0;
}

int wpa_attach(const char *port)
{
	_cleanup_(closep) int fd = connect_to(port);
	char answer[64];
	ssize_t n;

	if (fd < 0)
		return fd;
	if (send(fd, "ATTACH", strlen("ATTACH"), MSG_NOSIGNAL) < 0)
		return -errno;
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n < 0)
		return -errno;
	answer[n] = '\0';
	return strcmp(answer, "OK\n") == 0 ? take_fd(&fd) : -EPROTO;
}

bool wpa_port_parse(const char *answer, struct wpa_port *ret)
{
	struct wpa_port port = { .authorized = has_value(answer, "suppPortStatus", "Authorized") };

	copy_value(answer, "wpa_state", port.state, sizeof(port.state));
	copy_value(answer, "Supplicant PAE state", port.pae, sizeof(port.pae));
	copy_value(answer, "EAP state", port.eap, sizeof(port.eap));
	copy_value(answer, "eap_session_id", port.session, sizeof(port.session));
	*ret = port;
	return port.state[0] != '\0';
}

int wpa_port_look(const char *port, struct wpa_port *ret)
{
	char answer[4096] = "";
	int r = wpa_ask(port, "STATUS", answer, sizeof(answer));

	return r < 0 || wpa_port_parse(answer, ret) ? r : -EPROTO;
}

bool wpa_quoted(const char *line, const char *key, char *ret, size_t size)
{
	size_t length = strlen(key);

	line += strspn(line, " \t");
	if (strncmp(line, key, length) != 0 || strncmp(line + length, "=\"", 2) != 0)
		return false;
	line += length + 2;
	snprintf(ret, size, "%.*s", (int)strcspn(line, "\"\n"), line);
	return true;
}

bool wpa_next_file(const char *text, size_t *at, struct wpa_file *ret)
{
	static const char *const keys[] = { "ca_cert", "client_cert", "private_key" };

	while (text[*at]) {
		const char *line = text + *at;
		size_t len = strcspn(line, "\n");

		*at += len + (line[len] == '\n');
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			snprintf(ret->key, sizeof(ret->key), "%s", keys[i]);
			/* Other values are blobs in the configuration, or on a token. */
			if (wpa_quoted(line, keys[i], ret->path, sizeof(ret->path)) &&
			    ret->path[0] == '/')
				return true;
		}
	}
	return false;
}

static int check_file(const char *config, const struct wpa_file *file, struct fault *fault)
{
	_cleanup_(freep) char *content = NULL;
	int r = file_read(file->path, &content);

	if (r < 0)
		return fault_set(fault, r, "%s (%s in %s): %s", file->path, file->key, config,
				 strerror(-r));
	if (!*content)
		return fault_set(fault, -ENODATA, "%s (%s in %s) is empty", file->path, file->key,
				 config);
	return 0;
}

int wpa_files_check(const char *path, struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	struct wpa_file file;
	size_t at = 0;
	int r = file_read(path, &text);

	if (r < 0)
		return fault_set(fault, r, "%s: %s", path, strerror(-r));
	if (!strstr(text, "ctrl_interface=")) {
		fault_set(fault, -EINVAL, "%s: no ctrl_interface", path);
		return fault_fix(fault, -EINVAL, "write ctrl_interface=" WPA_SOCKETS);
	}
	while (r == 0 && wpa_next_file(text, &at, &file))
		r = check_file(path, &file, fault);
	return r;
}
