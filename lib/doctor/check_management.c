// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the base ruleset lets its operator in, whatever else is broken.
// By the interfaces of its `define MANAGEMENT`; without them, by all that are no WAN.

#include "doctor/check.h"

#include "base/fileio.h"
#include "base/paths.h"
#include "kernel/observe_management.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <string.h>

/* The interface by which whoever asks is logged in by SSH; "": none is known. */
static void find_session(char ret[IFNAMSIZ])
{
	const char *text = getenv("SSH_CONNECTION");
	struct ifaddrs *all = NULL;
	char server[NI_MAXHOST], own[NI_MAXHOST];

	*ret = '\0';
	if (!text || sscanf(text, "%*s %*s %1024s", server) != 1 || getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next)
		if (one->ifa_addr &&
		    getnameinfo(one->ifa_addr, sizeof(struct sockaddr_in6), own, sizeof(own), NULL,
				0, NI_NUMERICHOST) == 0 &&
		    strcmp(own, server) == 0)
			snprintf(ret, IFNAMSIZ, "%s", one->ifa_name);
	freeifaddrs(all);
}

void doctor_management(struct diagnosis *diagnosis, bool loaded)
{
	_cleanup_(freep) char *text = NULL;
	struct management management = {};
	char session[IFNAMSIZ];

	if (file_read(BASE_RULESET_PATH, &text) < 0)
		return;
	management_read_file(&management, text);
	if (management_find(&management) < 0)
		return; /* another time */
	find_session(session);
	if (!management.index)
		diagnosis_wrong(diagnosis, "management-missing",
				"no management interface: none that `define MANAGEMENT` "
				"in " BASE_RULESET_PATH " names (%s) is there, so SSH is accepted "
				"on every interface that is no WAN\n"
				"name there the one that `ip address` shows, then `systemctl "
				"reload nftables`",
				management.names[0] ? management.names : "nothing");
	else if (*session && !management_has(&management, session))
		diagnosis_add(
			diagnosis, loaded ? FINDING_NOTE : FINDING_WRONG, "management-other",
			"you are logged in by %s, which `define MANAGEMENT` in " BASE_RULESET_PATH
			" (%s) does not name\n"
			"unless another rule there accepts SSH, name it before anything loads that "
			"file: else the next login is refused",
			session, management.names);
}
