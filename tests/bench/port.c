// SPDX-License-Identifier: GPL-2.0-or-later
// The neighbours' ends of links to routers under test.
// Packet sockets in other network namespaces send and receive a batch of frames with one call.

#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct frame heard[BATCH];
static struct iovec iov[BATCH];
static struct mmsghdr msgs[BATCH];

void die(const char *format, ...)
{
	va_list ap;
	int e = errno;

	va_start(ap, format);
	fputs("flood: ", stderr);
	vfprintf(stderr, format, ap);
	fprintf(stderr, " (%s)\n", strerror(e));
	va_end(ap);
	exit(EXIT_FAILURE);
}

int check(int r, const char *what)
{
	if (r < 0)
		die("%s", what);
	return r;
}

int packet_socket(const struct port *port, int ethertype)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons((uint16_t)ethertype),
		.sll_ifindex = port->index,
	};
	int one = 1, size = 16 << 20;

	check(setns(port->ns, CLONE_NEWNET), "setns");
	int fd = check(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket");
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	check(bind(fd, (struct sockaddr *)&to, sizeof(to)), port->name);
	return fd;
}

void port_open(struct port *port, const char *pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%.10s/ns/net", pid);
	port->ns = check(open(path, O_RDONLY | O_CLOEXEC), path);
	check(setns(port->ns, CLONE_NEWNET), "setns");
	port->stats = check(open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC), "net/dev");
	port->index = (int)if_nametoindex(name);
	if (port->index == 0)
		die("%s", name);
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->tx = packet_socket(port, 0);
	port->tap = -1;
}

uint64_t port_received(const struct port *port)
{
	static char text[16384];
	ssize_t len = pread(port->stats, text, sizeof(text) - 1, 0);
	char key[IF_NAMESIZE + 2];

	if (len < 0)
		die("net/dev");
	text[len] = '\0';
	snprintf(key, sizeof(key), "%s:", port->name);
	char *figure = strstr(text, key);
	if (!figure)
		die("no figures for %s", port->name);
	figure += strlen(key);
	strtoull(figure, &figure, 10); /* bytes */
	return strtoull(figure, NULL, 10);
}

void ports_init(void)
{
	for (unsigned i = 0; i < BATCH; i++)
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
}

unsigned send_frames(const struct port *port, struct frame *frames, unsigned n)
{
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++)
		iov[i] = (struct iovec){ frames[i].data, frames[i].len };
	while (done < n) {
		int r = sendmmsg(port->tx, msgs + done, n - done, 0);

		if (r < 0 && errno == ENOBUFS) /* the queue was full: this one is lost */
			r = 1;
		done += (unsigned)check(r, "sendmmsg");
	}
	return n;
}

unsigned hear_frames(const struct port *port)
{
	unsigned n = 0;
	int r;

	do {
		for (unsigned i = n; i < BATCH; i++)
			iov[i] = (struct iovec){ heard[i].data, FRAME_MAX };
		r = recvmmsg(port->tap, msgs + n, BATCH - n, MSG_DONTWAIT, NULL);
		if (r < 0 && errno != EAGAIN)
			die("recvmmsg");
		for (unsigned i = n, end = n + (unsigned)(r > 0 ? r : 0); i < end; i++) {
			heard[i].len = msgs[i].msg_len;
			if (frame_is_ours(heard[i].data))
				heard[n++] = heard[i];
		}
	} while (r > 0 && n < BATCH);
	return n;
}
