// SPDX-License-Identifier: GPL-2.0-or-later
// The plan as a value, and as text for --dry-run and the debug log.
// Prints each step in ip(8) syntax and each command of the transaction in nft(8) syntax.

#include "plan/plan.h"

#include <string.h>

void plan_done(struct plan *plan)
{
	free(plan->steps);
	free(plan->nft);
	*plan = (struct plan){};
}

bool plan_is_empty(const struct plan *plan)
{
	return plan->n_steps == 0 && (!plan->nft || !*plan->nft);
}

void step_print(const struct step *step, FILE *f)
{
	static const char *const things[] = {
		[OBJECT_ADDRESS] = "address",
		[OBJECT_ROUTE] = "route",
		[OBJECT_RULE] = "rule",
	};
	const struct object *object = step->object;
	const char *verb = step->kind == STEP_DELETE	? "del"
			   : step->kind == STEP_REPLACE ? "replace"
							: "add";

	/* In front of an IPv4 route of the same key that somebody else has. */
	if (step->kind == STEP_ADD && object->kind == OBJECT_ROUTE && object->family == AF_INET)
		verb = step->behind ? "append" : "prepend";
	fprintf(f, "ip %s%s %s ", object->family == AF_INET6 ? "-6 " : "", things[object->kind],
		verb);
	object_print(object, step->kind != STEP_DELETE, f);
}

static void print_nft(const char *text, FILE *f)
{
	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, PLAN_LOAD_BASE, strlen(PLAN_LOAD_BASE)) == 0)
			fputs("nft -f " BASE_RULESET_PATH "\n", f);
		else if (*line != '#' && line != end)
			/* As a shell takes it: nft has braces, quotes and semicolons. */
			fprintf(f, "nft '%.*s'\n", (int)(end - line), line);
		line = *end ? end + 1 : end;
	}
}

void plan_print(const struct plan *plan, FILE *f)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		if (i == plan->n_additions && plan->nft)
			print_nft(plan->nft, f);
		step_print(&plan->steps[i], f);
		fputc('\n', f);
	}
	if (plan->n_additions == plan->n_steps && plan->nft)
		print_nft(plan->nft, f);
}
