// SPDX-License-Identifier: GPL-2.0-or-later
// nftables: the base ruleset, the runtime rules, NPT, and others' tables.
// It compares what is in force with the base ruleset's file and with the plan of a run.

#include "doctor/check.h"

#include "base/paths.h"
#include "doctor/base_ruleset.h"
#include "doctor/foreign_tables.h"
#include "doctor/own_tables.h"
#include "kernel/forwarding.h"
#include "kernel/observe_nft.h"
#include "model/listing.h"

#include <string.h>

/* What is wrong with the base ruleset's file. */
struct nft_base_file {
	struct fault bad; /* empty: nothing */
	bool kept;	  /* it is one of the files that runs write */
};

/* What a run has found, and has done about it. */
static void diagnose_no_protection(struct diagnosis *diagnosis)
{
	_cleanup_(freep) char *why = forwarding_stopped();

	if (why)
		diagnosis_wrong(diagnosis, "no-protection",
				"%s; forwarding is switched off until a run has loaded it\n"
				"mend what is said to be wrong, then `update-routes`",
				why);
}

static void diagnose_no_base(const struct patient *patient, const char *listing,
			     const struct nft_base_file *file)
{
	const char *bad = file->bad.text, *what, *first = "";

	if (!*listing)
		what = "the ruleset is empty: nothing is filtered, marked or translated";
	else if (!strstr(listing, "table inet filter {"))
		what = "mwan's base ruleset is not loaded, only others' tables are";
	else
		what = "table inet filter is not this version's base ruleset, but an older one, or "
		       "the one that forwards nothing";
	if (*bad)
		first = file->kept ? "`rm -r " RUN_DIR "/nft`, then " : "mend that line, then ";
	diagnosis_wrong(patient->diagnosis, "base-missing",
			"%s%s%s%s\n%s`systemctl restart nftables`", what,
			*bad ? " (" BASE_RULESET_PATH " can't be loaded: " : "", bad,
			*bad ? ")" : "", first);
}

/* The base in force against its file, which can be loaded. */
static int look_at_force(const struct patient *patient)
{
	_cleanup_(freep) char *chain = NULL;
	int r = base_ruleset_compare(patient->kernel.nft, &chain);

	if (r < 0 || !chain)
		return r;
	diagnosis_wrong(patient->diagnosis, "base-changed",
			"chain %s of table inet filter is not the one of " BASE_RULESET_PATH
			", which a reload brings back\n"
			"`systemctl reload nftables`; first write into a file of " OWN_RULES_DIR
			" what has been added by hand and is to stay (mwan(7), RULES OF YOUR OWN)",
			chain);
	return 0;
}

/* The files from which a reload of nftables takes the runtime rules. */
static void look_at_kept(struct patient *patient)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		if (access(nft_path(part, ".nft").s, F_OK) == 0)
			continue;
		diagnosis_wrong(patient->diagnosis, "kept-missing",
				"%s is missing: the next reload of nftables would leave the router "
				"without its runtime rules\n`update-routes`",
				nft_path(part, ".nft").s);
		patient->unkept = true;
		return;
	}
}

static void look_at_parts(const struct patient *patient)
{
	struct enumeration tables = {};

	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++)
		if (patient->outcome.plan.nft_part[part] && part != NFT_NAT6)
			enumerate(&tables, "%s", nft_parts[part].table);
	if (*tables.s)
		patient_diagnose_difference(patient, "nft-differs", "rules in nftables", tables.s,
					    NULL);
}

/* Tables that are not mwan's. */
static int look_at_others(const struct patient *patient, const char *listing)
{
	_cleanup_(own_tables_done) struct own_tables own = {};
	int r = own_tables_read(patient->root, &own);

	if (r < 0)
		return r;
	own_tables_check(patient->kernel.nft, &own, listing, patient->diagnosis);
	foreign_tables_check(listing, patient->config, &own, patient->diagnosis);
	return 0;
}

static int look_at_all(struct patient *patient, const char *listing,
		       const struct nft_base_file *file)
{
	int r = 0;

	/* A run fails for the same reason as this look. */
	if (patient->site && !patient->outcome.planned)
		diagnosis_wrong(patient->diagnosis, "plan-failed",
				"no run can find out what to do: %s\n"
				"`update-routes --dry-run` says it as well",
				patient->unplanned.text);
	if (*file->bad.text)
		diagnosis_wrong(patient->diagnosis, "base-unloadable",
				"the next reload or boot will fail: %s\n%s", file->bad.text,
				file->kept ? "`update-routes` writes the kept rules anew"
					   : "mend that line until `nft -c -f " BASE_RULESET_PATH
					     "` says nothing");
	else
		r = look_at_force(patient);
	patient->unkept = file->kept;
	if (patient->config && !patient->unkept)
		look_at_kept(patient);
	if (!patient->unkept)
		look_at_parts(patient);
	return r < 0 ? r : look_at_others(patient, listing);
}

int doctor_nft(struct patient *patient, struct fault *fault)
{
	struct nft **nft = &patient->kernel.nft;
	_cleanup_(freep) char *listing = NULL, *filter = NULL;
	struct nft_base_file file = {};
	int r = *nft ? 0 : nft_open(nft, fault);

	if (r == 0)
		r = nft_run(*nft, "list ruleset", &listing, fault);
	if (r == 0)
		r = nft_list_part(*nft, NFT_FILTER, &filter, fault);
	if (r < 0 || !listing)
		return r;
	base_ruleset_check(*nft, &file.kept, &file.bad);
	diagnose_no_protection(patient->diagnosis);
	/* Before the fixes that load the base: with it, SSH may begin to be refused. */
	doctor_management(patient->diagnosis, filter);
	if (filter)
		r = look_at_all(patient, listing, &file);
	else
		diagnose_no_base(patient, listing, &file);
	if (r == 0)
		diagnosis_good(patient->diagnosis, "base ruleset and runtime rules are in force");
	return r;
}

/* True when the chains of the base have nothing in them, whatever else is in the table. */
static bool is_empty(const struct patient *patient)
{
	_cleanup_(freep) char *listing = NULL;
	const char *base = nft_parts[NFT_NAT6].pristine;
	struct listing_block chain, now;
	struct fault ignored = {};

	if (!patient->kernel.nft ||
	    nft_list_part(patient->kernel.nft, NFT_NAT6, &listing, &ignored) < 0 || !listing)
		return false;
	while (listing_next(&base, &chain))
		if (!listing_find(listing, &chain, &now) || now.length != chain.length ||
		    memcmp(now.text, chain.text, chain.length) != 0)
			return false;
	return true;
}

int doctor_npt(struct patient *patient, struct fault *fault)
{
	const struct npt_state *npt = &patient->site->npt;
	const struct config *config = patient->config;
	struct enumeration blocks = {};

	/* Without the base, nothing could be empty. */
	if (!patient->outcome.planned || patient->outcome.plan.loads_base || patient->unkept)
		return 0;
	if (patient->outcome.plan.nft_part[NFT_NAT6]) {
		bool empty = is_empty(patient);

		patient_diagnose_difference(patient, empty ? "npt-empty" : "npt-differs",
					    "NPT rules in table ip6 nat",
					    empty ? "its chains are empty, for update-npt has not "
						    "run, or somebody has flushed them"
						  : "",
					    "update-npt");
	}
	for (size_t i = 0; i < config->n_wans; i++)
		if (npt_active(config, npt, i))
			enumerate(&blocks, "%s %s", config->wans[i].name,
				  prefix_str(npt_outside(config, npt, i)).s);
	if (*blocks.s)
		diagnosis_good(patient->diagnosis, "%s becomes %s",
			       prefix_str(config->lan.prefix6).s, blocks.s);
	return 0;
}
