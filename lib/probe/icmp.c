// SPDX-License-Identifier: GPL-2.0-or-later
// The kind of probe of `ping4` and `ping6`: an echo request.
// All targets of a group share one raw socket, whose filter lets in only what answers them.

#include "base/machine.h"
#include "probe/echo.h"
#include "probe/socket.h"
#include "probe/target.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

/* So many packets go and come with one system call. */
#define BATCH 32

struct icmp_echo {
	struct addr to;
	uint64_t sent_us, sent_wall_us; /* the kernel stamps by the wall's clock */
	int error;			/* 0: it has been sent */
};

struct icmp {
	struct probe_group *group;
	struct icmp_echo *echoes; /* owned; one for each target */
	struct echo_key key;	  /* of the first target in this cycle */

	int fd; /* -1: none yet */
	sd_event_source *source;
	bool stale; /* the socket is made anew before the next requests */
};

static void close_socket(struct icmp *icmp)
{
	sd_event_source_disable_unref(icmp->source);
	icmp->source = NULL;
	if (icmp->fd >= 0)
		close(icmp->fd);
	icmp->fd = -1;
}

/* When the kernel received it, by the wall's clock; 0: it did not say. */
static uint64_t received_us(struct msghdr *message)
{
	struct timespec stamp;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		return stamp.tv_sec * 1000000ULL + stamp.tv_nsec / 1000;
	}
	return 0;
}

/*
 * A busy loop sees an answer late, and a wall clock that is set forward makes it look late: the
 * smaller of both is nearer to the truth. Rounded up: 0 would be no answer.
 */
static uint32_t round_trip_us(const struct icmp_echo *echo, uint64_t now_us, uint64_t stamp_us)
{
	uint64_t elapsed_us = now_us - echo->sent_us;

	if (stamp_us >= echo->sent_wall_us && stamp_us - echo->sent_wall_us < elapsed_us)
		elapsed_us = stamp_us - echo->sent_wall_us;
	return elapsed_us + 1;
}

/* The target that this is an answer for; NULL: of another cycle, or forged. */
static struct probe_target *find_target(const struct icmp *icmp, const struct echo_answer *answer,
					struct addr from)
{
	uint16_t i = answer->key.seq - icmp->key.seq;
	struct probe_target *target;

	if (i >= icmp->group->n || answer->key.id != icmp->key.id)
		return NULL;
	target = &icmp->group->targets[i];
	if (addr_cmp(answer->error ? answer->destination : from, icmp->echoes[i].to) != 0)
		return NULL;
	if (answer->partial)
		return answer->error ? target : NULL;
	if (answer->key.cookie != icmp->key.cookie || answer->key.cycle != icmp->key.cycle ||
	    answer->key.target != i)
		return NULL;
	return target;
}

static void take_answer(struct icmp *icmp, struct msghdr *message, size_t len, uint64_t now_us)
{
	struct addr from = address_addr(message->msg_name);
	struct probe_target *target;
	struct echo_answer answer;

	if (!echo_read(icmp->group->family, message->msg_iov->iov_base, len, &answer))
		return;
	target = find_target(icmp, &answer, from);
	if (!target)
		return;
	if (answer.error)
		probe_failed(icmp->group->set, target, FAILURE_UNREACHABLE, "%s, says %s",
			     echo_error(icmp->group->family, answer.type, answer.code),
			     addr_str(from).s);
	else
		probe_answered(icmp->group->set, target,
			       round_trip_us(&icmp->echoes[target - icmp->group->targets], now_us,
					     received_us(message)));
}

static void take_answers(struct icmp *icmp)
{
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];
	union address from[BATCH];
	uint8_t data[BATCH][192]; /* an error with all headers, options and what we look at */
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct timespec))];
	} control[BATCH];
	int n;

	do {
		uint64_t now_us;

		for (int i = 0; i < BATCH; i++) {
			parts[i] = (struct iovec){ data[i], sizeof(data[i]) };
			messages[i].msg_hdr = (struct msghdr){
				.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &parts[i],
				.msg_iovlen = 1,
				.msg_control = &control[i],
				.msg_controllen = sizeof(control[i]),
			};
		}
		n = recvmmsg(icmp->fd, messages, BATCH, 0, NULL);
		now_us = clock_us(CLOCK_MONOTONIC);
		for (int i = 0; i < n; i++)
			take_answer(icmp, &messages[i].msg_hdr, messages[i].msg_len, now_us);
	} while (n == BATCH);

	/* Reading an error clears it. It is the socket's, not a target's: use a new socket next. */
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		icmp->stale = true;
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct icmp *icmp = arg;

	take_answers(icmp);
	/* This event would come again and again. */
	if (events & EPOLLHUP) {
		icmp->stale = true;
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	probe_woken(icmp->group->set);
	return 0;
}

/* The old one goes in any case: it may be bound to what is no longer ours. */
static int replace_socket(struct icmp *icmp, struct fault *fault)
{
	int fd = probe_echo_socket(icmp->group->path, icmp->group->family, icmp->key.id,
				   icmp->group->n, fault);
	int r;

	/* Requests of this cycle may have been answered already. */
	if (icmp->fd >= 0)
		take_answers(icmp);
	close_socket(icmp);
	if (fd < 0)
		return fd;

	icmp->fd = fd;
	icmp->stale = false;
	r = sd_event_add_io(icmp->group->event, &icmp->source, fd, EPOLLIN, on_wake, icmp);
	if (r >= 0)
		return 0;
	close_socket(icmp);
	return fault_set(fault, r, "cannot wait for answers: %s", strerror(-r));
}

/* Sends what is not sent yet of the targets from *i on, at most a batch of them. */
static void send_batch(struct icmp *icmp, size_t *i)
{
	uint8_t packets[BATCH][ECHO_SIZE];
	struct mmsghdr messages[BATCH] = {};
	union address to[BATCH];
	struct iovec parts[BATCH];
	struct icmp_echo *echoes[BATCH];
	unsigned n = 0, done = 0;

	for (; *i < icmp->group->n && n < BATCH; ++*i) {
		struct echo_key key = icmp->key;
		struct icmp_echo *echo = &icmp->echoes[*i];

		if (echo->error == 0)
			continue;
		key.target = *i;
		key.seq += *i;
		echo_write(icmp->group->family, &key, packets[n]);
		parts[n] = (struct iovec){ packets[n], ECHO_SIZE };
		messages[n].msg_hdr = (struct msghdr){
			.msg_name = &to[n],
			.msg_namelen = address_make(echo->to, &to[n]),
			.msg_iov = &parts[n],
			.msg_iovlen = 1,
		};
		echo->sent_us = clock_us(CLOCK_MONOTONIC);
		echo->sent_wall_us = clock_us(CLOCK_REALTIME);
		echoes[n++] = echo;
	}
	while (done < n) {
		/* It stops at one that can't be sent; the others still have to go. */
		int sent = sendmmsg(icmp->fd, messages + done, n - done, 0);

		if (sent <= 0)
			echoes[done++]->error = errno;
		for (; sent > 0 && done < n; sent--)
			echoes[done++]->error = 0;
	}
}

/*
 * Sends what is not sent yet. True when a new socket could do better: an address, link or filter
 * has changed meanwhile.
 */
static bool send_unsent(struct icmp *icmp)
{
	bool stale = false;

	for (size_t i = 0; i < icmp->group->n;)
		send_batch(icmp, &i);
	for (size_t i = 0; i < icmp->group->n; i++) {
		int error = icmp->echoes[i].error;

		stale |= error != 0 && error != EAGAIN && error != ENOBUFS && error != ENOMEM;
	}
	return stale;
}

/* The fault, if there is one, says more than the error of sending. */
static void fail_unsent(struct icmp *icmp, const struct fault *fault)
{
	for (size_t i = 0; i < icmp->group->n; i++) {
		int error = icmp->echoes[i].error;
		struct probe_refusal refusal;

		if (error == 0)
			continue;
		if (fault->text[0]) {
			probe_failed(icmp->group->set, &icmp->group->targets[i], FAILURE_LOCAL,
				     "%s", fault->text);
			continue;
		}
		refusal = probe_refusal_of(error);
		probe_failed(icmp->group->set, &icmp->group->targets[i], refusal.failure,
			     "cannot send over %s: %s%s", icmp->group->path->interface,
			     strerror(error), refusal.words);
	}
}

static void icmp_free(struct probe_group *group)
{
	struct icmp *icmp = group->own;

	if (!icmp)
		return;
	close_socket(icmp);
	free(icmp->echoes);
	free(icmp);
}

static int icmp_new(struct probe_group *group, struct fault *fault)
{
	struct icmp *icmp = calloc(1, sizeof(*icmp));
	uint32_t machine;

	if (!icmp)
		return -ENOMEM;
	group->own = icmp;
	icmp->group = group;
	icmp->fd = -1;
	icmp->key.id = group->id;
	icmp->echoes = calloc(group->n, sizeof(*icmp->echoes));
	if (!icmp->echoes)
		return -ENOMEM;
	for (size_t i = 0; i < group->n; i++)
		if (addr_parse(group->targets[i].name, family_af(group->family),
			       &icmp->echoes[i].to) < 0)
			return fault_set(fault, -EINVAL, "%s is no address",
					 group->targets[i].name);
	if (getrandom(&icmp->key.cookie, sizeof(icmp->key.cookie), 0) != sizeof(icmp->key.cookie) ||
	    getrandom(&icmp->key.seq, sizeof(icmp->key.seq), 0) != sizeof(icmp->key.seq))
		return fault_set(fault, -EIO, "no random numbers: %s", strerror(errno));
	/* The ruleset knows our requests by it, and does not track them. */
	machine = machine_number();
	if (!machine)
		return fault_set(fault, -EIO, "/etc/machine-id can't be read");
	memcpy(&icmp->key.cookie, &machine, sizeof(machine));
	return 0;
}

static void icmp_begin(struct probe_group *group)
{
	struct icmp *icmp = group->own;
	bool fresh = icmp->fd < 0 || icmp->stale || group->renew;
	int error;
	socklen_t len = sizeof(error);
	struct fault fault = {};

	icmp->key.cycle++;
	/* No number comes again soon, so that an error says what cycle's request it is about. */
	icmp->key.seq += group->n;
	for (size_t i = 0; i < group->n; i++)
		icmp->echoes[i].error = EAGAIN;

	if (fresh)
		replace_socket(icmp, &fault);
	if (icmp->fd >= 0) {
		/* The first to send would get an error that waits there. */
		getsockopt(icmp->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (send_unsent(icmp) && !fresh && replace_socket(icmp, &fault) == 0)
			send_unsent(icmp);
	}
	fail_unsent(icmp, &fault);
}

static struct probe_miss icmp_end(struct probe_group *group, size_t target)
{
	return (struct probe_miss){ FAILURE_SILENT, "no answer" };
}

const struct probe_kind probe_ping = {
	.keys = { "ping4", "ping6" },
	.new = icmp_new,
	.begin = icmp_begin,
	.end = icmp_end,
	.free = icmp_free,
};
