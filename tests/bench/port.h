// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The neighbours' ends of links to routers under test: frames go out and come in by packet sockets.
 */
#pragma once

#include "frame.h"

#include <net/if.h>
#include <stdint.h>

enum {
	BATCH = 64, /* frames at once */
};

struct port {
	int ns;	   /* /proc/PID/ns/net */
	int stats; /* that namespace's /proc/net/dev */
	int tx;	   /* packet socket that hears nothing */
	int tap;   /* packet socket that hears everything */
	int index;
	char name[IF_NAMESIZE];
};

/* The frames that hear_frames() brought last. */
extern struct frame heard[BATCH];

/* Ends the program with these words and errno's. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* r, unless it is negative: then the end of the program. */
int check(int r, const char *what);

/* Once, before anything is sent. */
void ports_init(void);
/* pid: a process in the port's network namespace. */
void port_open(struct port *port, const char *pid, const char *name);
/* ethertype 0: hears nothing. */
int packet_socket(const struct port *port, int ethertype);
/* Packets that the interface has received so far. */
uint64_t port_received(const struct port *port);

unsigned send_frames(const struct port *port, struct frame *frames, unsigned n);
/* The frames of our own protocol waiting in a tap, BATCH at most. */
unsigned hear_frames(const struct port *port);
