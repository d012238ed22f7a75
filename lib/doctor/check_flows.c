// SPDX-License-Identifier: GPL-2.0-or-later
// The flows in the kernel's table: those that can't get anywhere, and those left on a bad WAN.
// It counts them once, by the marks that say their WAN.

#include "doctor/check.h"

#include "base/flow_table.h"
#include "kernel/conntrack.h"

void doctor_room(const char *root, struct diagnosis *diagnosis)
{
	struct flow_table table = flow_table_read(root);
	bool full = flow_table_is_full(&table);

	if (table.max == 0 || table.entries < table.max / 10 * 9)
		return;
	diagnosis_wrong(diagnosis, full ? "flows-full" : "flows-many",
			"conntrack table %sfull (%ju of %ju entries): new flows are %s\n%s",
			full ? "" : "nearly ", (uintmax_t)table.entries, (uintmax_t)table.max,
			full ? "refused" : "about to be refused", flow_table_fix(&table).s);
}

static void look_at_misplaced(const struct patient *patient, const struct flow_census *census)
{
	enum family family = census->source.family == AF_INET6 ? IPV6 : IPV4;
	struct prefix inside = config_inside_of(patient->config, census->source);

	if (census->n_misplaced == 0)
		return;
	if (census->mark == 0) {
		diagnosis_wrong(patient->diagnosis, "flows-unmarked",
				"flows from inside have no WAN, or one that lost their address: "
				"%zu, the first of %s, older than mwan's rules\n"
				"`conntrack -D -f %s -m 0 -s %s`",
				census->n_misplaced, addr_str(census->source).s,
				family_word(family), prefix_str(inside).s);
	} else {
		diagnosis_wrong(
			patient->diagnosis, "flows-misplaced",
			"flows are translated to an address that their WAN does not have: %zu, the "
			"first of mark %u to %s\n`conntrack -D -f %s -m %u -q %s`",
			census->n_misplaced, census->mark, addr_str(census->outside).s,
			family_word(family), census->mark, addr_str(census->outside).s);
	}
}

/* Flows on a WAN that new ones avoid end when somebody ends them, or by themselves. */
static void look_at_left(const struct patient *patient, const struct flow_census *census,
			 size_t wan, enum family family)
{
	const struct selection *selection = site_selection(patient->site, family);
	const struct wan_conf *conf = &patient->config->wans[wan];

	if (census->of[wan][family] == 0 || selection->eligible[wan] || !selection->best)
		return;
	diagnosis_note(about_wan(patient->diagnosis, wan, family), "flows-left",
		       "%s still has %s flows (%zu), though new ones go elsewhere\n"
		       "`conntrack -D -f %s -m %u` has them begin anew on another WAN; down_flows "
		       "= flush in [wan %s] always does",
		       conf->name, family_name(family), census->of[wan][family],
		       family_word(family), conf->mark, conf->name);
}

int doctor_flows(struct patient *patient, struct fault *fault)
{
	_cleanup_(flow_census_done) struct flow_census census = {};
	struct enumeration counts = {};
	int r;

	r = conntrack_count(patient->kernel.nfnl, patient->site, &census, fault);
	if (r < 0)
		return r;
	doctor_room(patient->root, patient->diagnosis);
	look_at_misplaced(patient, &census);
	for (size_t i = 0; i < patient->config->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++)
			look_at_left(patient, &census, i, family);
		enumerate(&counts, "%s has %zu", patient->config->wans[i].name,
			  census.of[i][IPV4] + census.of[i][IPV6]);
	}
	diagnosis_good(patient->diagnosis, "%s", counts.s);
	return 0;
}
