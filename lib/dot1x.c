#include "dot1x.h"

#include "fileio.h"
#include "wpa.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* ---- which port ---- */

void dot1x_setting(const char *text, const char *name, char *ret, size_t size)
{
	size_t len = strlen(name);

	*ret = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *value;

		line += *line == '\n';
		if (strncmp(line, name, len) != 0 || line[len] != '=')
			continue;
		value = line + len + 1;
		value += *value == '"' || *value == '\'';
		snprintf(ret, size, "%.*s", (int)strcspn(value, " \t\"'\n"), value);
	}
}

static bool is_interface_name(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

int dot1x_port(const char *given, char ret[IFNAMSIZ], struct fault *fault)
{
	_cleanup_(freep) char *text = NULL;
	const char *name = given ? given : getenv("DOT1X_INTERFACE");
	char setting[64] = "";

	if (!name && file_read(DOT1X_DEFAULTS, &text) == 0)
		dot1x_setting(text, "DOT1X_INTERFACE", setting, sizeof(setting));
	if (!name)
		name = *setting ? setting : "enatt0";
	if (!is_interface_name(name))
		return fault_set(fault, -EINVAL, "\"%s\" is not the name of an interface", name);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

bool dot1x_is_behind(const char *interface, const char *port)
{
	size_t len = strlen(port);
	char path[PATH_MAX];

	if (strncmp(interface, port, len) == 0 && interface[len] == '.')
		return true;
	snprintf(path, sizeof(path), "/sys/class/net/%s/lower_%s", interface, port);
	return access(path, F_OK) == 0;
}

/* ---- what is known of it ---- */

/* A number of the kernel's; -1 when it says none, as of the carrier of a link that is down. */
static long long read_number(const char *port, const char *name)
{
	_cleanup_(freep) char *text = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", port, name);
	return file_read(path, &text) == 0 ? strtoll(text, NULL, 10) : -1;
}

struct dot1x_carrier dot1x_carrier(const char *port)
{
	return (struct dot1x_carrier){
		.there = if_nametoindex(port) != 0,
		.on = read_number(port, "carrier") == 1,
		.losses = read_number(port, "carrier_down_count"),
	};
}

static int say_silent(const char *port, int r, struct fault *fault)
{
	/* Without them, it does not start. */
	if (wpa_files_check(WPA_CONFIG, fault) < 0)
		return -ENETDOWN;
	return fault_set(fault, -ENETDOWN,
			 "%s: wpa_supplicant does not answer at %s/%s (%s): `systemctl status "
			 "wpa_supplicant-mwan`",
			 port, WPA_SOCKETS, port, strerror(-r));
}

int dot1x_check(const char *port, struct dot1x_carrier *carrier, struct wpa_port *status,
		struct fault *fault)
{
	int r;

	*carrier = dot1x_carrier(port);
	if (!carrier->there)
		return fault_set(fault, -ENETDOWN,
				 "there is no interface %s: `ip link`; its name comes from a .link "
				 "file, and DOT1X_INTERFACE in %s",
				 port, DOT1X_DEFAULTS);
	if (!carrier->on)
		return fault_set(fault, -ENETDOWN, "%s has no carrier: its cable, the ONT", port);
	r = wpa_port_look(port, status);
	if (r < 0)
		return say_silent(port, r, fault);
	if (status->authorized)
		return 0;
	/* What it can't read looks to wpa_supplicant like a refusal. */
	if (wpa_files_check(WPA_CONFIG, fault) < 0)
		return -ENETDOWN;
	return fault_set(fault, -ENETDOWN, "%s: %s", port, wpa_port_trouble(status).s);
}
