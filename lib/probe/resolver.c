// SPDX-License-Identifier: GPL-2.0-or-later
// Names looked up over one WAN: c-ares on the event loop.
// c-ares asks for sockets, which we bind, and says what to wait for; we wake it.

#include "probe/resolver.h"

#include "base/library.h"
#include "probe/resolv_conf.h"
#include "probe/socket.h"

/* What 1.34 has in the place of some functions, 1.18 lacks. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* Each name server is asked so often, after a third of the cycle's timeout at first. */
#define TRIES 3
#define SHORTEST_TIMEOUT_MS 100

#define ARES_FUNCTIONS(f)                                                                          \
	f(ares_library_init) f(ares_init_options) f(ares_destroy) f(ares_set_socket_functions)     \
		f(ares_getaddrinfo) f(ares_freeaddrinfo) f(ares_process_fd) f(ares_timeout)

struct resolver_library {
	struct library library;
	ARES_FUNCTIONS(LIBRARY_DECLARE)
};

/* A socket of c-ares that it waits for. */
struct resolver_wait {
	int fd;
	sd_event_source *source;
	struct resolver_wait *next;
};

struct resolver_query {
	struct resolver *resolver;
	void *query;
};

struct resolver {
	const struct resolver_library *lib;
	const struct probe_group *group;
	const struct resolver_handlers *handlers;
	void *arg;

	ares_channel channel;	 /* NULL: none yet */
	struct resolv_conf conf; /* that it was made by */
	sd_event_source *timer;
	struct resolver_wait *waits; /* owned */
	size_t n_pending;
	unsigned answering; /* c-ares has called us, and goes on with its channel afterwards */

	/* Of the look-ups that are under way. */
	struct name_servers asked;
};

int resolver_library_open(struct resolver_library **ret, struct fault *fault)
{
	_cleanup_(freep) struct resolver_library *lib = calloc(1, sizeof(*lib));

	if (!lib)
		return -ENOMEM;
	if (library_open(&lib->library, "libcares.so.2") < 0)
		return fault_set(fault, -ENOENT, "libcares.so.2 is missing");
	fault_set(fault, 0, "libcares.so.2 is too old");
#define RESOLVE(name) LIBRARY_RESOLVE(lib, name)
	ARES_FUNCTIONS(RESOLVE)
	if (lib->ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return -ENOMEM;
	*fault = (struct fault){};
	*ret = TAKE(lib);
	return 0;
}

void resolver_library_close(struct resolver_library *library)
{
	free(library);
}

/* When c-ares wants to be woken, as it may have changed its mind. */
static void set_timer(struct resolver *resolver)
{
	struct timeval room, *left = resolver->lib->ares_timeout(resolver->channel, NULL, &room);

	if (left)
		sd_event_source_set_time_relative(resolver->timer,
						  left->tv_sec * 1000000ULL + left->tv_usec);
	sd_event_source_set_enabled(resolver->timer, left ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int wake(struct resolver *resolver, int readable, int writable)
{
	resolver->lib->ares_process_fd(resolver->channel, readable, writable);
	set_timer(resolver);
	resolver->handlers->woken(resolver->arg);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	return wake(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	bool failed = events & (EPOLLERR | EPOLLHUP);

	return wake(arg, events & EPOLLIN || failed ? fd : ARES_SOCKET_BAD,
		    events & EPOLLOUT || failed ? fd : ARES_SOCKET_BAD);
}

static void on_wait(void *arg, ares_socket_t fd, int readable, int writable)
{
	uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
	struct resolver *resolver = arg;
	struct resolver_wait **link = &resolver->waits, *wait;

	while (*link && (*link)->fd != fd)
		link = &(*link)->next;
	wait = *link;
	if (wait && events) {
		sd_event_source_set_io_events(wait->source, events);
	} else if (wait) {
		*link = wait->next;
		sd_event_source_disable_unref(wait->source);
		free(wait);
	} else if (events) {
		wait = calloc(1, sizeof(*wait));
		if (!wait || sd_event_add_io(resolver->group->event, &wait->source, fd, events,
					     on_io, resolver) < 0) {
			/* Its timeout wakes us. */
			free(wait);
			return;
		}
		wait->fd = fd;
		wait->next = resolver->waits;
		resolver->waits = wait;
	}
}

static ares_socket_t on_open(int family, int type, int protocol, void *arg)
{
	return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

static int on_close(ares_socket_t fd, void *arg)
{
	return close(fd);
}

static int on_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len, void *arg)
{
	struct resolver *resolver = arg;

	return name_servers_connect(&resolver->asked, resolver->group, fd, to, len);
}

static ares_ssize_t on_receive(ares_socket_t fd, void *data, size_t len, int flags,
			       struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
	ssize_t received = recvfrom(fd, data, len, flags, from, from_len);
	struct resolver *resolver = arg;

	if (received > 0)
		name_servers_heard(&resolver->asked, from, data, received);
	return received;
}

static ares_ssize_t on_send(ares_socket_t fd, const struct iovec *parts, int n, void *arg)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = n };
	struct resolver *resolver = arg;
	ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);

	if (sent < 0)
		name_servers_refused(&resolver->asked, resolver->group, errno);
	return sent;
}

static const struct ares_socket_functions socket_functions = { on_open, on_close, on_connect,
							       on_receive, on_send };

static int open_channel(struct resolver *resolver)
{
	uint64_t timeout_ms = resolver->group->timeout_us / 1000 / TRIES;
	char files_first[] = "fb", path[64];
	struct ares_options options = {
		.timeout = timeout_ms > SHORTEST_TIMEOUT_MS ? (int)timeout_ms : SHORTEST_TIMEOUT_MS,
		.tries = TRIES,
		.lookups = files_first,
		.resolvconf_path = path,
		.sock_state_cb = on_wait,
		.sock_state_cb_data = resolver,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_RESOLVCONF;

	resolv_conf_look(&resolver->conf);
	snprintf(path, sizeof(path), "%s", resolver->conf.path);
#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* of 0 s: who asks wants news */
#endif
	if (resolver->lib->ares_init_options(&resolver->channel, &options, mask) != ARES_SUCCESS) {
		resolver->channel = NULL;
		return -ENOMEM;
	}
	resolver->lib->ares_set_socket_functions(resolver->channel, &socket_functions, resolver);
	return 0;
}

void resolver_renew(struct resolver *resolver)
{
	ares_channel channel = resolver->channel;

	if (!channel)
		return;
	sd_event_source_set_enabled(resolver->timer, SD_EVENT_OFF);
	resolver->channel = NULL;
	resolver->lib->ares_destroy(channel);
	resolver->n_pending = 0;
	resolver->asked = (struct name_servers){};
}

/* Takes over what c-ares has found. */
static void take_addrs(const struct ares_addrinfo *info, struct name_answer *ret)
{
	ret->ttl_s = UINT32_MAX;
	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
		uint32_t ttl_s = node->ai_ttl > 0 ? node->ai_ttl : 0;

		if (ret->n == NAME_ADDRS)
			break;
		ret->addrs[ret->n++] = address_addr((const union address *)node->ai_addr);
		if (ttl_s < ret->ttl_s)
			ret->ttl_s = ttl_s;
	}
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct resolver_query *query = arg;
	struct resolver *resolver = query->resolver;
	struct name_answer answer = {};
	void *of_caller = query->query;

	free(query);
	if (status == ARES_SUCCESS)
		take_addrs(info, &answer);
	if (info)
		resolver->lib->ares_freeaddrinfo(info);
	if (status == ARES_EDESTRUCTION)
		return;
	resolver->n_pending--;
	if (answer.n == 0) {
		bool empty = status == ARES_SUCCESS || status == ARES_ENODATA;

		if (empty || status == ARES_ENOTFOUND)
			answer = name_servers_know_none(&resolver->asked, resolver->group, empty);
		else
			answer = name_servers_silent(&resolver->asked, resolver->group);
	}
	resolver->answering++;
	resolver->handlers->answered(of_caller, &answer);
	resolver->answering--;
}

void resolver_ask(struct resolver *resolver, const char *name, void *query)
{
	const struct ares_addrinfo_hints hints = {
		.ai_family = family_af(resolver->group->family),
		.ai_socktype = SOCK_STREAM,
		.ai_flags = ARES_AI_NOSORT, /* to sort them, it would ask main's routes */
	};
	struct resolver_query *it = malloc(sizeof(*it));
	struct name_answer answer = { .failure = FAILURE_UNSUPPORTED,
				      .why = "no memory to look names up" };

	if (resolver->n_pending == 0) {
		if (resolver->channel && !resolver->answering &&
		    resolv_conf_has_changed(&resolver->conf))
			resolver_renew(resolver);
		resolver->asked = (struct name_servers){};
	}
	if (!it || (!resolver->channel && open_channel(resolver) < 0)) {
		free(it);
		resolver->handlers->answered(query, &answer);
		return;
	}
	*it = (struct resolver_query){ resolver, query };
	resolver->n_pending++;
	resolver->lib->ares_getaddrinfo(resolver->channel, name, NULL, &hints, on_answer, it);
	set_timer(resolver);
}

struct name_answer resolver_silence(const struct resolver *resolver)
{
	return name_servers_silent(&resolver->asked, resolver->group);
}

int resolver_new(const struct resolver_library *library, const struct probe_group *group,
		 const struct resolver_handlers *handlers, void *arg, struct resolver **ret)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return -ENOMEM;
	*resolver = (struct resolver){
		.lib = library, .group = group, .handlers = handlers, .arg = arg
	};
	if (sd_event_add_time(group->event, &resolver->timer, CLOCK_MONOTONIC, UINT64_MAX, 1000,
			      on_timer, resolver) < 0) {
		free(resolver);
		return -ENOMEM;
	}
	*ret = resolver;
	return 0;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	resolver_renew(resolver);
	sd_event_source_disable_unref(resolver->timer);
	free(resolver);
}
