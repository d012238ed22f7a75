// SPDX-License-Identifier: GPL-2.0-or-later
// Checks whether targets answer over each WAN, by a cycle of probes of our own.
// A WAN without a gateway or a translation is left out: the finding of another check says so.

#include "doctor/check.h"

#include "base/duration.h"
#include "base/lock.h"
#include "health/once.h"

#include <errno.h>
#include <string.h>

/* So often a target is asked that does not answer. */
#define CYCLES 3

struct doctor_probes {
	struct patient *patient;
	const struct report *report; /* of this cycle */
	const struct report *known;  /* the daemon's; empty when it does not run */
};

static const struct family_report *report_of(const struct doctor_probes *p, size_t wan,
					     enum family family)
{
	return &p->report->wans[wan].family[family];
}

static bool is_asked(const struct doctor_probes *p, size_t wan, enum family family)
{
	return report_of(p, wan, family)->present && !p->patient->explained[wan][family] &&
	       site_selection(p->patient->site, family)->usable[wan];
}

static bool has_failed(const struct doctor_probes *p, size_t wan, enum family family)
{
	const struct family_report *report = report_of(p, wan, family);

	return report->health.state == VERDICT_DOWN || report->trouble.kind == TROUBLE_UNSENT;
}

static size_t count_answers(const struct family_report *family)
{
	size_t n = 0;

	for (size_t i = 0; i < family->n_targets; i++)
		n += family->targets[i].answered;
	return n;
}

/* The targets that answer: the fault is not there. */
static const char *compare(const struct doctor_probes *p, size_t wan, enum family family)
{
	if (family == IPV6 && is_asked(p, wan, IPV4) && !has_failed(p, wan, IPV4))
		return ", while IPv4 answers over the same line";
	for (size_t i = 0; i < p->report->n_wans; i++)
		if (i != wan && is_asked(p, i, family) && !has_failed(p, i, family))
			return ", while others answer over other WANs";
	return "";
}

/* The kind of the finding, by what the targets have met. */
static const char *kind_of(const struct family_report *family)
{
	size_t unsent = 0, unresolved = 0;

	for (size_t i = 0; i < family->n_targets; i++)
		if (family->targets[i].failure == FAILURE_PORTAL)
			return "probe-portal";
	for (size_t i = 0; i < family->n_targets; i++) {
		enum probe_failure failure = family->targets[i].failure;

		if (probe_failure_is_reply(failure))
			return "probe-target";
		unsent += probe_failure_is_own(failure);
		unresolved += failure == FAILURE_UNRESOLVED;
	}
	if (unresolved > 0 && unresolved == family->n_targets)
		return "probe-unresolved";
	return unsent > 0 && unsent == family->n_targets ? "probe-unsent" : "probe-failed";
}

/* What the daemon knows of it; NULL: nothing. */
static const struct family_report *known_of(const struct doctor_probes *p, size_t wan,
					    enum family family)
{
	const struct wan_report *known = report_wan(p->known, p->report->wans[wan].name);

	return known ? &known->family[family] : NULL;
}

/* ", for 4 min", if the daemon has it as down, too. */
static struct after_text down_for(const struct doctor_probes *p, size_t wan, enum family family)
{
	const struct family_report *known = known_of(p, wan, family);
	uint64_t now = clock_us(CLOCK_REALTIME) / 1000000;
	struct after_text text = {};

	if (known && known->condition.obstacle == OBSTACLE_DOWN && known->condition.since > 0)
		snprintf(text.s, sizeof(text.s), ", for %s",
			 age_str(known->condition.since, now).s);
	return text;
}

static void diagnose_trouble(const struct doctor_probes *p, size_t wan, enum family family,
			     enum severity severity, const char *kind, const char *more)
{
	const struct trouble *trouble = &report_of(p, wan, family)->trouble;

	diagnosis_add(about_wan(p->patient->diagnosis, wan, family), severity, kind,
		      "%s: %s%s%s: %s\n%s", p->report->wans[wan].name, family_name(family),
		      down_for(p, wan, family).s, more, trouble->what ?: "no answer",
		      trouble->fix
			      ?: "name targets in mwan.conf that answer, or ask the ISP why "
				 "these do not");
}

static void note_drained(const struct doctor_probes *p, size_t wan)
{
	const struct wan_report *it = &p->report->wans[wan];
	bool ends = it->drained_until > 0;

	if (it->drained)
		diagnosis_note(about_wan(p->patient->diagnosis, wan, IPV4), "drained",
			       "%s is drained by hand%s%s: it takes no new flows\n"
			       "once the work is done: `health-check --undrain %s`",
			       it->name, ends ? " until " : "",
			       ends ? local_time_str(it->drained_until, false).s : "", it->name);
}

static void compare_known(const struct doctor_probes *p, size_t wan, enum family family)
{
	const struct family_report *known = known_of(p, wan, family);

	if (known && known->health.state == VERDICT_DOWN)
		diagnosis_note(about_wan(p->patient->diagnosis, wan, family),
			       "probe-daemon-differs",
			       "%s: %s answers now, and the daemon has it as down: %s\n"
			       "wait; `health-check --status --watch` shows it come",
			       p->report->wans[wan].name, family_name(family),
			       known->trouble.what ?: "not yet up again");
}

static void judge_wan(const struct doctor_probes *p, size_t wan, enum family family)
{
	const struct family_report *report = report_of(p, wan, family);

	if (!is_asked(p, wan, family))
		return;
	if (report->n_targets == 0)
		diagnose_trouble(p, wan, family, FINDING_NOTE, "probe-no-targets", "");
	else if (!has_failed(p, wan, family))
		compare_known(p, wan, family);
	else
		diagnose_trouble(p, wan, family, FINDING_WRONG, kind_of(report),
				 compare(p, wan, family));
}

/* Nothing answers, and nothing says that it is another's fault than that of all WANs. */
static bool are_all_silent(const struct doctor_probes *p, enum family family)
{
	size_t asked = 0;

	for (size_t i = 0; i < p->report->n_wans; i++) {
		const struct family_report *report = report_of(p, i, family);

		if (!is_asked(p, i, family) || report->n_targets == 0)
			continue;
		if (count_answers(report) > 0 || strcmp(kind_of(report), "probe-failed") != 0)
			return false;
		asked++;
	}
	return asked > 1;
}

/* The daemon has had its answer lately: it loses packets, and is not dead. */
static bool has_answered(const struct doctor_probes *p, enum family family, const char *name)
{
	for (size_t i = 0; i < p->known->n_wans; i++) {
		const struct family_report *known = &p->known->wans[i].family[family];

		for (size_t k = 0; k < known->n_targets; k++) {
			const struct health_window *window = &known->targets[k].window;

			if (strcmp(known->targets[k].name, name) == 0 &&
			    (unsigned)__builtin_popcount(window->lost) < window->n)
				return true;
		}
	}
	return false;
}

/* True for the first of its name, if some WANs ask it and none has its answer. */
static bool is_dead(const struct doctor_probes *p, enum family family,
		    const struct target_report *target)
{
	const struct target_report *first = NULL;
	size_t asked = 0, answered = 0;

	for (size_t i = 0; i < p->report->n_wans; i++) {
		const struct family_report *report = report_of(p, i, family);
		/* If nothing answers, it is not the target's fault. */
		bool counts = is_asked(p, i, family) && count_answers(report) > 0;

		for (size_t k = 0; k < report->n_targets; k++) {
			const struct target_report *other = &report->targets[k];

			if (strcmp(other->name, target->name) != 0)
				continue;
			first = first ?: other;
			asked += counts;
			answered += counts && other->answered;
		}
	}
	return first == target && asked > 0 && answered == 0 &&
	       !has_answered(p, family, target->name);
}

/* A target that is nobody's counts against min_targets, and warns of nothing. */
static void diagnose_dead_target(const struct doctor_probes *p, const struct target_report *target)
{
	if (target->failure == FAILURE_FILTERED)
		diagnosis_note(p->patient->diagnosis, "probe-unsent",
			       "%s is asked over no WAN (%s)\n"
			       "`nft list ruleset` has the rule of this machine that drops it",
			       target->name, target->why);
	else
		diagnosis_note(p->patient->diagnosis, "probe-dead-target",
			       "%s answers over no WAN (%s)\n"
			       "name another in mwan.conf if it stays so",
			       target->name, target->why ?: "nothing came");
}

static void diagnose_dead_targets(const struct doctor_probes *p, enum family family)
{
	for (size_t i = 0; i < p->report->n_wans; i++) {
		const struct family_report *report = report_of(p, i, family);

		for (size_t k = 0; k < report->n_targets; k++)
			if (is_dead(p, family, &report->targets[k]))
				diagnose_dead_target(p, &report->targets[k]);
	}
}

static bool is_any_failed(const struct doctor_probes *p)
{
	for (size_t i = 0; i < p->report->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (is_asked(p, i, family) && has_failed(p, i, family))
				return true;
	return false;
}

void doctor_judge_probes(struct patient *patient, const struct report *report,
			 const struct report *known, bool again)
{
	const struct doctor_probes p = { patient, report, known };
	size_t asked = 0, targets = 0, answers = 0;

	for (enum family family = 0; family < N_FAMILIES; family++) {
		bool all = are_all_silent(&p, family);

		if (all)
			diagnosis_wrong(
				patient->diagnosis, "probe-all-silent",
				"%s: no target answers over any of the WANs\n"
				"are the targets in %s right (ping%c, ...)? if so, `tcpdump "
				"-ni %s` shows what leaves, and what comes",
				family_name(family), patient->config_path, family_digit(family),
				report->wans[0].interface);
		for (size_t i = 0; i < report->n_wans; i++) {
			if (is_asked(&p, i, family)) {
				asked++;
				targets += report_of(&p, i, family)->n_targets;
				answers += count_answers(report_of(&p, i, family));
			}
			if (!all)
				judge_wan(&p, i, family);
		}
		diagnose_dead_targets(&p, family);
	}
	for (size_t i = 0; i < report->n_wans; i++)
		note_drained(&p, i);
	/* Another check finds what keeps the others from an answer. */
	if (asked > 0 && !is_any_failed(&p))
		diagnosis_good(patient->diagnosis, "%zu of %zu targets answer, over %zu paths%s",
			       answers, targets, asked,
			       again ? ", some only when asked again" : "");
}

/* An answer of an earlier cycle is one, too. */
static void keep_answers(const struct report *before, struct report *report)
{
	for (size_t i = 0; i < report->n_wans; i++) {
		for (enum family family = 0; family < N_FAMILIES; family++) {
			const struct family_report *old = &before->wans[i].family[family];
			struct family_report *new = &report->wans[i].family[family];

			for (size_t k = 0; k < new->n_targets &&k < old->n_targets; k++)
				new->targets[k].answered |= old->targets[k].answered;
		}
	}
}

static bool is_any_silent(const struct doctor_probes *p)
{
	for (size_t i = 0; i < p->report->n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (is_asked(p, i, family) && count_answers(report_of(p, i, family)) <
							      report_of(p, i, family)->n_targets)
				return true;
	return false;
}

int doctor_probes(struct patient *patient, struct fault *fault)
{
	_cleanup_(report_done) struct report report = {}, known = {};
	struct fault unread = {};
	bool again = false;
	int r;

	if (geteuid() != 0)
		return fault_set(fault, -EPERM, "only root can send probes");
	r = probe_site(patient->site, patient->kernel.sk, &report, fault);
	/* A packet may be lost at any time. */
	for (unsigned i = 1; i < CYCLES && r == 0; i++) {
		struct report before = report;

		if (!is_any_silent(&(struct doctor_probes){ patient, &report, &known }))
			break;
		again = true;
		report = (struct report){};
		r = probe_site(patient->site, patient->kernel.sk, &report, fault);
		if (r == 0)
			keep_answers(&before, &report);
		report_done(&before);
	}
	if (r == 0 && daemon_is_running() && report_read(HEALTH_PATH, &known, &unread) == -ENOMEM)
		r = -ENOMEM;
	if (r == 0)
		doctor_judge_probes(patient, &report, &known, again);
	return r;
}
