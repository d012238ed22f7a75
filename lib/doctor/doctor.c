// SPDX-License-Identifier: GPL-2.0-or-later
// health-check --doctor: examines this machine and prints what it finds.
// One look at the kernel and its plan come first; then each check adds its findings.

#include "doctor/doctor.h"

#include "base/cli.h"
#include "base/lock.h"
#include "config/load.h"
#include "doctor/check.h"
#include "reconcile/prefix_store.h"
#include "reconcile/sources.h"

#include <errno.h>

/* clang-format off */
/* An earlier check explains what a later one finds. */
static const struct doctor_check checks[] = {
	{ "files", false, doctor_files },
	{ "clock", false, doctor_clock },
	{ "managers", true, doctor_managers },
	{ "links", true, doctor_links },
	{ "direct", true, doctor_direct },
	{ "802.1X", true, doctor_dot1x },
	{ "conflicts", true, doctor_conflicts },
	{ "leases", true, doctor_leases },
	{ "prefixes", true, doctor_prefixes },
	{ "gateways", true, doctor_gateways },
	{ "rules", true, doctor_rules },
	{ "tables", true, doctor_tables },
	{ "nft", false, doctor_nft },
	{ "NPT", true, doctor_npt },
	{ "flows", true, doctor_flows },
	{ "refused", true, doctor_refused },
	{ "probes", true, doctor_probes },
	{ "path MTU", true, doctor_path_mtu },
	{ "neighbours", true, doctor_neighbours },
	{ "OPNsense", true, doctor_opnsense },
	{ "resolver", false, doctor_resolver },
	{ "sysctls", false, doctor_sysctls },
	{ "networkd", false, doctor_networkd },
	{ "DHCP", true, doctor_dhcp },
	{ "hooks", false, doctor_hooks },
	{ "units", false, doctor_units },
};
/* clang-format on */

void patient_explain(struct patient *patient, size_t wan)
{
	patient->explained[wan][IPV4] = patient->explained[wan][IPV6] = true;
}

size_t patient_wan(const struct patient *patient, unsigned ifindex)
{
	size_t i = 0;

	while (i < patient->config->n_wans &&
	       (!ifindex || patient->site->facts.wans[i].link.link.index != ifindex))
		i++;
	return i;
}

/* update-routes uses the prefixes that were kept; only update-npt asks for new ones. */
static bool prefixes_have_changed(const struct patient *patient)
{
	_cleanup_(npt_state_done) struct npt_state kept = {};
	struct fault fault = {};

	if (prefixes_read(patient->config, &kept, &fault) < 0)
		return true;
	for (size_t i = 0; i < patient->config->n_wans; i++)
		if (prefix_cmp(kept.delegated[i], patient->site->npt.delegated[i]) != 0)
			return true;
	return false;
}

void patient_diagnose_difference(const struct patient *patient, const char *kind,
				 const char *things, const char *how, const char *program)
{
	if (!program)
		program = prefixes_have_changed(patient) ? "update-npt" : "update-routes";
	diagnosis_wrong(patient->diagnosis, kind,
			"%s are not what mwan.conf asks for%s%s\n"
			"`%s` (with --dry-run it only prints the changes)%s",
			things, *how ? ": " : "", how, program,
			daemon_is_running() ? "" : "; `systemctl start mwan-health` keeps it so");
}

void patient_diagnose_steps(const struct patient *patient,
			    bool (*is_such)(const struct object *object), const char *kind,
			    const char *things)
{
	const struct plan *plan = &patient->outcome.plan;
	const struct step *first = NULL;
	char how[512] = "";
	size_t n = 0;
	FILE *f;

	for (size_t i = 0; i < plan->n_steps; i++)
		if (is_such(plan->steps[i].object) && n++ == 0)
			first = &plan->steps[i];
	if (n == 0)
		return;
	f = fmemopen(how, sizeof(how), "w");
	if (f) {
		fputs("a run would do `", f);
		step_print(first, f);
		fputs("`", f);
		if (n > 1)
			fprintf(f, ", and %zu more", n - 1);
		fclose(f);
	}
	patient_diagnose_difference(patient, kind, things, how, NULL);
}

/* One look at all that a run looks at, and the plan of what a run would change. */
static int examine_kernel(struct patient *patient, struct config *config)
{
	_cleanup_(prefix_sources_close) struct prefix_sources sources = {};
	struct reconcile request = { .mode = RECONCILE_LOOK, .wait = true };

	patient->explained = calloc(patient->config->n_wans, sizeof(*patient->explained));
	if (!patient->explained || prefix_sources_open(NULL, &sources) < 0)
		return -ENOMEM;
	request.prefixes.sources = sources.v;
	request.prefixes.n_sources = sources.n;
	reconcile(config, &request, &patient->kernel, &patient->outcome, &patient->unplanned);
	if (patient->outcome.site.config)
		patient->site = &patient->outcome.site;
	else
		diagnosis_fault(patient->diagnosis, "kernel-unreadable", NULL, &patient->unplanned);
	return 0;
}

static int examine(struct patient *patient, struct config *config)
{
	struct diagnosis *diagnosis = patient->diagnosis;
	int r = 0;

	diagnosis->topic = "kernel";
	if (patient->config)
		r = examine_kernel(patient, config);
	for (size_t i = 0; i < ARRAY_SIZE(checks) && r == 0; i++) {
		struct fault fault = {};

		if (checks[i].needs_config && !patient->site)
			continue;
		diagnosis->topic = checks[i].topic;
		r = checks[i].look(patient, &fault);
		if (r < 0 && r != -ENOMEM)
			diagnosis_note(diagnosis, "unknown", "%s: can't be looked at: %s",
				       checks[i].topic, fault.text);
		r = r == -ENOMEM ? r : diagnosis->r;
	}
	return r;
}

int doctor_examine(const char *config_path, bool verbose)
{
	_cleanup_(networkd_closep) struct networkd *networkd = networkd_open();
	_cleanup_(diagnosis_done) struct diagnosis diagnosis = { .topic = "mwan.conf" };
	_cleanup_(config_done) struct config config = {};
	struct patient patient = { .config_path = config_path,
				   .diagnosis = &diagnosis,
				   .networkd = networkd,
				   .root = "" };
	struct fault fault = {};
	int r;

	if (geteuid() != 0)
		diagnosis_note(&diagnosis, "not-root",
			       "not run by root: not all can be looked at\n"
			       "`sudo health-check --doctor`");
	r = config_load(config_path, &config, &fault);
	if (r == 0)
		patient.config = &config;
	else if (r != -ENOMEM)
		diagnosis_wrong(&diagnosis, "config-invalid",
				"%s\n%s; `update-routes --check` reads it again", fault.text,
				access(config_path, F_OK) == 0
					? "correct it"
					: "begin with the example: `cp " MWAN_EXAMPLES
					  "/mwan.conf /etc/mwan/`, and edit it for this site");
	if (r != -ENOMEM)
		r = examine(&patient, &config);
	if (diagnosis_print(&diagnosis, verbose, stdout) < 0)
		r = -ENOMEM;
	outcome_done(&patient.outcome);
	kernel_close(&patient.kernel);
	free(patient.explained);
	if (r < 0)
		return r;
	if (!patient.config)
		return EXIT_USAGE;
	return diagnosis_is_good(&diagnosis) ? EXIT_DONE : EXIT_FAILED;
}
