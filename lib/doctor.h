/*
 * health-check --doctor: what is missing or wrong on this machine, in the order of the packet's
 * way, each with its fix. Looks only: nothing is changed, and nobody is told to change anything.
 */
#pragma once

#include "diagnosis.h"
#include "networkd.h"
#include "reconcile.h"

/* What the checks look at. Each takes what it needs, and leaves the rest. */
struct patient {
	const char *config_path;
	const struct config *config; /* NULL: there is none that can be read */
	struct outcome outcome;	     /* facts, prefixes, selections, of a run that only looks */
	bool looked;		     /* there is an outcome */
	char *plan;		     /* owned; what update-npt would change (plan_print) */
	bool planned;		     /* there is one; else the base ruleset is missing, say */
	struct fault unplanned;	     /* and then: why */
	struct kernel kernel;	     /* connections; each is open once a run has looked */
	bool unkept;		     /* of the rules, what is kept is not: a run writes all anew */
	bool (*explained)[N_FAMILIES]; /* owned; by the WAN's index: what ails it has been told */
	struct networkd *networkd;     /* NULL: nobody to ask */
	const char *root;	       /* before the path of each file, "" but in tests */
};

/*
 * One thing that is looked at. Findings are not errors: a check fails only where looking itself
 * is impossible, with a fault that becomes a finding. Checks that need a configuration are left out
 * without one.
 */
struct doctor_check {
	const char *topic;
	bool needs_config;
	int (*look)(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault);
};

/* What comes of it in both families needs no words of its own. */
void doctor_explain(struct patient *patient, size_t wan);

/*
 * Tells of the plan's lines that `is_mine` chooses, the first of them in full, as one finding about
 * `things`; with the program that puts them right, or NULL: the one that can. 1: it did; 0: there
 * are none; -ENOMEM.
 */
int doctor_tell_plan(const struct patient *patient, struct diagnosis *diagnosis,
		     bool (*is_mine)(const char *line), const char *things, const char *program);

/* Whether the base ruleset accepts SSH where its operator comes from. 0 or -ENOMEM. */
int doctor_management(struct diagnosis *diagnosis);

/* Whether there is room for more flows: a full table refuses new ones. 0 or -ENOMEM. */
int doctor_room(const char *root, struct diagnosis *diagnosis);

/* All of them, by file. Their order is doctor.c's. */
int doctor_links(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_links.c */
int doctor_dot1x(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_dot1x.c */
int doctor_leases(struct patient *, struct diagnosis *, struct fault *);   /* doctor_leases.c */
int doctor_prefixes(struct patient *, struct diagnosis *, struct fault *); /* doctor_leases.c */
int doctor_gateways(struct patient *, struct diagnosis *, struct fault *); /* doctor_leases.c */
int doctor_rules(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_rules.c */
int doctor_tables(struct patient *, struct diagnosis *, struct fault *);   /* doctor_tables.c */
int doctor_nft(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_nft.c */
int doctor_npt(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_nft.c */
int doctor_flows(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_flows.c */
int doctor_probes(struct patient *, struct diagnosis *, struct fault *);   /* doctor_probes.c */
int doctor_neighbours(struct patient *, struct diagnosis *,
		      struct fault *);					   /* doctor_neighbours.c */
int doctor_opnsense(struct patient *, struct diagnosis *, struct fault *); /* doctor_opnsense.c */
int doctor_sysctls(struct patient *, struct diagnosis *, struct fault *);  /* doctor_sysctls.c */
int doctor_networkd(struct patient *, struct diagnosis *, struct fault *); /* doctor_networkd.c */
int doctor_hooks(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_hooks.c */
int doctor_files(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_files.c */
int doctor_units(struct patient *, struct diagnosis *, struct fault *);	   /* doctor_units.c */

/*
 * Examines this machine and prints what it finds on stdout. An exit status: EXIT_DONE if nothing is
 * wrong, EXIT_FAILED if something is, EXIT_USAGE if the configuration can't be read (all that can
 * be said without it is said).
 */
int doctor_examine(const char *config_path);
