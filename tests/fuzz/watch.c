// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes what the kernel reports by itself: links, addresses, routes, rules, neighbours, nftables.
// The loop's sources are called as if their sockets were readable.

#include "nlbag.h"

#include "kernel/watch.h"

#include <sys/epoll.h>
#include <sys/socket.h>

static struct watch_source {
	sd_event_io_handler_t handler;
	void *arg;
} sources[4];
static size_t n_sources;

int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
			   sd_event_io_handler_t handler, void *arg);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_nl_socket_add_membership(struct nl_sock *sk, int group);

int __wrap_sd_event_add_io(sd_event *event, sd_event_source **ret, int fd, uint32_t events,
			   sd_event_io_handler_t handler, void *arg)
{
	FUZZ_CHECK(n_sources < ARRAY_SIZE(sources));
	sources[n_sources++] = (struct watch_source){ handler, arg };
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return 0;
}

int __wrap_nl_socket_add_membership(struct nl_sock *sk, int group)
{
	return 0;
}

static void on_changed(enum watch_change change, void *arg)
{
	FUZZ_CHECK(change > CHANGE_NONE && change <= CHANGE_LINK);
}

static void on_address_gone(unsigned ifindex, struct addr addr, void *arg)
{
	(void)addr_str(addr);
}

static bool concerns(unsigned ifindex, const char *name, void *arg)
{
	return ifindex % 2 == 0 || *name == 'w';
}

static bool concerns_neighbour(unsigned ifindex, struct addr addr, bool there, void *arg)
{
	return there && *addr_str(addr).s;
}

static bool is_own(uint32_t generation, void *arg)
{
	return generation % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct watch_handlers handlers = { on_changed, on_address_gone, concerns,
							concerns_neighbour, is_own };
	static struct watch *watch;
	struct fault fault = {};

	if (!watch) {
		FUZZ_CHECK(watch_new(NULL, &handlers, NULL, &watch, &fault) == 0 && n_sources == 2);
		watch_set_own_port(watch, 7);
	}
	nlbag_fill(data, size);
	for (size_t i = 0; i < n_sources; i++) {
		nlbag_report();
		sources[i].handler(NULL, -1, EPOLLIN, sources[i].arg);
	}
	return 0;
}
