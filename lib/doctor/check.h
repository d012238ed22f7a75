// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the doctor's checks look at, and what each of them is. Private to this folder.
 */
#pragma once

#include "doctor/diagnosis.h"
#include "networkd/networkd.h"
#include "probe/name_server.h"
#include "probe/path_mtu.h"
#include "reconcile/reconcile.h"
#include "status/report.h"

/* No archive has the package: apt takes the file. */
#define INSTALL_AGAIN                                                                              \
	"where the package's file is, `apt install --reinstall -o "                                \
	"Dpkg::Options::=--force-confmiss ./mwan_*.deb`"

/* Each check takes what it needs, and leaves the rest. */
struct patient {
	const char *config_path;
	const struct config *config;   /* NULL: there is none that can be read */
	struct diagnosis *diagnosis;   /* what has been found so far */
	struct outcome outcome;	       /* of a run that only looks: what one would change */
	const struct site *site;       /* the outcome's; NULL: there is none */
	struct fault unplanned;	       /* why there is no plan, if !outcome.planned */
	struct kernel kernel;	       /* connections; each is open once a run has looked */
	bool unkept;		       /* runtime rules that were kept are missing or wrong */
	bool (*explained)[N_FAMILIES]; /* owned; by the WAN's index: a finding says what ails it */
	struct networkd *networkd;     /* NULL: nobody to ask */
	bool network_manager;	       /* it can be asked; check_managers.c, which comes early */
	const char *root;	       /* before the path of each file, "" but in tests */
};

/*
 * One thing that is looked at. Findings go to patient->diagnosis and are not errors: a check fails,
 * with a negative errno and a fault, only where it can't look at all; a note says so. Checks that
 * need a configuration are left out without one.
 */
struct doctor_check {
	const char *topic;
	bool needs_config;
	int (*look)(struct patient *patient, struct fault *fault);
};

/* One finding covers both families of the WAN. */
void patient_explain(struct patient *patient, size_t wan);

/* The WAN with that link; config->n_wans: none has it. */
size_t patient_wan(const struct patient *patient, unsigned ifindex);

/* Adds a finding if a run would change such objects. things: what they are, "policy rules". */
void patient_diagnose_steps(const struct patient *patient,
			    bool (*is_such)(const struct object *object), const char *kind,
			    const char *things);

/* Adds one: things are not as a run of the program (NULL: choose one) would make them. */
void patient_diagnose_difference(const struct patient *patient, const char *kind,
				 const char *things, const char *how, const char *program);

/* Findings of a cycle of probes, beside what the daemon knows; again: it was a second one. */
void doctor_judge_probes(struct patient *patient, const struct report *report,
			 const struct report *known, bool again);

/* Findings of who is refused, as nft lists a set of theirs. 0 or -ENOMEM. */
int doctor_judge_refused(const struct patient *patient, char *listing);

/* Findings of the paths over the WANs; wan[i]: whose the i-th is. */
void doctor_judge_path_mtus(const struct patient *patient, const struct path_mtu *paths,
			    const size_t *wan, size_t n);

/* The clock, in seconds since 1970. */
struct clock_seen {
	time_t now, program; /* program: when this one was made */
	bool synchronised;   /* the kernel says so */
};
void doctor_judge_clock(const struct patient *patient, const struct clock_seen *seen);

/* A finding of what became of a look-up. */
void doctor_judge_resolver(const struct patient *patient, const struct name_answer *answer);

/* Whether the base ruleset, which is loaded or is about to be, lets its operator in by SSH. */
void doctor_management(struct diagnosis *diagnosis, bool loaded);

/* True when networkd says that it configures the link. check_managers.c */
bool networkd_has(const struct patient *patient, const char *link);

/* True when programs other than networkd configure all WANs, as those may. check_managers.c */
bool managers_have_wans(const struct patient *patient);

/*
 * The command by which another program than networkd asks the ISP again; the link follows. NULL: no
 * other has it. check_managers.c
 */
const char *manager_again(const struct patient *patient, const char *link);

/* The value of a setting below /proc/sys; -1: there is no such. */
long long doctor_sysctl(const char *root, const char *key);

/* Whether there is room for more flows: a full table refuses new ones. */
void doctor_room(const char *root, struct diagnosis *diagnosis);

/* All of them, each in check_NAME.c unless it says another file. Their order is doctor.c's. */
int doctor_managers(struct patient *patient, struct fault *fault);
int doctor_clock(struct patient *patient, struct fault *fault);
int doctor_links(struct patient *patient, struct fault *fault);
int doctor_direct(struct patient *patient, struct fault *fault);
int doctor_dot1x(struct patient *patient, struct fault *fault);
int doctor_conflicts(struct patient *patient, struct fault *fault);
int doctor_leases(struct patient *patient, struct fault *fault);
int doctor_prefixes(struct patient *patient, struct fault *fault); /* check_leases.c */
int doctor_gateways(struct patient *patient, struct fault *fault); /* check_leases.c */
int doctor_rules(struct patient *patient, struct fault *fault);
int doctor_tables(struct patient *patient, struct fault *fault);
int doctor_nft(struct patient *patient, struct fault *fault);
int doctor_npt(struct patient *patient, struct fault *fault); /* check_nft.c */
int doctor_flows(struct patient *patient, struct fault *fault);
int doctor_refused(struct patient *patient, struct fault *fault);
int doctor_probes(struct patient *patient, struct fault *fault);
int doctor_path_mtu(struct patient *patient, struct fault *fault);
int doctor_neighbours(struct patient *patient, struct fault *fault);
int doctor_opnsense(struct patient *patient, struct fault *fault);
int doctor_resolver(struct patient *patient, struct fault *fault);
int doctor_sysctls(struct patient *patient, struct fault *fault);
int doctor_networkd(struct patient *patient, struct fault *fault);
int doctor_dhcp(struct patient *patient, struct fault *fault);
int doctor_hooks(struct patient *patient, struct fault *fault);
int doctor_files(struct patient *patient, struct fault *fault);
int doctor_units(struct patient *patient, struct fault *fault);
