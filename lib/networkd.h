/*
 * The live DHCPv6 delegation of a link, as systemd-networkd tells it on D-Bus.
 */
#pragma once

#include "fault.h"
#include "prefix.h"

/* DHCPv6 takes seconds to have its lease confirmed after a restart of networkd. */
#define NETWORKD_GRACE_US 30000000

enum delegation {
	DELEGATION_UNKNOWN, /* networkd can't tell: it is not there, or has only just come */
	DELEGATION_NONE,    /* it is, and there is no prefix */
	DELEGATION_FOUND,
};

struct delegation_word {
	enum delegation said;
	struct prefix prefix; /* with DELEGATION_FOUND */
};

struct networkd;

/* Connects at the first question; free with networkd_close(). NULL: no memory. */
struct networkd *networkd_open(void);
void networkd_close(struct networkd *networkd);

static inline void networkd_closep(struct networkd **networkd)
{
	networkd_close(*networkd);
}

/*
 * The link's delegation that fits max_len bits: `current` while it is offered and
 * preferred, else the first preferred one, else the first valid one. When all are longer
 * than max_len, the first of them, for npt_check() to refuse by its name. While networkd has
 * been there for less than NETWORKD_GRACE_US, there being none says nothing against `current`.
 */
struct delegation_word networkd_delegation(struct networkd *networkd, unsigned ifindex,
					   struct prefix current, unsigned max_len);

/* All that networkd says of the link, as JSON (the caller's); NULL: nobody answers. */
char *networkd_describe(struct networkd *networkd, unsigned ifindex);

/* Calls RenewLink or ReconfigureLink. 0, or a negative errno with networkd's own words. */
int networkd_command(struct networkd *networkd, const char *method, unsigned ifindex,
		     struct fault *fault);

/* networkd_delegation(), of one answer of DescribeLink (nonsense is no answer); now_us:
 * CLOCK_BOOTTIME. Pure. */
enum delegation delegation_from_json(const char *json, uint64_t now_us, struct prefix current,
				     unsigned max_len, struct prefix *ret);

/* When the next lifetime in that answer ends, on CLOCK_BOOTTIME; UINT64_MAX: none does. Pure. */
uint64_t delegation_next_end(const char *json, uint64_t now_us);
