/*
 * Whether the base ruleset lets its operator in: SSH is accepted on the interfaces of its `define
 * MANAGEMENT`, whatever else is broken.
 */
#include "base_ruleset.h"
#include "doctor.h"
#include "fileio.h"

#include <fnmatch.h>
#include <ifaddrs.h>
#include <string.h>

/* The interface by which whoever asks is logged in; "" when it can't be told, or is not by SSH. */
struct session {
	char interface[IFNAMSIZ];
};

static struct addr addr_of(const struct sockaddr *from)
{
	if (from->sa_family == AF_INET)
		return (struct addr){ .family = AF_INET,
				      .in = ((const struct sockaddr_in *)from)->sin_addr };
	if (from->sa_family == AF_INET6)
		return (struct addr){ .family = AF_INET6,
				      .in6 = ((const struct sockaddr_in6 *)from)->sin6_addr };
	return (struct addr){};
}

/* "CLIENT PORT SERVER PORT" */
static struct session find_session(void)
{
	struct session session = {};
	const char *text = getenv("SSH_CONNECTION");
	struct ifaddrs *all = NULL;
	char server[ADDR_TEXT] = "";
	struct addr addr;

	if (!text || sscanf(text, "%*s %*s %45s", server) != 1 ||
	    addr_parse(server, AF_UNSPEC, &addr) < 0 || getifaddrs(&all) < 0)
		return session;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next)
		if (one->ifa_addr && addr_cmp(addr_of(one->ifa_addr), addr) == 0)
			snprintf(session.interface, sizeof(session.interface), "%s", one->ifa_name);
	freeifaddrs(all);
	return session;
}

static bool is_there(const char *pattern)
{
	struct if_nameindex *all = if_nameindex();
	bool found = false;

	for (size_t i = 0; all && all[i].if_index && !found; i++)
		found = fnmatch(pattern, all[i].if_name, 0) == 0;
	if_freenameindex(all);
	return found;
}

int doctor_management(struct diagnosis *diagnosis)
{
	_cleanup_(freep) char *text = NULL;
	struct session session = find_session();
	bool any = false, named = false;
	char pattern[64], names[256] = "";
	size_t at = 0;

	if (file_read(BASE_RULESET, &text) < 0)
		return 0;
	while (base_ruleset_next_management(text, &at, pattern, sizeof(pattern))) {
		any |= is_there(pattern);
		named |= fnmatch(pattern, session.interface, 0) == 0;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 *names ? ", " : "", pattern);
	}
	if (!any)
		return diagnosis_tell(
			diagnosis, FINDING_WRONG,
			"no management interface: of `define MANAGEMENT` in " BASE_RULESET
			" (%s) there is none, so it refuses SSH: name there the one that `ip "
			"address` shows, then `systemctl reload nftables`",
			*names ? names : "nothing");
	if (!*session.interface || named)
		return 0;
	return diagnosis_tell(diagnosis, FINDING_NOTE,
			      "you are logged in by %s, which `define MANAGEMENT` in " BASE_RULESET
			      " (%s) does not name: unless another rule there accepts SSH, name it "
			      "before anything loads that file, or the next login is refused",
			      session.interface, names);
}
