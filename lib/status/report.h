// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state of the site as the health daemon knows it: the object of health.json, and what
 * --status shows. Values only.
 */
#pragma once

#include "base/flow_table.h"
#include "config/config.h"
#include "model/condition.h"
#include "model/management.h"
#include "model/verdict.h"

#define HEALTH_PATH "/run/mwan/health.json"
#define HEALTH_KEPT_PATH "/var/lib/mwan/health.json"

/* In such a file, the gateway that is the link itself. */
#define REPORT_LINK_GATEWAY "link"

struct target_report {
	char *name;		    /* owned; address or URL */
	bool answered;		    /* the last probe */
	enum probe_failure failure; /* unless it answered: of what kind */
	char *why;		    /* owned; why it failed; NULL: it did not */
	struct addr address;	    /* of its name, when it answered last; AF_UNSPEC: it has none */
	struct health_window window;
};

/* What is wrong with a WAN in one family. An earlier kind explains a later one. */
enum trouble_kind {
	TROUBLE_NONE, /* or read from a file, which has the line alone */
	TROUBLE_LINK,
	TROUBLE_DOT1X,	/* its 802.1X port is not authenticated */
	TROUBLE_INSIDE, /* the ISP has given an address of the inside */
	TROUBLE_GATEWAY,
	TROUBLE_PREFIX, /* what the ISP delegates can't be used */
	TROUBLE_TRANSLATION,
	TROUBLE_NO_TARGETS,
	TROUBLE_UNSENT, /* this machine refuses to send probes */
	TROUBLE_PROBES,
	TROUBLE_MAP4,	       /* addresses of [map4] are other machines'; the family is up */
	TROUBLE_ROUTER,	       /* one less preferred is used; the family is up */
	TROUBLE_FALLBACK,      /* the family is up all the same */
	TROUBLE_SINGLE_TARGET, /* as well */
	N_TROUBLES,
};

struct trouble {
	enum trouble_kind kind;
	char *what; /* owned; what is so; NULL: nothing is wrong */
	char *fix;  /* owned; what to do about it; NULL: it does not say */
};

void trouble_done(struct trouble *trouble);
/* "what: fix", owned by the caller; NULL: nothing is wrong, or there is no memory. */
char *trouble_line(const struct trouble *trouble);

/* So many routers of a link are told. */
#define REPORT_AVOIDED 4

struct family_report {
	bool present; /* the WAN is configured for the family */
	struct health_state health;
	struct condition condition;
	struct hold hold; /* recovery_hold; times 0: there is nothing to say */
	bool eligible;
	bool degraded; /* IPv6 is masqueraded, for want of a prefix */
	double share;  /* of new flows, 0 to 1 */
	bool has_gateway;
	struct addr gateway;		     /* AF_UNSPEC: the link itself */
	struct addr address;		     /* where services are reached; AF_UNSPEC: nowhere */
	struct addr avoided[REPORT_AVOIDED]; /* routers over which nothing came back */
	size_t n_avoided;
	struct prefix prefix; /* the delegated one; len 0: none */
	uint64_t interval_us; /* between its probes, now; 0: not known */
	double loss;	      /* over all targets' windows, 0 to 1 */
	double rtt_us;	      /* mean over the same; 0: no answer */
	struct trouble trouble;
	struct target_report *targets; /* owned */
	size_t n_targets;
};

struct wan_report {
	char name[32], interface[IFNAMSIZ];
	uint32_t mark, table, tier, weight;
	bool carrier;
	bool drained;		/* by hand; */
	uint64_t drained_until; /* seconds since 1970; 0: without an end */
	struct family_report family[N_FAMILIES];
};

struct lan_report {
	char interface[IFNAMSIZ]; /* "": nothing is known */
	bool carrier;
	enum presence router4, router6;
	struct addr linklocal; /* OPNsense's; AF_UNSPEC: unknown */
	uint64_t since;	       /* it is up, or is not; seconds since 1970; 0: not known */
};

/* What is wrong with what is no WAN. */
struct site_trouble {
	char who[16]; /* "LAN" */
	struct trouble trouble;
};

struct report {
	uint64_t time_us;	 /* when it was made; microseconds since 1970 */
	uint64_t interval_us;	 /* and at most how long until the next one */
	struct wan_report *wans; /* owned */
	size_t n_wans;
	struct lan_report lan;
	char *trouble;	  /* owned; why the kernel could not be brought to this; NULL: it was */
	bool unprotected; /* for this reason: there is no base ruleset, so nothing is forwarded */
	struct site_trouble *troubles; /* owned; in the order in which they are shown */
	size_t n_troubles;
	struct flow_table flows; /* conntrack's; max 0: unknown */
};

void report_done(struct report *report);

/* What it says of the WAN with that name; NULL: nothing. */
const struct wan_report *report_wan(const struct report *report, const char *name);

/* True when a WAN is in another condition than before, has another address, or was not there. */
bool report_has_new_condition(const struct report *report, const struct report *before);

/* True when the link has carrier, and nobody on it was asked for in vain. */
bool report_lan_is_up(const struct lan_report *lan);

/* Adds what is wrong with `who`. The words are copied; fix: NULL: none. 0 or -ENOMEM. */
int report_add_trouble(struct report *report, const char *who, const char *what, const char *fix);

/* The same of a fault, which says both. */
int report_add_fault(struct report *report, const char *who, const struct fault *fault);

/* What was found of conntrack's table, and the trouble if it is full. 0 or -ENOMEM. */
int report_add_flows(struct report *report, const struct flow_table *flows, bool full);
/* That none of the interfaces is there by which the operator comes in. 0 or -ENOMEM. */
int report_add_management(struct report *report, const struct management *management);

/* True when a line says what is wrong. */
bool report_has_trouble(const struct report *report);

/* True when something speaks against it, and it carries new flows all the same: nobody else can. */
static inline bool family_is_last_resort(const struct family_report *family)
{
	return family->condition.obstacle != OBSTACLE_NONE && family->eligible;
}

/* True when there is a probe in one of the windows: loss says something. */
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
 * older or newer daemon may have written it. Each answer of a window is read as its
 * mean. -ENOENT without a file; -EINVAL with a fault when it is no JSON object with a list of WANs.
 */
int report_read(const char *path, struct report *ret, struct fault *fault);

/*
 * Reads HEALTH_PATH. *ret stays empty without such a file, and, with a warning, if it can't be
 * understood. 0 or -ENOMEM.
 */
int report_recall(struct report *ret);
/*
 * Its verdicts and holds, unknown for whatever it does not say, and the drains, which are in a file
 * of their own. *ret is the caller's. 0 or -ENOMEM.
 */
int report_verdicts(const struct report *report, const struct config *config, struct verdicts *ret);
/* Both at once. */
int verdicts_read(const struct config *config, struct verdicts *ret);
