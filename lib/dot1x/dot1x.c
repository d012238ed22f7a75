// SPDX-License-Identifier: GPL-2.0-or-later
// The 802.1X port: its name, its carrier, and whether it is authorized.
// The kernel knows the carrier, wpa_supplicant the rest; files are checked when it says no.

#include "dot1x/dot1x.h"

#include "base/fileio.h"
#include "base/parse.h"
#include "dot1x/cause.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

void dot1x_setting(const char *text, const char *name, char *ret, size_t size)
{
	const char *value;

	*ret = '\0';
	for (; (value = find_value(text, name)); text = strchrnul(value, '\n')) {
		value += *value == '"' || *value == '\'';
		snprintf(ret, size, "%.*s", (int)strcspn(value, " \t\"'\n"), value);
	}
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
	if (parse_interface(name, ret) < 0)
		return fault_set(fault, -EINVAL, "\"%s\" is not the name of an interface", name);
	return 0;
}

bool dot1x_is_behind(const char *interface, const char *port)
{
	size_t len = strlen(port);
	char path[PATH_MAX];

	if (strncmp(interface, port, len) == 0 && (interface[len] == '.' || !interface[len]))
		return true;
	snprintf(path, sizeof(path), "/sys/class/net/%s/lower_%s", interface, port);
	return access(path, F_OK) == 0;
}

const struct fault *dot1x_why(const struct dot1x_record *record, const char *interface)
{
	return record->port[0] && record->why.text[0] && dot1x_is_behind(interface, record->port)
		       ? &record->why
		       : NULL;
}

/* A number in sysfs; -1 if it can't be read, as the carrier of a link that is down. */
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
		.there = netlink_link_index(port) != 0,
		.on = read_number(port, "carrier") == 1,
		.losses = read_number(port, "carrier_down_count"),
	};
}

/* attempt: NULL: the one that is on record. */
static void say_cause(const char *port, const struct wpa_port *status,
		      const struct attempt *attempt, struct fault *fault)
{
	struct dot1x_record record = {};
	struct certificates certificates;
	bool known = certificates_read(WPA_CONFIG, &certificates);

	if (!attempt && (!dot1x_record_read(&record) || strcmp(record.port, port) != 0))
		record = (struct dot1x_record){};
	dot1x_say_cause(port, status, attempt ? attempt : &record.attempt,
			known ? &certificates : NULL, time(NULL), fault);
}

int dot1x_authenticate(const char *port, struct dot1x_carrier *carrier, struct wpa_port *status,
		       struct dot1x_record *record, struct fault *fault)
{
	struct attempt attempt;

	attempt_make(port, status, &attempt);
	if (status->authorized)
		return 0;
	dot1x_record_attempt(record, port, &attempt, clock_us(CLOCK_BOOTTIME) / 1000000);
	return dot1x_check(port, carrier, status, &record->attempt, fault);
}

int dot1x_check(const char *port, struct dot1x_carrier *carrier, struct wpa_port *status,
		const struct attempt *attempt, struct fault *fault)
{
	int r;

	*carrier = dot1x_carrier(port);
	if (!carrier->there) {
		fault_set(fault, -ENETDOWN, "there is no interface %s", port);
		return fault_fix(fault, -ENETDOWN,
				 "`ip link`; its name comes from a .link file, and "
				 "DOT1X_INTERFACE in %s",
				 DOT1X_DEFAULTS);
	}
	if (!carrier->on) {
		fault_set(fault, -ENETDOWN, "%s has no carrier", port);
		return fault_fix(fault, -ENETDOWN, "check its cable and the ONT");
	}
	r = wpa_port_look(port, status);
	if (r == 0 && status->authorized)
		return 0;
	/* Without its files, wpa_supplicant does not start; one that it can't read is a refusal. */
	if (wpa_files_check(WPA_CONFIG, fault) < 0)
		return -ENETDOWN;
	if (r == 0) {
		say_cause(port, status, attempt, fault);
		return -ENETDOWN;
	}
	fault_set(fault, -ENETDOWN, "%s: wpa_supplicant does not answer at %s/%s (%s)", port,
		  WPA_SOCKETS, port, strerror(-r));
	return fault_fix(fault, -ENETDOWN, "`systemctl status wpa_supplicant-mwan`");
}
