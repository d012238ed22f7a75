// SPDX-License-Identifier: GPL-2.0-or-later
// Fuzzes what nft lists, and the files in which a run keeps it.
// A line "== list …" begins the answer to that command, "== NAME" a file in /run/mwan/nft.

#include "fuzz.h"

#include "config/load.h"
#include "doctor/foreign_tables.h"
#include "kernel/observe_nft.h"
#include "plan/desired.h"

#include <errno.h>
#include <string.h>

int __wrap_nft_open(struct nft **ret, struct fault *fault);
int __wrap_nft_run(struct nft *nft, const char *commands, char **ret, struct fault *fault);
int __wrap_nft_generation(struct nl_sock *nfnl, uint32_t *ret, struct fault *fault);

int __wrap_nft_open(struct nft **ret, struct fault *fault)
{
	return 0;
}

int __wrap_nft_run(struct nft *nft, const char *commands, char **ret, struct fault *fault)
{
	const char *listing = fuzz_content(commands);

	if (!listing)
		return fault_set(fault, -ENOENT, "nftables: No such file or directory");
	*ret = strdup(listing);
	return *ret ? 0 : -ENOMEM;
}

int __wrap_nft_generation(struct nl_sock *nfnl, uint32_t *ret, struct fault *fault)
{
	*ret = 7;
	return 0;
}

static void observe(const struct config *config)
{
	_cleanup_(nft_observed_done) struct nft_observed observed = {};
	_cleanup_(desired_done) struct desired desired = {};
	_cleanup_(plan_done) struct plan plan = {};
	_cleanup_(site_done) struct site site = {};
	struct fault fault = {};
	struct nft *nft = NULL;
	uint32_t generation;

	FUZZ_CHECK(observe_nft(NULL, &nft, &generation, &observed, &fault) == 0);
	fuzz_site(config, &site);
	FUZZ_CHECK(desired_make(&site, &desired) == 0);
	FUZZ_CHECK(plan_nft(&desired.texts, &observed, &plan) == 0);
	plan_print(&plan, fuzz_sink());
}

static void diagnose(const struct config *config)
{
	_cleanup_(diagnosis_done) struct diagnosis diagnosis = { .topic = "nft" };
	const char *listing = fuzz_content("list ruleset");

	if (listing)
		foreign_tables_check(listing, config, NULL, &diagnosis);
	FUZZ_CHECK(diagnosis.r == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_text(data, size);
	static struct config config;

	if (!config.path)
		FUZZ_CHECK(fuzz_config(fuzz_usual_config, &config) == 0);
	fuzz_split(text, "");
	observe(&config);
	diagnose(&config);
	return 0;
}
