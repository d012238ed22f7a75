/*
 * The state of the site as the health daemon tells it: the object of health.json, and what
 * --status shows. Values only.
 */
#pragma once

#include "health.h"

#define HEALTH_PATH "/run/mwan/health.json"
#define HEALTH_KEPT_PATH "/var/lib/mwan/health.json"

/* In such a file, the gateway that is the link itself. */
#define REPORT_LINK_GATEWAY "link"

struct target_report {
	char *name;    /* owned; address or URL */
	bool answered; /* the last probe */
	char *why;     /* owned; why it failed; NULL: it did not */
	struct health_window window;
};

struct family_report {
	bool present; /* the WAN is configured for the family */
	struct health_state health;
	bool eligible;
	double share; /* of new flows, 0 to 1 */
	bool has_gateway;
	struct addr gateway;	       /* AF_UNSPEC: the link itself */
	struct prefix prefix;	       /* the delegated one; len 0: none */
	double loss;		       /* over all targets' windows, 0 to 1 */
	double rtt_us;		       /* mean over the same; 0: no answer */
	char *trouble;		       /* owned; what is wrong and what to do; NULL: nothing */
	struct target_report *targets; /* owned */
	size_t n_targets;
};

struct wan_report {
	char name[32], interface[IFNAMSIZ];
	uint32_t mark, table, tier, weight;
	bool carrier;
	struct family_report family[N_FAMILIES];
};

struct report {
	uint64_t time_us;	 /* when it was made; microseconds since 1970 */
	uint64_t interval_us;	 /* and at most how long until the next one */
	struct wan_report *wans; /* owned */
	size_t n_wans;
	char *trouble; /* owned; why the kernel could not be brought to this; NULL: it was */
};

void report_done(struct report *report);

/* True when there is a probe in one of the windows: loss tells something. */
bool report_is_probed(const struct family_report *family);

/* True when the daemon that wrote it should have written another one by now. */
bool report_is_stale(const struct report *report, uint64_t now_us);

/*
 * The promised object of health.json, and what more is in a report. What is not there is
 * left out: a gateway, a prefix, a change of state, trouble, a reason, a family that the WAN is
 * not configured for. The file is replaced in one rename.
 */
int report_write(const struct report *report, const char *path, struct fault *fault);
int report_print_json(const struct report *report, FILE *f);

/*
 * Reads such a file. Members that are missing or of another type are left at zero: an
 * older or newer daemon may have written it. Of a window, each answer took its mean. -ENOENT
 * without a file; -EINVAL with a fault when it is no JSON object with a list of WANs.
 */
int report_read(const char *path, struct report *ret, struct fault *fault);
