/*
 * The live DHCPv6 delegation of a link, as systemd-networkd tells it on D-Bus.
 */
#pragma once

#include "fault.h"
#include "prefix.h"

enum delegation {
	DELEGATION_UNKNOWN, /* networkd is not there to ask, or does not know itself yet */
	DELEGATION_NONE,    /* it is, and there is no prefix */
	DELEGATION_FOUND,
};

struct delegation_word {
	enum delegation said;
	struct prefix prefix; /* with DELEGATION_FOUND */
	uint64_t until_us;    /* and then: CLOCK_BOOTTIME at its end; UINT64_MAX: none is known */
};

struct networkd;

/*
 * Connects at the first question; free with networkd_close(). NULL: no memory. Where one question
 * has not been answered in time, the next ones are not asked.
 */
struct networkd *networkd_open(void);
void networkd_close(struct networkd *networkd);

static inline void networkd_closep(struct networkd **networkd)
{
	networkd_close(*networkd);
}

/*
 * The link's delegation that fits max_len bits: the one in use while it is offered and
 * preferred, else the first preferred one, else the first valid one. When all are longer
 * than max_len, the first of them, for npt_check() to refuse by its name.
 *
 * Where there is carrier but no DHCPv6 lease, as after networkd was restarted or told to
 * reconfigure the link, nobody has taken away what is in use: DELEGATION_UNKNOWN until it ends.
 */
struct delegation_word networkd_delegation(struct networkd *networkd, unsigned ifindex,
					   struct delegation_word in_use, unsigned max_len);

/* All that networkd says of the link, as JSON (the caller's); NULL: nobody answers. */
char *networkd_describe(struct networkd *networkd, unsigned ifindex);

/* Calls RenewLink or ReconfigureLink. 0, or a negative errno with networkd's own words. */
int networkd_command(struct networkd *networkd, const char *method, unsigned ifindex,
		     struct fault *fault);

/* networkd_delegation(), of one answer of DescribeLink (nonsense is no answer); now_us:
 * CLOCK_BOOTTIME. Pure. */
struct delegation_word delegation_from_json(const char *json, uint64_t now_us,
					    struct delegation_word in_use, unsigned max_len);

/* When the next lifetime in that answer ends, on CLOCK_BOOTTIME; UINT64_MAX: none does. Pure. */
uint64_t delegation_next_end(const char *json, uint64_t now_us);
