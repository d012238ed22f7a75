// SPDX-License-Identifier: GPL-2.0-or-later
// Prints findings: root causes first, and what follows from each below it or only counted.
// The brief form is made row by row, for a terminal of 80 columns and 24 rows.

#include "doctor/diagnosis.h"

#include "base/fileio.h"
#include "base/wrap.h"
#include "doctor/causes.h"

#include <errno.h>
#include <string.h>

#define COLUMNS (80 - 2) /* " …" may follow */
#define PREFIX "       " /* as long as "WRONG  " */
/* One for the prompt, and three for the end: an empty one, the sum, and what is left out. */
#define ROWS (24 - 1 - 3)
#define TEXT_ROWS 4 /* of one finding: a long list ends with "…" */
#define FIX_ROWS 6

/* The findings in their order, and how many of each sort there are. */
struct reading {
	const struct diagnosis *diagnosis;
	const struct finding **v; /* owned: the roots, as they are read */
	size_t n;
	const struct finding **causes; /* owned: of each of the diagnosis; NULL: it is a root */
	size_t wrong, notes, effects;  /* notes and wrong ones: of the roots only */
};

/* Negative, zero or positive as a comes before, with or after b. */
static int compare(const struct finding *a, const struct finding *b)
{
	size_t rank_a = cause_rank(a->kind), rank_b = cause_rank(b->kind);

	if (a->severity != b->severity)
		return (int)b->severity - (int)a->severity;
	if (a->severity != FINDING_WRONG || rank_a == rank_b)
		return a < b ? -1 : 1; /* as they were found */
	return rank_a < rank_b ? -1 : 1;
}

static int compare_roots(const void *a, const void *b)
{
	return compare(*(const struct finding *const *)a, *(const struct finding *const *)b);
}

static void reading_done(struct reading *reading)
{
	free(reading->v);
	free(reading->causes);
}

static int reading_make(const struct diagnosis *diagnosis, struct reading *ret)
{
	*ret = (struct reading){ .diagnosis = diagnosis };
	ret->v = calloc(diagnosis->n + 1, sizeof(struct finding *));
	ret->causes = calloc(diagnosis->n + 1, sizeof(struct finding *));
	if (!ret->v || !ret->causes)
		return -ENOMEM;
	for (size_t i = 0; i < diagnosis->n; i++) {
		const struct finding *finding = &diagnosis->v[i];

		ret->causes[i] = cause_of(diagnosis, i);
		if (ret->causes[i]) {
			ret->effects++;
			continue;
		}
		ret->wrong += finding->severity == FINDING_WRONG;
		ret->notes += finding->severity == FINDING_NOTE;
		ret->v[ret->n++] = finding;
	}
	qsort(ret->v, ret->n, sizeof(*ret->v), compare_roots);
	return 0;
}

/* ---- verbosely ---- */

static void print_line(const struct finding *finding, const char *indent, FILE *f)
{
	static const char *const severities[] = { "ok", "note", "WRONG" };

	fprintf(f, "%s%-10s %-5s %s\n", indent, finding->topic, severities[finding->severity],
		finding->text);
	if (finding->fix)
		fprintf(f, "%s%-10s %-5s fix: %s\n", indent, "", "", finding->fix);
}

static void print_verbosely(const struct reading *reading, FILE *f)
{
	const struct diagnosis *diagnosis = reading->diagnosis;

	for (size_t i = 0; i < reading->n; i++) {
		print_line(reading->v[i], "", f);
		for (size_t k = 0; k < diagnosis->n; k++)
			if (reading->causes[k] == reading->v[i])
				print_line(&diagnosis->v[k], "  follows: ", f);
	}
}

/* ---- briefly ---- */

static size_t print_rows(const char *prefix, const char *text, unsigned max_rows, FILE *f)
{
	return print_wrapped(prefix, text, (struct wrap){ COLUMNS, strlen(PREFIX), max_rows }, f);
}

/* "and 3 that follow from this: flows, probes": each topic once. */
static size_t print_effects(const struct reading *reading, const struct finding *root, FILE *f)
{
	const struct diagnosis *diagnosis = reading->diagnosis;
	struct enumeration topics = {};
	const char *last = NULL;
	char text[1200];
	size_t n = 0;

	for (size_t i = 0; i < diagnosis->n; i++) {
		if (reading->causes[i] != root)
			continue;
		if (diagnosis->v[i].topic != last)
			enumerate(&topics, "%s", diagnosis->v[i].topic);
		last = diagnosis->v[i].topic;
		n++;
	}
	if (n == 0)
		return 0;
	snprintf(text, sizeof(text), "and %zu that follow%s from this: %s", n, n == 1 ? "s" : "",
		 topics.s);
	return print_rows(PREFIX, text, 2, f);
}

/* A root as its rows. */
static size_t print_root(const struct reading *reading, const struct finding *root, FILE *f)
{
	const char *prefix = root->severity == FINDING_WRONG ? "WRONG  " : "note   ";
	size_t rows = print_rows(prefix, root->text, TEXT_ROWS, f);

	if (root->fix)
		rows += print_rows(PREFIX "fix: ", root->fix, FIX_ROWS, f);
	return rows + print_effects(reading, root, f);
}

/* *left: how many of the roots there is no room for */
static int print_briefly(const struct reading *reading, size_t *left, FILE *f)
{
	size_t rows = 0, i;

	for (i = 0; i < reading->n && reading->v[i]->severity != FINDING_GOOD; i++) {
		_cleanup_(freep) char *text = NULL;
		struct memory memory = {};

		if (memory_open(&memory) < 0)
			return -ENOMEM;
		rows += print_root(reading, reading->v[i], memory.f);
		if (memory_close(&memory, &text) < 0)
			return -ENOMEM;
		if (rows > ROWS)
			break;
		fputs(text, f);
	}
	*left = reading->wrong + reading->notes - i;
	return 0;
}

int diagnosis_print(const struct diagnosis *diagnosis, bool verbose, FILE *f)
{
	_cleanup_(reading_done) struct reading reading;
	size_t left = 0;
	int r = reading_make(diagnosis, &reading);

	if (r < 0)
		return r;
	if (verbose)
		print_verbosely(&reading, f);
	else
		r = print_briefly(&reading, &left, f);
	if (verbose || reading.wrong + reading.notes > 0)
		fputc('\n', f);
	if (left + reading.effects > 0 && !verbose)
		fprintf(f, "--verbose shows %zu more\n", left + reading.effects);
	if (reading.wrong > 0)
		fprintf(f, "%zu wrong, %zu to note: mend the first one first\n", reading.wrong,
			reading.notes);
	else
		fprintf(f, "nothing wrong, %zu to note\n", reading.notes);
	return r;
}
