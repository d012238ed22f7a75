#include "diagnosis.h"

#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int add(struct diagnosis *diagnosis, struct finding finding, const char *fix,
	       const char *format, va_list args)
{
	struct finding *v = reallocarray(diagnosis->v, diagnosis->n + 1, sizeof(*diagnosis->v));

	if (!v)
		return -ENOMEM;
	diagnosis->v = v;
	finding.topic = diagnosis->topic;
	finding.fix = fix ? strdup(fix) : NULL;
	if ((fix && !finding.fix) || vasprintf(&finding.text, format, args) < 0) {
		free(finding.fix);
		return -ENOMEM;
	}
	diagnosis->v[diagnosis->n++] = finding;
	return 0;
}

int diagnosis_add(struct diagnosis *diagnosis, enum finding_kind kind, const char *fix,
		  const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = add(diagnosis, (struct finding){ .kind = kind }, fix, format, args);
	va_end(args);
	return r;
}

/* Where the last ": " stands, for names and addresses may come before it; NULL: nowhere. */
static char *find_fix(char *line)
{
	char *found = NULL;

	for (char *at = strstr(line, ": "); at; at = strstr(at + 1, ": "))
		found = at;
	return found;
}

int diagnosis_tell(struct diagnosis *diagnosis, enum finding_kind kind, const char *format, ...)
{
	_cleanup_(freep) char *line = NULL;
	va_list args;
	char *fix;
	int r;

	va_start(args, format);
	r = vasprintf(&line, format, args);
	va_end(args);
	if (r < 0) {
		line = NULL;
		return -ENOMEM;
	}
	fix = find_fix(line);
	if (!fix)
		return diagnosis_add(diagnosis, kind, NULL, "%s", line);
	*fix = '\0';
	return diagnosis_add(diagnosis, kind, fix + 2, "%s", line);
}

static size_t count(const struct diagnosis *diagnosis, enum finding_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < diagnosis->n; i++)
		n += diagnosis->v[i].kind == kind;
	return n;
}

bool diagnosis_is_good(const struct diagnosis *diagnosis)
{
	return count(diagnosis, FINDING_WRONG) == 0;
}

void diagnosis_print(const struct diagnosis *diagnosis, FILE *f)
{
	static const char *const words[] = { "ok", "note", "WRONG" };
	size_t wrong = count(diagnosis, FINDING_WRONG), notes = count(diagnosis, FINDING_NOTE);

	for (size_t i = 0; i < diagnosis->n; i++) {
		const struct finding *finding = &diagnosis->v[i];

		fprintf(f, "%-10s %-5s %s\n", finding->topic, words[finding->kind], finding->text);
		if (finding->fix)
			fprintf(f, "%-10s %-5s fix: %s\n", "", "", finding->fix);
	}
	if (wrong)
		fprintf(f, "\n%zu wrong, %zu to note: mend the first one first\n", wrong, notes);
	else
		fprintf(f, "\nnothing wrong, %zu to note\n", notes);
}

void diagnosis_done(struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++) {
		free(diagnosis->v[i].text);
		free(diagnosis->v[i].fix);
	}
	free(diagnosis->v);
	*diagnosis = (struct diagnosis){};
}
