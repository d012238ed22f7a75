// SPDX-License-Identifier: GPL-2.0-or-later
// Findings, in the order in which they were made.
// A failure to add one is kept in the diagnosis, so that checks need not look at each.

#include "doctor/diagnosis.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

bool diagnosis_has_topic(const struct diagnosis *diagnosis)
{
	return diagnosis->n > 0 && diagnosis->v[diagnosis->n - 1].topic == diagnosis->topic;
}

void diagnosis_add(struct diagnosis *diagnosis, enum severity severity, const char *kind,
		   const char *format, ...)
{
	struct finding finding = { .severity = severity,
				   .topic = diagnosis->topic,
				   .kind = kind,
				   .about = diagnosis->about };
	va_list args;
	char *fix;

	diagnosis->about = (struct about){};
	if (diagnosis->r < 0 || (severity == FINDING_GOOD && diagnosis_has_topic(diagnosis)))
		return;
	va_start(args, format);
	if (vasprintf(&finding.text, format, args) < 0)
		finding.text = NULL;
	va_end(args);
	fix = finding.text ? strchr(finding.text, '\n') : NULL;
	if (fix) {
		*fix++ = '\0';
		finding.fix = *fix ? fix : NULL;
	}
	diagnosis->r = finding.text ? APPEND(diagnosis->v, diagnosis->n, finding) : -ENOMEM;
	if (diagnosis->r < 0)
		free(finding.text);
}

void diagnosis_fault(struct diagnosis *diagnosis, const char *kind, const char *who,
		     const struct fault *fault)
{
	diagnosis_wrong(diagnosis, kind, "%s%s%.*s\n%s", who ?: "", who ? ": " : "",
			fault_what_length(fault), fault->text, fault_what_to_do(fault));
}

struct diagnosis *about_subject(struct diagnosis *diagnosis, int subject, enum family family)
{
	unsigned families = family == N_FAMILIES ? 0 : 1U << family;

	diagnosis->about = (struct about){ subject, families };
	return diagnosis;
}

bool diagnosis_is_good(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		if (diagnosis->v[i].severity == FINDING_WRONG)
			return false;
	return true;
}

void diagnosis_done(struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		free(diagnosis->v[i].text);
	free(diagnosis->v);
	*diagnosis = (struct diagnosis){};
}

void enumerate(struct enumeration *things, const char *format, ...)
{
	size_t length = strlen(things->s);
	va_list args;

	if (length > 0)
		snprintf(things->s + length, sizeof(things->s) - length, ", ");
	length = strlen(things->s);
	va_start(args, format);
	vsnprintf(things->s + length, sizeof(things->s) - length, format, args);
	va_end(args);
}
