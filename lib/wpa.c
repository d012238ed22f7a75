#include "wpa.h"

#include "fileio.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

/* It answers from its event loop, at once. */
#define TIMEOUT_MS 2000

/* ---- the socket ---- */

/*
 * Answers go to our own address. One that the kernel makes up is unique, and nothing of it is left
 * in a folder, however we end. Connected, the socket takes nothing from anybody else.
 */
static int connect_to(const char *port, int *ret)
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
	*ret = take_fd(&fd);
	return 0;
}

int wpa_ask(const char *port, const char *command, char *answer, size_t size)
{
	_cleanup_(closep) int fd = -1;
	ssize_t n;
	int r;

	r = connect_to(port, &fd);
	if (r < 0)
		return r;
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0)
		return -errno;
	n = recv(fd, answer, size - 1, 0);
	if (n < 0)
		return -errno;
	answer[n] = '\0';
	return 0;
}

/* ---- STATUS ---- */

/* The value of a line KEY=VALUE, or "". */
static void copy_value(const char *answer, const char *key, char *ret, size_t size)
{
	size_t len = strlen(key);

	*ret = '\0';
	for (const char *line = answer; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == '=') {
			snprintf(ret, size, "%.*s", (int)strcspn(line + len + 1, "\n"),
				 line + len + 1);
			return;
		}
	}
}

bool wpa_port_parse(const char *answer, struct wpa_port *ret)
{
	struct wpa_port port = {};
	char status[32];

	copy_value(answer, "suppPortStatus", status, sizeof(status));
	copy_value(answer, "wpa_state", port.state, sizeof(port.state));
	copy_value(answer, "Supplicant PAE state", port.pae, sizeof(port.pae));
	copy_value(answer, "EAP state", port.eap, sizeof(port.eap));
	copy_value(answer, "eap_session_id", port.session, sizeof(port.session));
	port.authorized = strcmp(status, "Authorized") == 0;
	*ret = port;
	return port.state[0] != '\0';
}

int wpa_port_look(const char *port, struct wpa_port *ret)
{
	char answer[4096] = "";
	int r = wpa_ask(port, "STATUS", answer, sizeof(answer));

	if (r < 0)
		return r;
	return wpa_port_parse(answer, ret) ? 0 : -EPROTO;
}

struct wpa_words wpa_port_trouble(const struct wpa_port *port)
{
	struct wpa_words words = {};

	if (port->authorized)
		return words;
	/* Held is also who has asked three times without an answer. */
	if (strcmp(port->pae, "HELD") == 0)
		snprintf(words.s, sizeof(words.s),
			 "the authenticator refused the certificate, or does not answer (EAP state "
			 "%s): `journalctl -u wpa_supplicant-mwan`",
			 port->eap);
	else if (strcmp(port->pae, "CONNECTING") == 0)
		snprintf(
			words.s, sizeof(words.s),
			"the authenticator has not answered yet (EAP state %s): the ONT's link, "
			"and whether the card lets EAPOL through (a VF needs `trust on` and `spoof "
			"off`; `check-host` on the Proxmox host looks)",
			port->eap);
	else if (strcmp(port->pae, "AUTHENTICATING") == 0)
		snprintf(words.s, sizeof(words.s),
			 "authentication is under way (EAP state %s): look again in some seconds",
			 port->eap);
	else
		snprintf(words.s, sizeof(words.s),
			 "wpa_supplicant does not try (wpa_state %s): `wpa_cli reassociate`, or "
			 "`systemctl restart wpa_supplicant-mwan`",
			 port->state);
	return words;
}

/* ---- the files that a configuration names ---- */

bool wpa_next_file(const char *text, size_t *at, struct wpa_file *ret)
{
	static const char *const keys[] = { "ca_cert", "client_cert", "private_key" };

	while (text[*at]) {
		const char *line = text + *at + strspn(text + *at, " \t");
		size_t len = strcspn(line, "\n");

		*at = line - text + len + (line[len] == '\n');
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			const char *value = line + strlen(keys[i]) + 2;

			if (strncmp(line, keys[i], strlen(keys[i])) != 0 ||
			    strncmp(value - 2, "=\"", 2) != 0)
				continue;
			snprintf(ret->key, sizeof(ret->key), "%s", keys[i]);
			snprintf(ret->path, sizeof(ret->path), "%.*s", (int)strcspn(value, "\"\n"),
				 value);
			/* Others are blobs in the configuration, or on a token. */
			if (ret->path[0] == '/')
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
	if (!strstr(text, "ctrl_interface="))
		return fault_set(fault, -EINVAL,
				 "%s: no ctrl_interface: write ctrl_interface=" WPA_SOCKETS, path);
	while (r == 0 && wpa_next_file(text, &at, &file))
		r = check_file(path, &file, fault);
	return r;
}
