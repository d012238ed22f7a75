#include "doctor.h"

#include "cli.h"
#include "config.h"
#include "daemon.h"

#include <errno.h>
#include <string.h>

/* What comes first explains what comes after it. */
static const struct doctor_check checks[] = {
	{ "files", false, doctor_files },
	{ "links", true, doctor_links },
	{ "802.1X", true, doctor_dot1x },
	{ "leases", true, doctor_leases },
	{ "prefixes", true, doctor_prefixes },
	{ "gateways", true, doctor_gateways },
	{ "rules", true, doctor_rules },
	{ "tables", true, doctor_tables },
	{ "nft", false, doctor_nft },
	{ "NPT", true, doctor_npt },
	{ "flows", true, doctor_flows },
	{ "probes", true, doctor_probes },
	{ "neighbours", true, doctor_neighbours },
	{ "OPNsense", true, doctor_opnsense },
	{ "sysctls", false, doctor_sysctls },
	{ "networkd", false, doctor_networkd },
	{ "hooks", false, doctor_hooks },
	{ "units", false, doctor_units },
};

void doctor_explain(struct patient *patient, size_t wan)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		patient->explained[wan][family] = true;
}

/* update-routes goes by the prefixes that are kept; what else there is, update-npt finds. */
static bool prefixes_have_changed(const struct patient *patient)
{
	_cleanup_(npt_state_done) struct npt_state kept = {};
	struct fault fault = {};
	bool changed = false;

	if (npt_state_read(patient->config, &kept, &fault) < 0)
		return true;
	for (size_t i = 0; i < patient->config->n_wans; i++)
		changed |= prefix_cmp(kept.delegated[i], patient->outcome.npt.delegated[i]) != 0;
	return changed;
}

int doctor_tell_plan(const struct patient *patient, struct diagnosis *diagnosis,
		     bool (*is_mine)(const char *line), const char *things, const char *program)
{
	char fix[128], more[80] = "";
	const char *first = NULL;
	size_t n = 0;
	int r;

	for (const char *line = patient->plan; line && *line;) {
		if (is_mine(line) && n++ == 0)
			first = line;
		line = strchrnul(line, '\n');
		line += *line == '\n';
	}
	if (n == 0)
		return 0;
	if (!program)
		program = prefixes_have_changed(patient) ? "update-npt" : "update-routes";
	if (n > 1)
		snprintf(more, sizeof(more), ", and %zu more (`%s --dry-run` prints them)", n - 1,
			 program);
	snprintf(fix, sizeof(fix), "`%s`%s", program,
		 daemon_is_running() ? "" : "; `systemctl start mwan-health` keeps it so");
	r = diagnosis_add(diagnosis, FINDING_WRONG, fix,
			  "%s are not what mwan.conf wants, and need `%.*s`%s", things,
			  (int)strcspn(first, "\n"), first, more);
	return r < 0 ? r : 1;
}

/* A prefix that can't be used fails the run, after all was looked at and planned. */
static bool is_refused(const struct patient *patient)
{
	const struct npt_state *npt = &patient->outcome.npt;

	for (size_t i = 0; npt->refused && i < patient->config->n_wans; i++)
		if (npt->refused[i].len > 0)
			return true;
	return false;
}

/* One look at all that a run looks at, and the plan of what a run would change. */
static int examine_kernel(struct patient *patient, struct diagnosis *diagnosis)
{
	struct fault *fault = &patient->unplanned;
	size_t size;
	FILE *plan = open_memstream(&patient->plan, &size);
	struct reconcile request = {
		.mode = RECONCILE_LOOK, .wait = true, .plan = plan, .npt.ask = true
	};
	int r;

	patient->explained = calloc(patient->config->n_wans, sizeof(*patient->explained));
	if (!plan || !patient->explained)
		return -ENOMEM;
	r = reconcile(patient->config, &request, &patient->kernel, &patient->outcome, fault);
	if (fclose(plan) != 0)
		return -ENOMEM;
	patient->looked = patient->outcome.facts.wans;
	patient->planned = r >= 0 || (r == -EINVAL && is_refused(patient));
	diagnosis->topic = "kernel";
	/* What the base ruleset lacks is told under nft. */
	return r < 0 && !patient->looked
		       ? diagnosis_add(diagnosis, FINDING_WRONG, NULL, "%s", fault->text)
		       : 0;
}

static int examine(struct patient *patient, struct diagnosis *diagnosis)
{
	int r = 0;

	if (patient->config)
		r = examine_kernel(patient, diagnosis);
	for (size_t i = 0; i < ARRAY_SIZE(checks) && r >= 0; i++) {
		const struct doctor_check *check = &checks[i];
		struct fault fault = {};

		if (check->needs_config && !patient->looked)
			continue;
		diagnosis->topic = check->topic;
		r = check->look(patient, diagnosis, &fault);
		if (r < 0 && r != -ENOMEM)
			r = diagnosis_add(diagnosis, FINDING_NOTE, NULL, "can't be looked at: %s",
					  fault.text);
	}
	return r;
}

int doctor_examine(const char *config_path)
{
	_cleanup_(networkd_closep) struct networkd *networkd = networkd_open();
	_cleanup_(diagnosis_done) struct diagnosis diagnosis = { .topic = "mwan.conf" };
	_cleanup_(config_done) struct config config = {};
	struct patient patient = { .config_path = config_path, .networkd = networkd, .root = "" };
	struct fault fault = {};
	int r;

	if (geteuid() != 0 &&
	    diagnosis_add(&diagnosis, FINDING_NOTE, "`sudo health-check --doctor`",
			  "not run by root, so not all can be looked at") < 0)
		return -ENOMEM;
	r = config_load(config_path, &config, &fault);
	if (r == 0)
		patient.config = &config;
	else if (r != -ENOMEM)
		r = diagnosis_add(&diagnosis, FINDING_WRONG,
				  "edit it; `update-routes --check` reads it again", "%s",
				  fault.text);
	if (r >= 0)
		r = examine(&patient, &diagnosis);
	diagnosis_print(&diagnosis, stdout);
	outcome_done(&patient.outcome);
	kernel_close(&patient.kernel);
	free(patient.explained);
	free(patient.plan);
	if (r < 0)
		return r;
	if (!patient.config)
		return EXIT_USAGE;
	return diagnosis_is_good(&diagnosis) ? EXIT_DONE : EXIT_FAILED;
}
