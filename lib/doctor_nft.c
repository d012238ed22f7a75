#include "doctor.h"

#include "base_ruleset.h"
#include "config.h"
#include "fileio.h"
#include "foreign_tables.h"
#include "observe_nft.h"

#include <errno.h>
#include <string.h>

#define KEPT RUN_DIR "/nft"

/* ---- the base ---- */

/* 1: it is not in force, and has been said; `loads`: its file is good. */
static int look_at_base(struct nft *nft, const char *listing, const struct fault *bad,
			struct diagnosis *diagnosis)
{
	_cleanup_(freep) char *filter = NULL;
	struct fault fault = {};
	const char *what;
	char fix[256];
	int r = nft_list_part(nft, NFT_FILTER, &filter, &fault);

	if (r < 0 || filter)
		return r;
	if (!*listing)
		what = "the ruleset is empty: nothing is filtered, marked or translated";
	else if (!strstr(listing, "table inet filter {"))
		what = "mwan's base ruleset is not loaded, only others' tables are";
	else
		what = "table inet filter is not this version's base ruleset: the one that "
		       "forwards "
		       "nothing, or an older one";
	snprintf(fix, sizeof(fix), "%s`systemctl restart nftables`",
		 !*bad->text		       ? ""
		 : strstr(bad->text, KEPT "/") ? "`rm -r " KEPT "`, then "
					       : "mend that line, then ");
	r = diagnosis_add(diagnosis, FINDING_WRONG, fix, "%s%s%s%s", what,
			  *bad->text ? " (" BASE_RULESET " can't be loaded: " : "", bad->text,
			  *bad->text ? ")" : "");
	return r < 0 ? r : 1;
}

static int tell_bad_file(const struct fault *bad, struct diagnosis *diagnosis)
{
	return diagnosis_add(diagnosis, FINDING_WRONG,
			     strstr(bad->text, KEPT "/")
				     ? "`update-routes` writes the kept rules anew"
				     : "mend that line until `nft -c -f " BASE_RULESET
				       "` says nothing",
			     "the next reload or boot will fail: %s", bad->text);
}

static int look_at_force(struct nft *nft, struct diagnosis *diagnosis)
{
	_cleanup_(freep) char *chain = NULL;
	int r = base_ruleset_compare(nft, &chain);

	if (r < 0 || !chain)
		return r;
	return diagnosis_tell(
		diagnosis, FINDING_WRONG,
		"chain %s of table inet filter is not the one of " BASE_RULESET
		", which a reload brings: `systemctl reload nftables`, or write there "
		"what has been changed by hand",
		chain);
}

/* ---- the runtime rules ---- */

static bool is_nft(const char *line)
{
	return strncmp(line, "nft ", 4) == 0 && !strstr(line, " ip6 nat");
}

static bool is_npt(const char *line)
{
	size_t length = strcspn(line, "\n");

	return strncmp(line, "nft ", 4) == 0 && memmem(line, length, " ip6 nat", 8);
}

static int look_at_kept(struct patient *patient, struct diagnosis *diagnosis)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		if (access(nft_rules_path(part).s, F_OK) == 0)
			continue;
		patient->unkept = true;
		return diagnosis_tell(diagnosis, FINDING_WRONG,
				      "%s is missing: the next reload of nftables would "
				      "leave the router without its runtime rules: "
				      "`update-routes`",
				      nft_rules_path(part).s);
	}
	return 0;
}

static int look_at_rules(struct patient *patient, const char *listing, struct diagnosis *diagnosis)
{
	int r = 0;

	if (patient->config && !patient->unkept)
		r = look_at_kept(patient, diagnosis);
	if (r == 0 && patient->planned && !patient->unkept)
		r = doctor_tell_plan(patient, diagnosis, is_nft, "rules in nftables", NULL);
	if (r >= 0)
		r = foreign_tables_tell(listing, patient->config, diagnosis);
	return r;
}

int doctor_nft(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct nft **nft = &patient->kernel.nft;
	_cleanup_(freep) char *listing = NULL;
	size_t before = diagnosis->n;
	struct fault bad = {};
	int r = *nft ? 0 : nft_open(nft, fault);

	if (r == 0)
		r = nft_run(*nft, "list ruleset", &listing, fault);
	if (r < 0 || !listing)
		return r;
	base_ruleset_check(*nft, &bad);
	/* Before what loads the base: that is when SSH begins to be refused. */
	r = doctor_management(diagnosis);
	if (r < 0)
		return r;
	r = look_at_base(*nft, listing, &bad, diagnosis);
	if (r != 0)
		return r < 0 ? r : 0;
	patient->unkept = strstr(bad.text, KEPT "/");
	/* Whatever keeps a look from its end keeps a run from it. */
	if (patient->looked && !patient->planned &&
	    diagnosis_add(diagnosis, FINDING_WRONG, "`update-routes --dry-run` says it as well",
			  "what is to be done can't be found out: %s", patient->unplanned.text) < 0)
		return -ENOMEM;
	r = *bad.text ? tell_bad_file(&bad, diagnosis) : look_at_force(*nft, diagnosis);
	if (r == 0)
		r = look_at_rules(patient, listing, diagnosis);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "base ruleset and runtime rules are in force");
}

/* ---- NPT ---- */

static bool is_empty(struct patient *patient)
{
	_cleanup_(freep) char *listing = NULL;
	struct fault fault = {};

	return patient->kernel.nft &&
	       nft_list_part(patient->kernel.nft, NFT_NAT6, &listing, &fault) == 0 && listing &&
	       strcmp(listing, nft_parts[NFT_NAT6].pristine) == 0;
}

int doctor_npt(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	const struct config *config = patient->config;
	char text[512] = "";
	size_t at = 0;
	int r;

	/* Without the base, there is nothing that could be empty. */
	if (!patient->planned || patient->unkept)
		return 0;
	r = doctor_tell_plan(patient, diagnosis, is_npt,
			     is_empty(patient)
				     ? "the chains of table ip6 nat are empty, for update-npt has "
				       "not run or somebody has flushed them: its rules"
				     : "NPT rules in table ip6 nat",
			     "update-npt");
	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < config->n_wans && at < sizeof(text); i++)
		if (npt_active(config, &patient->outcome.npt, i))
			at += snprintf(text + at, sizeof(text) - at, "%s%s %s", at ? ", " : "",
				       config->wans[i].name,
				       prefix_str(npt_outside(config, &patient->outcome.npt, i)).s);
	return at ? diagnosis_good(diagnosis, "%s is %s", prefix_str(config->lan.prefix6).s, text)
		  : 0;
}
