#include "probe_icmp.h"

#include "probe_echo.h"
#include "probe_set.h"
#include "probe_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32

/* Both clocks: the kernel stamps what it receives with the wall's, which may be stepped. */
struct moment {
	int64_t monotonic, wall; /* nanoseconds */
};

struct echo {
	struct moment sent;
	int error; /* 0: it has been sent */
};

struct icmp {
	sd_event *event;
	struct probe_set *set;
	enum family family;
	size_t n;
	struct echo *echoes;
	struct echo_key key; /* of the first target in this cycle */

	int fd; /* -1: none yet */
	sd_event_source *source;
	bool stale; /* the socket is made anew before the next requests */
};

static int64_t nanoseconds(struct timespec t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct moment moment_now(void)
{
	struct timespec monotonic, wall;

	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_REALTIME, &wall);
	return (struct moment){ nanoseconds(monotonic), nanoseconds(wall) };
}

int icmp_new(sd_event *event, struct probe_set *set, size_t n, enum family family, uint16_t id,
	     struct icmp **ret, struct fault *fault)
{
	_cleanup_(icmp_freep) struct icmp *icmp = calloc(1, sizeof(*icmp));
	struct echo_key key = { .id = id };

	if (!icmp)
		return -ENOMEM;
	icmp->fd = -1;
	icmp->echoes = calloc(n, sizeof(*icmp->echoes));
	if (!icmp->echoes)
		return -ENOMEM;
	if (getrandom(&key.cookie, sizeof(key.cookie), 0) != sizeof(key.cookie) ||
	    getrandom(&key.seq, sizeof(key.seq), 0) != sizeof(key.seq))
		return fault_set(fault, -EIO, "no random numbers: %s", strerror(errno));

	icmp->event = event;
	icmp->set = set;
	icmp->n = n;
	icmp->family = family;
	icmp->key = key;
	*ret = TAKE(icmp);
	return 0;
}

static void close_socket(struct icmp *icmp)
{
	sd_event_source_disable_unref(icmp->source);
	icmp->source = NULL;
	if (icmp->fd >= 0)
		close(icmp->fd);
	icmp->fd = -1;
}

void icmp_free(struct icmp *icmp)
{
	if (!icmp)
		return;
	close_socket(icmp);
	free(icmp->echoes);
	free(icmp);
}

void icmp_renew(struct icmp *icmp)
{
	icmp->stale = true;
}

/* What one wake finds. */
struct arrivals {
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	union address from[BATCH];
	uint8_t data[BATCH][192]; /* an error with all headers, options and what we look at */
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct timespec))];
	} control[BATCH];
};

static int receive(int fd, struct arrivals *arrivals)
{
	for (int i = 0; i < BATCH; i++) {
		arrivals->parts[i] = (struct iovec){ arrivals->data[i], sizeof(arrivals->data[i]) };
		arrivals->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &arrivals->from[i],
			.msg_namelen = sizeof(arrivals->from[i]),
			.msg_iov = &arrivals->parts[i],
			.msg_iovlen = 1,
			.msg_control = &arrivals->control[i],
			.msg_controllen = sizeof(arrivals->control[i]),
		};
	}
	return recvmmsg(fd, arrivals->messages, BATCH, 0, NULL);
}

/* When the kernel received it, by the wall's clock; 0: it did not say. */
static int64_t received_at(struct msghdr *message)
{
	struct timespec stamp;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		return nanoseconds(stamp);
	}
	return 0;
}

/*
 * A busy loop sees an answer late, and a wall clock that is stepped forward lets it look late: the
 * smaller of both is nearer to the truth.
 */
static uint32_t round_trip_us(const struct moment *sent, const struct moment *now, int64_t stamp)
{
	int64_t elapsed = now->monotonic - sent->monotonic;

	if (stamp >= sent->wall && stamp - sent->wall < elapsed)
		elapsed = stamp - sent->wall;
	return (elapsed + 999) / 1000;
}

/* The target that this is an answer for; NULL: of another cycle, or forged. */
static struct probe_target *find_target(const struct icmp *icmp, const struct echo_answer *answer,
					struct addr from)
{
	uint16_t i = answer->key.seq - icmp->key.seq;
	struct probe_target *target;

	if (i >= icmp->n || answer->key.id != icmp->key.id)
		return NULL;
	target = &icmp->set->targets[i];
	if (addr_cmp(answer->error ? answer->destination : from, target->addr) != 0)
		return NULL;
	if (answer->partial)
		return answer->error ? target : NULL;
	if (answer->key.cookie != icmp->key.cookie || answer->key.cycle != icmp->key.cycle ||
	    answer->key.target != i)
		return NULL;
	return target;
}

static void take_answer(struct icmp *icmp, struct mmsghdr *message, const struct moment *now)
{
	const struct msghdr *header = &message->msg_hdr;
	struct addr from = address_addr(header->msg_name);
	struct probe_target *target;
	struct echo_answer answer;

	if (!echo_read(icmp->family, header->msg_iov->iov_base, message->msg_len, &answer))
		return;
	target = find_target(icmp, &answer, from);
	if (!target)
		return;
	if (answer.error)
		probe_failed(icmp->set, target, "%s, says %s",
			     echo_error(icmp->family, answer.type, answer.code), addr_str(from).s);
	else
		probe_answered(icmp->set, target,
			       round_trip_us(&icmp->echoes[target - icmp->set->targets].sent, now,
					     received_at(&message->msg_hdr)));
}

/* All that are there. */
static void take_answers(struct icmp *icmp)
{
	struct arrivals arrivals;
	struct moment now;
	int n;

	do {
		n = receive(icmp->fd, &arrivals);
		now = moment_now();
		for (int i = 0; i < n; i++)
			take_answer(icmp, &arrivals.messages[i], &now);
	} while (n == BATCH);

	/* An error is read once. It is of the socket, not of a target: the next is a new one. */
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		icmp->stale = true;
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct icmp *icmp = arg;

	take_answers(icmp);
	/* This one would come again and again. */
	if (events & EPOLLHUP) {
		icmp->stale = true;
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	probe_woken(icmp->set);
	return 0;
}

/* The old one goes in any case: it may be bound to what is no longer ours. */
static int replace_socket(struct icmp *icmp, const struct probe_path *path, struct fault *fault)
{
	int fd = probe_echo_socket(path, icmp->family, icmp->key.id, icmp->n, fault);
	int r;

	/* Requests of this cycle may have been answered already. */
	if (icmp->fd >= 0)
		take_answers(icmp);
	close_socket(icmp);
	if (fd < 0)
		return fd;

	icmp->fd = fd;
	icmp->stale = false;
	r = sd_event_add_io(icmp->event, &icmp->source, fd, EPOLLIN, on_wake, icmp);
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
	struct echo *echoes[BATCH];
	unsigned n = 0, done = 0;
	struct moment now;

	for (; *i < icmp->n && n < BATCH; ++*i) {
		struct echo_key key = icmp->key;

		if (icmp->echoes[*i].error == 0)
			continue;
		key.target = *i;
		key.seq += *i;
		echo_write(icmp->family, &key, packets[n]);
		parts[n] = (struct iovec){ packets[n], ECHO_SIZE };
		messages[n].msg_hdr = (struct msghdr){
			.msg_name = &to[n],
			.msg_namelen = address_make(icmp->set->targets[*i].addr, &to[n]),
			.msg_iov = &parts[n],
			.msg_iovlen = 1,
		};
		echoes[n++] = &icmp->echoes[*i];
	}

	now = moment_now();
	while (done < n) {
		/* It stops at one that can't be sent, and the others still have to go. */
		int sent = sendmmsg(icmp->fd, messages + done, n - done, 0);

		if (sent <= 0)
			echoes[done++]->error = errno;
		for (; sent > 0 && done < n; sent--)
			*echoes[done++] = (struct echo){ .sent = now };
	}
}

static void send_unsent(struct icmp *icmp)
{
	size_t i = 0;

	while (i < icmp->n)
		send_batch(icmp, &i);
}

/* True when a new socket could do better: an address, link or filter has changed meanwhile. */
static bool unsent_by_staleness(const struct icmp *icmp)
{
	for (size_t i = 0; i < icmp->n; i++) {
		int error = icmp->echoes[i].error;

		if (error != 0 && error != EAGAIN && error != ENOBUFS && error != ENOMEM)
			return true;
	}
	return false;
}

/* The fault, if there is one, says it better than what sending came to. */
static void fail_unsent(struct icmp *icmp, const struct probe_path *path, const struct fault *fault)
{
	for (size_t i = 0; i < icmp->n; i++) {
		struct probe_target *target = &icmp->set->targets[i];
		int error = icmp->echoes[i].error;

		if (error == 0)
			continue;
		if (fault->text[0])
			probe_failed(icmp->set, target, "%s", fault->text);
		else
			probe_failed(icmp->set, target, "cannot send over %s: %s%s",
				     path->interface, strerror(error),
				     error == EPERM ? " (dropped by nftables)" : "");
	}
}

void icmp_begin(struct icmp *icmp, const struct probe_path *path)
{
	bool fresh = icmp->fd < 0 || icmp->stale;
	int error;
	socklen_t len = sizeof(error);
	struct fault fault = {};

	icmp->key.cycle++;
	/* No number comes again soon, so that an error says what cycle's request it is about. */
	icmp->key.seq += icmp->n;
	for (size_t i = 0; i < icmp->n; i++)
		icmp->echoes[i] = (struct echo){ .error = EAGAIN };

	if (fresh)
		replace_socket(icmp, path, &fault);
	if (icmp->fd >= 0) {
		/* An error that waits there would be told to the first to send. */
		getsockopt(icmp->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		send_unsent(icmp);
		if (!fresh && unsent_by_staleness(icmp) && replace_socket(icmp, path, &fault) == 0)
			send_unsent(icmp);
	}
	fail_unsent(icmp, path, &fault);
}
