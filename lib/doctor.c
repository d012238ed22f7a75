#include "doctor.h"

#include "cli.h"
#include "config.h"

#include <errno.h>

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

/* One look at all that a run looks at, and the plan of what a run would change. */
static int examine_kernel(struct patient *patient, struct diagnosis *diagnosis)
{
	_cleanup_(kernel_close) struct kernel kernel = {};
	struct fault fault = {};
	size_t size;
	FILE *plan = open_memstream(&patient->plan, &size);
	struct reconcile request = { .mode = RECONCILE_LOOK, .wait = true, .plan = plan };
	int r;

	if (!plan)
		return -ENOMEM;
	r = reconcile(patient->config, &request, &kernel, &patient->outcome, &fault);
	patient->planned = r >= 0;
	patient->looked = patient->outcome.facts.wans;
	fclose(plan);
	diagnosis->topic = "kernel";
	return r < 0 ? diagnosis_add(diagnosis, FINDING_WRONG, NULL, "%s", fault.text) : 0;
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
	free(patient.plan);
	if (r < 0)
		return r;
	if (!patient.config)
		return EXIT_USAGE;
	return diagnosis_is_good(&diagnosis) ? EXIT_DONE : EXIT_FAILED;
}
