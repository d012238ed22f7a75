/*
 * Whether the world answers over each WAN: by a cycle of probes of our own, whatever the daemon
 * has found. What has no gateway or translation has been told of, and is not asked.
 */
#include "daemon.h"
#include "doctor.h"
#include "neighbours.h"
#include "once.h"

#include <errno.h>
#include <string.h>

struct probing {
	const struct patient *patient;
	struct diagnosis *diagnosis;
	struct report report; /* of this cycle */
	struct report known;  /* the daemon's; empty when it does not run */
	bool again;	      /* the cycle before failed somewhere */
};

static bool is_asked(const struct probing *p, size_t wan, enum family family)
{
	return p->report.wans[wan].family[family].present && !p->patient->explained[wan][family] &&
	       p->patient->outcome.selections[family].usable[wan];
}

static const struct family_report *report_of(const struct probing *p, size_t wan,
					     enum family family)
{
	return &p->report.wans[wan].family[family];
}

static bool has_failed(const struct probing *p, size_t wan, enum family family)
{
	return report_of(p, wan, family)->health.state == VERDICT_DOWN;
}

static size_t count_answers(const struct family_report *family)
{
	size_t n = 0;

	for (size_t i = 0; i < family->n_targets; i++)
		n += family->targets[i].answered;
	return n;
}

static char digit(enum family family)
{
	return family == IPV4 ? '4' : '6';
}

/* ---- one WAN and family ---- */

static const struct family_report *known_of(const struct probing *p, const char *wan,
					    enum family family)
{
	for (size_t i = 0; i < p->known.n_wans; i++)
		if (strcmp(p->known.wans[i].name, wan) == 0)
			return &p->known.wans[i].family[family];
	return NULL;
}

/* What else answers tells where the fault is not. */
static const char *compare(const struct probing *p, size_t wan, enum family family)
{
	if (family == IPV6 && is_asked(p, wan, IPV4) && !has_failed(p, wan, IPV4))
		return ", while IPv4 answers over the same line";
	for (size_t i = 0; i < p->report.n_wans; i++)
		if (i != wan && is_asked(p, i, family) && !has_failed(p, i, family))
			return ", while others answer over other WANs";
	return "";
}

static bool can_not_be_sent(const struct family_report *family)
{
	const char *why = family->n_targets > 0 ? family->targets[0].why : NULL;

	return why && (strncmp(why, "cannot ", 7) == 0 || strncmp(why, "no usable ", 10) == 0);
}

/* Then it is what the neighbours tell of. The probes have made the kernel ask for it. */
static bool has_silent_gateway(const struct probing *p, size_t wan, enum family family)
{
	const struct wan_facts *facts = &p->patient->outcome.facts.wans[wan];
	_cleanup_(neighbours_done) struct neighbours neighbours = {};
	struct addr gateway = facts->gateway[family].via;

	return gateway.family &&
	       observe_neighbours(p->patient->kernel.sk, facts->link.link.index, &neighbours) ==
		       0 &&
	       !neighbours_find(&neighbours, gateway);
}

/* The words of the status table: what is so; what to do. */
static int tell_failed(struct probing *p, size_t wan, enum family family)
{
	const struct wan_report *report = &p->report.wans[wan];
	const char *words = report->family[family].trouble ?: "no answer";
	const char *advice = strstr(words, "; ");
	_cleanup_(freep) char *fix = NULL;
	int r;

	if (has_silent_gateway(p, wan, family))
		return 0;
	if (can_not_be_sent(&report->family[family]))
		r = asprintf(&fix, "`ip -%c address show dev %s` shows what it can send from",
			     digit(family), report->interface);
	else if (advice)
		r = asprintf(&fix, "%s", advice + 2);
	else
		r = asprintf(&fix,
			     "name targets in mwan.conf that answer (ping%c, http%c), or ask the "
			     "ISP why these do not",
			     digit(family), digit(family));
	if (r < 0)
		return -ENOMEM;
	return diagnosis_add(p->diagnosis, FINDING_WRONG, fix, "%s: IPv%c: %.*s%s", report->name,
			     digit(family), (int)(advice ? advice - words : (long)strlen(words)),
			     words, compare(p, wan, family));
}

static int tell_unlike(struct probing *p, size_t wan, enum family family)
{
	const struct wan_report *report = &p->report.wans[wan];
	const struct family_report *known = known_of(p, report->name, family);

	if (!known || known->health.state != VERDICT_DOWN)
		return 0;
	return diagnosis_add(p->diagnosis, FINDING_NOTE,
			     "wait; `health-check --status --watch` shows it come",
			     "%s: IPv%c answers now, and the daemon has it as down: %s",
			     report->name, digit(family), known->trouble ?: "not yet up again");
}

static int tell_one(struct probing *p, size_t wan, enum family family)
{
	const struct family_report *report = report_of(p, wan, family);
	_cleanup_(freep) char *fix = NULL;

	if (!is_asked(p, wan, family))
		return 0;
	if (report->n_targets == 0) {
		if (asprintf(&fix, "ping%c = ADDRESS, … in [health] of %s", digit(family),
			     p->patient->config_path) < 0)
			return -ENOMEM;
		return diagnosis_add(p->diagnosis, FINDING_NOTE, fix,
				     "%s: IPv%c has no targets, and is up whatever happens",
				     p->report.wans[wan].name, digit(family));
	}
	return has_failed(p, wan, family) ? tell_failed(p, wan, family)
					  : tell_unlike(p, wan, family);
}

/* ---- over all WANs ---- */

static bool are_all_silent(const struct probing *p, enum family family)
{
	size_t asked = 0, silent = 0;

	for (size_t i = 0; i < p->report.n_wans; i++) {
		if (!is_asked(p, i, family) || report_of(p, i, family)->n_targets == 0)
			continue;
		asked++;
		silent += count_answers(report_of(p, i, family)) == 0 &&
			  !can_not_be_sent(report_of(p, i, family));
	}
	return asked > 1 && silent == asked;
}

static int tell_all_silent(struct probing *p, enum family family)
{
	_cleanup_(freep) char *fix = NULL;

	if (asprintf(
		    &fix,
		    "are ping%c and http%c in %s right? if so, `tcpdump -ni %s` shows what leaves, "
		    "and what comes",
		    digit(family), digit(family), p->patient->config_path,
		    p->report.wans[0].interface) < 0)
		return -ENOMEM;
	return diagnosis_add(p->diagnosis, FINDING_WRONG, fix,
			     "IPv%c: no target answers over any of the WANs", digit(family));
}

/* How the target fares over all WANs that ask it. */
static void count_target(const struct probing *p, enum family family, const char *name,
			 size_t *asked, size_t *answered)
{
	*asked = *answered = 0;
	for (size_t i = 0; i < p->report.n_wans; i++) {
		const struct family_report *report = report_of(p, i, family);

		for (size_t k = 0; is_asked(p, i, family) && k < report->n_targets; k++) {
			bool same = strcmp(report->targets[k].name, name) == 0;

			/* Where nothing answers, it is not the target's fault. */
			*asked += same && count_answers(report) > 0;
			*answered += same && report->targets[k].answered;
		}
	}
}

static bool was_seen(const struct probing *p, size_t wan, enum family family, const char *name)
{
	for (size_t i = 0; i < wan; i++)
		for (size_t k = 0; k < report_of(p, i, family)->n_targets; k++)
			if (strcmp(report_of(p, i, family)->targets[k].name, name) == 0)
				return true;
	return false;
}

/* A target that is nobody's counts against min_targets, and warns of nothing. */
static int tell_dead_targets(struct probing *p, enum family family)
{
	int r = 0;

	for (size_t i = 0; i < p->report.n_wans; i++) {
		const struct family_report *report = report_of(p, i, family);

		for (size_t k = 0; k < report->n_targets && r == 0; k++) {
			const struct target_report *target = &report->targets[k];
			size_t asked, answered;

			count_target(p, family, target->name, &asked, &answered);
			if (asked > 0 && answered == 0 && !was_seen(p, i, family, target->name))
				r = diagnosis_add(p->diagnosis, FINDING_NOTE,
						  "name another in mwan.conf if it stays so",
						  "%s answers over no WAN (%s)", target->name,
						  target->why ?: "nothing came");
		}
	}
	return r;
}

/* ---- the check ---- */

static bool is_any_failed(const struct probing *p)
{
	for (size_t i = 0; i < p->report.n_wans; i++)
		for (enum family family = 0; family < N_FAMILIES; family++)
			if (is_asked(p, i, family) && has_failed(p, i, family))
				return true;
	return false;
}

static int tell(struct probing *p)
{
	size_t before = p->diagnosis->n, asked = 0;
	int r = 0;

	for (enum family family = 0; family < N_FAMILIES && r == 0; family++) {
		bool all = are_all_silent(p, family);

		if (all)
			r = tell_all_silent(p, family);
		for (size_t i = 0; i < p->report.n_wans && r == 0; i++) {
			asked += is_asked(p, i, family);
			if (!all)
				r = tell_one(p, i, family);
		}
		if (r == 0)
			r = tell_dead_targets(p, family);
	}
	if (r < 0 || p->diagnosis->n > before)
		return r;
	/* What keeps them from it has been told, or is about to be. */
	if (asked == 0 || is_any_failed(p))
		return 0;
	return diagnosis_good(p->diagnosis, "all targets answer, over %zu paths%s", asked,
			      p->again ? ", some only the second time" : "");
}

static int look(struct probing *p, struct fault *fault)
{
	report_done(&p->report);
	return probe_outcome(p->patient->config, &p->patient->outcome, &p->report, fault);
}

int doctor_probes(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct probing p = { .patient = patient, .diagnosis = diagnosis };
	struct fault unread = {};
	int r;

	if (geteuid() != 0)
		return fault_set(fault, -EPERM, "only root can send probes");
	r = look(&p, fault);
	/* A packet may be lost at any time. */
	if (r == 0 && is_any_failed(&p)) {
		p.again = true;
		r = look(&p, fault);
	}
	if (r == 0 && daemon_is_running() && report_read(HEALTH_PATH, &p.known, &unread) == -ENOMEM)
		r = -ENOMEM;
	if (r == 0)
		r = tell(&p);
	report_done(&p.report);
	report_done(&p.known);
	return r;
}
