// SPDX-License-Identifier: GPL-2.0-or-later
// Sends small frames through routers under test and prints what a packet or connection cost.
// One thread sends, and so pays for routing: over veth the kernel forwards within the send call.

/*
 *     flood -4|-6 MODE ROUNDS PACKETS SITE...
 *
 * A SITE is ROUTER:OUTSIDE:LAN:WAN[,WAN...]: a process in the router's network
 * namespace, one in its neighbours', and the neighbours' interfaces. Sites take
 * turns, in slices of milliseconds: the machine's speed drifts by the second.
 *
 * One line comes out for each round: nanoseconds per packet on each site.
 */
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	FLOWS = 512,
	WANS_MAX = 64,
	SITES_MAX = 32,
	ROUNDS_MAX = 10000,
	PACKETS_MAX = 65536,
	FLUSH_EVERY = 8192, /* new flows on one site */
};

struct site {
	struct port lan, wan[WANS_MAX];
	int n_wan;
	int ctnetlink; /* the router's */

	/* What each established flow's two sides send, the latter by WAN. */
	struct frame out[FLOWS], in[WANS_MAX][FLOWS];
	unsigned n_in[WANS_MAX];

	uint64_t at;		 /* position in these, or the number of the next new flow */
	uint64_t fresh;		 /* flows since the last flush */
	uint64_t sent, received; /* in timed slices, and what the interfaces saw in all */
};

static struct site *sites[SITES_MAX];
static int n_sites;
static struct frame batch[BATCH];

static uint64_t site_received(const struct site *site, bool inwards)
{
	uint64_t n = 0;

	if (inwards)
		return port_received(&site->lan);
	for (int i = 0; i < site->n_wan; i++)
		n += port_received(&site->wan[i]);
	return n;
}

static void taps_open(struct site *site)
{
	/* Every protocol, or the sink's ingress filter would come first. */
	site->lan.tap = packet_socket(&site->lan, ETH_P_ALL);
	for (int i = 0; i < site->n_wan; i++)
		site->wan[i].tap = packet_socket(&site->wan[i], ETH_P_ALL);
}

static void taps_close(const struct site *site)
{
	close(site->lan.tap);
	for (int i = 0; i < site->n_wan; i++)
		close(site->wan[i].tap);
}

/* Forgets every flow of the site's router. */
static void flows_flush(struct site *site)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg g;
	} request = {
		.h = { .nlmsg_len = sizeof(request),
		       .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.g = { .nfgen_family = AF_UNSPEC },
	};
	char answer[512];

	check((int)send(site->ctnetlink, &request, sizeof(request), 0), "flush");
	check((int)recv(site->ctnetlink, answer, sizeof(answer), 0), "flush");
	site->fresh = 0;
}

/* Starts BATCH flows from id on and has them answered; returns how many
 * conversations were complete. What a flow's two sides said last is kept in
 * `out` and in the site, if there is an `out`. */
static unsigned converse(struct site *site, uint32_t id, struct frame *out)
{
	unsigned n;

	for (unsigned i = 0; i < BATCH; i++)
		frame_build(&batch[i], id + i);
	send_frames(&site->lan, batch, BATCH);

	for (int w = 0; w < site->n_wan; w++) {
		n = hear_frames(&site->wan[w]);
		for (unsigned i = 0; i < n; i++) {
			frame_reflect(&heard[i]);
			if (out)
				site->in[w][site->n_in[w]++] = heard[i];
		}
		send_frames(&site->wan[w], heard, n);
	}

	n = hear_frames(&site->lan);
	if (protocol == IPPROTO_TCP) {
		for (unsigned i = 0; i < n; i++)
			frame_reflect(&heard[i]);
		send_frames(&site->lan, heard, n);
		if (out)
			memcpy(out, heard, sizeof(heard));
		n = 0;
		for (int w = 0; w < site->n_wan; w++)
			n += hear_frames(&site->wan[w]);
	} else if (out) {
		memcpy(out, batch, sizeof(batch));
	}
	return n;
}

static void establish(struct site *site)
{
	taps_open(site);
	/* As far as a UDP flow gets at once: it is assured after 2 s only. */
	for (int again = 0; again < (protocol == IPPROTO_UDP ? 2 : 1); again++) {
		memset(site->n_in, 0, sizeof(site->n_in));
		for (uint32_t id = 0; id < FLOWS; id += BATCH) {
			unsigned n = converse(site, id, site->out + id);

			if (n != BATCH)
				die("%u of %d new flows were answered", n, BATCH);
		}
	}
	taps_close(site);
}

/* A batch of packets of flows that have been answered, out to the WANs. */
static void send_out(struct site *site)
{
	send_frames(&site->lan, site->out + site->at % FLOWS, BATCH);
	site->at += BATCH;
}

/* The same from one of the WANs. */
static void send_in(struct site *site)
{
	int w, tries = 0;

	do {
		if (tries++ == site->n_wan)
			die("no WAN has %d flows: too many WANs for %d", BATCH, FLOWS);
		w = (int)(site->at % (unsigned)site->n_wan);
		site->at++;
	} while (site->n_in[w] < BATCH);
	unsigned steps = site->n_in[w] / BATCH;
	send_frames(&site->wan[w], site->in[w] + site->at / (unsigned)site->n_wan % steps * BATCH,
		    BATCH);
}

/* A batch of packets that each start a flow. */
static void send_new(struct site *site)
{
	for (unsigned i = 0; i < BATCH; i++)
		frame_build(&batch[i], (uint32_t)site->at++);
	send_frames(&site->lan, batch, BATCH);
	site->fresh += BATCH;
}

/* A batch of whole TCP handshakes. */
static void send_connect(struct site *site)
{
	unsigned n = converse(site, (uint32_t)site->at, NULL);

	if (n != BATCH)
		die("%u of %d connections came about", n, BATCH);
	site->at += BATCH;
	site->fresh += BATCH;
}

struct mode {
	const char *name;
	void (*send)(struct site *site);
	uint8_t protocol;
	bool established, inwards, taps;
};

static const struct mode modes[] = {
	{ "established", send_out, IPPROTO_UDP, .established = true },
	{ "inwards", send_in, IPPROTO_UDP, .established = true, .inwards = true },
	{ "tcp-established", send_out, IPPROTO_TCP, .established = true },
	{ "new", send_new, IPPROTO_UDP },
	{ "tcp-connect", send_connect, IPPROTO_TCP, .taps = true },
};

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds per packet in one slice. */
static double slice(const struct mode *mode, struct site *site, unsigned packets)
{
	if (!mode->established && site->fresh > FLUSH_EVERY)
		flows_flush(site);
	mode->send(site); /* warms the caches up */

	uint64_t before = mode->taps ? 0 : site_received(site, mode->inwards);
	double start = cpu_now();
	for (unsigned sent = 0; sent < packets; sent += BATCH)
		mode->send(site);
	double cpu = cpu_now() - start;

	if (!mode->taps) {
		site->sent += packets;
		site->received += site_received(site, mode->inwards) - before;
	}
	return cpu / packets;
}

static struct site *site_open(char *text)
{
	struct site *site = calloc(1, sizeof(*site));
	const char *router = strsep(&text, ":"), *outside = strsep(&text, ":");
	const char *name = strsep(&text, ":");
	char path[64];

	if (!site || !name || !text)
		die("a site is ROUTER:OUTSIDE:LAN:WAN[,WAN...]");
	port_open(&site->lan, outside, name);
	while ((name = strsep(&text, ",")) && site->n_wan < WANS_MAX)
		port_open(&site->wan[site->n_wan++], outside, name);

	snprintf(path, sizeof(path), "/proc/%.10s/ns/net", router);
	int ns = check(open(path, O_RDONLY | O_CLOEXEC), path);
	check(setns(ns, CLONE_NEWNET), "setns");
	close(ns);
	site->ctnetlink =
		check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), "ctnetlink");
	return site;
}

int main(int argc, char *argv[])
{
	struct sched_param priority = { .sched_priority = 1 };
	double cost[SITES_MAX];
	const struct mode *mode = NULL;

	for (size_t i = 0; argc > 5 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[2], modes[i].name) == 0)
			mode = &modes[i];
	if (!mode) {
		fputs("usage: flood -4|-6 MODE ROUNDS PACKETS ROUTER:OUTSIDE:LAN:WAN[,WAN...]...\n",
		      stderr);
		return 2;
	}
	family = strcmp(argv[1], "-6") == 0 ? AF_INET6 : AF_INET;
	protocol = mode->protocol;
	unsigned rounds = (unsigned)strtoul(argv[3], NULL, 10);
	unsigned packets = (unsigned)strtoul(argv[4], NULL, 10);
	if (rounds > ROUNDS_MAX || packets > PACKETS_MAX || packets % BATCH)
		die("at most %d rounds of %d packets, a multiple of %d", ROUNDS_MAX, PACKETS_MAX,
		    BATCH);

	ports_init();
	for (int i = 5; i < argc && n_sites < SITES_MAX; i++) {
		struct site *site = sites[n_sites++] = site_open(argv[i]);

		flows_flush(site);
		if (mode->established)
			establish(site);
		else if (mode->taps)
			taps_open(site);
	}
	/* Nothing comes in between; a run takes a few seconds at most. */
	sched_setscheduler(0, SCHED_FIFO, &priority);

	for (unsigned round = 0; round < rounds; round++) {
		for (int i = 0; i < n_sites; i++) {
			int turn = (int)((round * 7 + (unsigned)i) % (unsigned)n_sites);

			cost[turn] = slice(mode, sites[turn], packets);
		}
		for (int i = 0; i < n_sites; i++)
			printf("%.1f%c", cost[i], i + 1 < n_sites ? ' ' : '\n');
	}

	for (int i = 0; i < n_sites; i++)
		if (sites[i]->received < sites[i]->sent)
			die("site %d lost %llu of %llu packets", i,
			    (unsigned long long)(sites[i]->sent - sites[i]->received),
			    (unsigned long long)sites[i]->sent);
	return EXIT_SUCCESS;
}
