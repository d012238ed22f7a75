/*
 * The echo requests of one set, over one raw socket.
 */
#pragma once

#include "probe.h"

struct icmp;

/*
 * For the first n targets of the set, which are addresses. No other set of the process
 * may have the id.
 */
int icmp_new(sd_event *event, struct probe_set *set, size_t n, enum family family, uint16_t id,
	     struct icmp **ret, struct fault *fault);
void icmp_free(struct icmp *icmp);

static inline void icmp_freep(struct icmp **icmp)
{
	icmp_free(*icmp);
}

/* The next requests leave from a new socket; what is under way is still received. */
void icmp_renew(struct icmp *icmp);

/* Sends a request to each target. Those that can't be sent have failed. */
void icmp_begin(struct icmp *icmp, const struct probe_path *path);
