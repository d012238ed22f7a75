// SPDX-License-Identifier: GPL-2.0-or-later
// The parts of a report that need code: trouble, age, and freeing.
// Everything is a value; nothing here reads or writes files.

#include "status/report.h"

#include "base/paths.h"

#include <errno.h>
#include <string.h>

bool report_is_probed(const struct family_report *family)
{
	for (size_t i = 0; i < family->n_targets; i++)
		if (family->targets[i].window.n > 0)
			return true;
	return false;
}

bool report_is_stale(const struct report *report, uint64_t now_us)
{
	intmax_t age = ((intmax_t)now_us - (intmax_t)report->time_us) / 1000000;

	/* A busy daemon may be late by some cycles; below 0, the clock has been set back. */
	return age < -1 || age > 2 + 3 * (intmax_t)report->interval_us / 1000000;
}

const struct wan_report *report_wan(const struct report *report, const char *name)
{
	for (size_t i = 0; i < report->n_wans; i++)
		if (strcmp(report->wans[i].name, name) == 0)
			return &report->wans[i];
	return NULL;
}

bool report_has_new_condition(const struct report *report, const struct report *before)
{
	for (size_t i = 0; i < report->n_wans; i++) {
		const struct wan_report *now = &report->wans[i];
		const struct wan_report *old = report_wan(before, now->name);

		for (enum family family = 0; family < N_FAMILIES; family++)
			if (!old ||
			    now->family[family].condition.obstacle !=
				    old->family[family].condition.obstacle ||
			    addr_cmp(now->family[family].address, old->family[family].address) != 0)
				return true;
	}
	return false;
}

void trouble_done(struct trouble *trouble)
{
	free(trouble->what);
	free(trouble->fix);
	*trouble = (struct trouble){};
}

char *trouble_line(const struct trouble *trouble)
{
	char *line = NULL;

	if (trouble->what && asprintf(&line, "%s%s%s", trouble->what, trouble->fix ? ": " : "",
				      trouble->fix ? trouble->fix : "") < 0)
		return NULL;
	return line;
}

static void family_done(struct family_report *family)
{
	for (size_t i = 0; i < family->n_targets; i++) {
		free(family->targets[i].name);
		free(family->targets[i].why);
	}
	free(family->targets);
	trouble_done(&family->trouble);
}

bool report_lan_is_up(const struct lan_report *lan)
{
	return lan->carrier && lan->router4 != PRESENCE_MISSED && lan->router6 != PRESENCE_MISSED;
}

int report_add_trouble(struct report *report, const char *who, const char *what, const char *fix)
{
	struct site_trouble it = { .trouble = { .what = strdup(what) } };

	it.trouble.fix = fix ? strdup(fix) : NULL;
	snprintf(it.who, sizeof(it.who), "%s", who);
	if (!it.trouble.what || (fix && !it.trouble.fix) ||
	    APPEND(report->troubles, report->n_troubles, it) < 0) {
		trouble_done(&it.trouble);
		return -ENOMEM;
	}
	return 0;
}

int report_add_fault(struct report *report, const char *who, const struct fault *fault)
{
	const char *fix = fault_what_to_do(fault);
	_cleanup_(freep) char *what = strndup(fault->text, fault_what_length(fault));

	return what ? report_add_trouble(report, who, what, *fix ? fix : NULL) : -ENOMEM;
}

int report_add_flows(struct report *report, const struct flow_table *flows, bool full)
{
	char what[100];

	report->flows = *flows;
	if (!full)
		return 0;
	snprintf(what, sizeof(what), "table full (%ju of %ju entries), new flows are refused",
		 (uintmax_t)flows->entries, (uintmax_t)flows->max);
	return report_add_trouble(report, "conntrack", what, flow_table_fix(flows).s);
}

int report_add_management(struct report *report, const struct management *management)
{
	char what[400];

	snprintf(what, sizeof(what),
		 "no interface of MANAGEMENT is there (%s), so SSH is open on every interface that "
		 "is no WAN",
		 management->names);
	return report_add_trouble(report, "management", what,
				  "name one in " BASE_RULESET_PATH
				  ", then `systemctl reload nftables`");
}

bool report_has_trouble(const struct report *report)
{
	for (size_t i = 0; i < report->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (report->wans[i].family[family].trouble.what)
				return true;
	return report->trouble || report->n_troubles > 0;
}

void report_done(struct report *report)
{
	for (size_t i = 0; i < report->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			family_done(&report->wans[i].family[family]);
	for (size_t i = 0; i < report->n_troubles; i++)
		trouble_done(&report->troubles[i].trouble);
	free(report->wans);
	free(report->troubles);
	free(report->trouble);
	*report = (struct report){};
}
