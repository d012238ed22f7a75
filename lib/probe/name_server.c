// SPDX-License-Identifier: GPL-2.0-or-later
// The name servers of a look-up over one WAN.
// A server on this machine, or in a network of a link that is no WAN, is nearer than any WAN.

#include "probe/name_server.h"

#include "probe/socket.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

static unsigned count_bits(const struct sockaddr *mask, int family)
{
	struct addr addr = {};
	unsigned bits = 0;

	/* The mask's own family may be left out. */
	memcpy(addr.bytes,
	       family == AF_INET ? (const void *)&((const struct sockaddr_in *)mask)->sin_addr
				 : (const void *)&((const struct sockaddr_in6 *)mask)->sin6_addr,
	       addr_size(family));
	for (unsigned i = 0; i < addr_size(family); i++)
		bits += __builtin_popcount(addr.bytes[i]);
	return bits;
}

/* This machine itself, or a neighbour of it on a link that is no WAN. */
static bool is_neighbour(const struct config *config, const struct ifaddrs *it, struct addr server)
{
	struct prefix own;

	if (!it->ifa_addr || !it->ifa_netmask || it->ifa_addr->sa_family != server.family)
		return false;
	own.addr = address_addr((const union address *)it->ifa_addr);
	own.len = count_bits(it->ifa_netmask, server.family);
	return addr_cmp(own.addr, server) == 0 ||
	       (prefix_contains(own, server) && !config_wan_by_interface(config, it->ifa_name));
}

/*
 * A server that is reached without a WAN can't be asked over one. The LAN's are known by mwan.conf,
 * also while its link is down. Routes don't count: a default by management is no way to the
 * internet.
 */
static bool is_near(const struct config *config, struct addr server)
{
	struct ifaddrs *all = NULL;
	bool near = server.family == AF_INET ? server.bytes[0] == 127
					     : IN6_IS_ADDR_LOOPBACK(&server.in6) != 0;

	if (near || !config)
		return near;
	if (config_inside_of(config, server).len > 0)
		return true;
	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *it = all; it && !near; it = it->ifa_next)
		near = is_neighbour(config, it, server);
	freeifaddrs(all);
	return near;
}

static void add(struct name_servers *servers, struct addr server)
{
	for (size_t i = 0; i < servers->n; i++)
		if (addr_cmp(servers->v[i], server) == 0)
			return;
	if (servers->n < NAME_SERVERS)
		servers->v[servers->n++] = server;
}

int name_servers_connect(struct name_servers *servers, const struct probe_group *group, int fd,
			 const struct sockaddr *to, socklen_t len)
{
	enum family family = family_of_af(to->sa_family);
	struct addr server = address_addr((const union address *)to);
	bool near = !group->path || is_near(group->config, server);

	if (!near && probe_bind(fd, group->path, family, &servers->refused) < 0) {
		servers->failure = FAILURE_LOCAL;
		errno = EADDRNOTAVAIL;
		return -1;
	}
	add(servers, server);
	servers->bound |= !near;
	return connect(fd, to, len);
}

void name_servers_refused(struct name_servers *servers, const struct probe_group *group, int error)
{
	struct probe_refusal refusal = probe_refusal_of(error);

	/* A socket that is not connected yet is no refusal, nor what the server has answered. */
	if (refusal.failure == FAILURE_LOCAL || error == EAGAIN)
		return;
	servers->failure = refusal.failure;
	fault_set(&servers->refused, 0, "cannot ask the name server%s%s: %s%s",
		  group->path ? " over " : "", group->path ? group->path->interface : "",
		  strerror(error), refusal.words);
}

void name_servers_heard(struct name_servers *servers, const struct sockaddr *from,
			const uint8_t *data, size_t len)
{
	unsigned rcode = len > 3 ? data[3] & 0xf : 0;

	/* c-ares asks the next one then, and says at last that nobody was to be reached. */
	if (rcode == 0 || rcode == 3 || !from)
		return;
	servers->rcode = rcode;
	servers->failed = address_addr((const union address *)from);
}

/* "server failure" */
static const char *rcode_words(unsigned rcode)
{
	static const char *const words[] = {
		[1] = "it does not understand the question",
		[2] = "server failure",
		[4] = "it can't do that",
		[5] = "refused",
	};

	return rcode < ARRAY_SIZE(words) && words[rcode] ? words[rcode] : "an error";
}

/* "name server 1.1.1.1, 8.8.8.8 over enatt0.3242" */
struct name_server_words {
	char s[180];
};

static struct name_server_words list(const struct name_servers *servers,
				     const struct probe_group *group)
{
	struct name_server_words words = { "name server" };
	size_t end = strlen(words.s);

	for (size_t i = 0; i < servers->n && end < sizeof(words.s); i++)
		end += snprintf(words.s + end, sizeof(words.s) - end, "%s %s", i > 0 ? "," : "",
				addr_str(servers->v[i]).s);
	if (servers->bound && end < sizeof(words.s))
		snprintf(words.s + end, sizeof(words.s) - end, " over %s", group->path->interface);
	return words;
}

/* Who asks as any program does finds nothing out about the WAN. */
static enum probe_failure kind(const struct name_servers *servers)
{
	return servers->bound || servers->n == 0 ? FAILURE_UNRESOLVED : FAILURE_RESOLVER;
}

struct name_answer name_servers_silent(const struct name_servers *servers,
				       const struct probe_group *group)
{
	struct name_answer answer = { .failure = kind(servers) };

	if (servers->n == 0 && !servers->refused.text[0]) {
		answer.failure = FAILURE_RESOLVER;
		snprintf(answer.why, sizeof(answer.why), "there is no name server to ask");
	} else if (servers->refused.text[0] &&
		   (servers->n == 0 || servers->failure != FAILURE_LOCAL)) {
		answer.failure = servers->failure;
		snprintf(answer.why, sizeof(answer.why), "%.200s", servers->refused.text);
	} else if (servers->rcode > 0) {
		snprintf(answer.why, sizeof(answer.why), "name server %s answers%s%s: %s",
			 addr_str(servers->failed).s, servers->bound ? " over " : "",
			 servers->bound ? group->path->interface : "", rcode_words(servers->rcode));
	} else {
		snprintf(answer.why, sizeof(answer.why), "no answer from %s",
			 list(servers, group).s);
	}
	return answer;
}

struct name_answer name_servers_know_none(const struct name_servers *servers,
					  const struct probe_group *group, bool empty)
{
	struct name_answer answer = { .failure = kind(servers), .denied = true };

	if (empty)
		snprintf(answer.why, sizeof(answer.why), "its name has no %s address, says %s",
			 family_name(group->family), list(servers, group).s);
	else
		snprintf(answer.why, sizeof(answer.why), "there is no such name, says %s",
			 list(servers, group).s);
	return answer;
}
