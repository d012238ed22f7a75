#include "plan.h"

#include "util.h"

#include <errno.h>
#include <string.h>

void nft_observed_done(struct nft_observed *observed)
{
	for (size_t i = 0; i < N_NFT_PARTS; i++) {
		free(observed->listing[i]);
		free(observed->left_listing[i]);
	}
	nft_texts_done(&observed->left);
	*observed = (struct nft_observed){};
}

void plan_done(struct plan *plan)
{
	free(plan->steps);
	free(plan->nft);
	*plan = (struct plan){};
}

static int add_step(struct plan *plan, enum step_kind kind, const struct object *object,
		    const struct object *replaced)
{
	struct step *v = reallocarray(plan->steps, plan->n_steps + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	plan->steps = v;
	v[plan->n_steps++] = (struct step){ kind, object, replaced };
	return 0;
}

static bool contains(const struct object_set *set, const struct object *object)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = object_cmp(&set->v[middle], object);

		if (r == 0)
			return true;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * True when `stale`, an IPv6 route, makes way for a wanted one of the same key in
 * one operation: a second route of that key would join it as a multipath.
 */
static bool is_replaced(const struct object_set *desired, const struct object_set *observed,
			const struct object *stale)
{
	for (size_t i = 0; i < desired->n && stale->family == AF_INET6; i++)
		if (object_same_route(&desired->v[i], stale) && !contains(observed, &desired->v[i]))
			return true;
	return false;
}

/* The observed route that a wanted one takes the place of; NULL: none. */
static const struct object *find_replaced(const struct object_set *observed,
					  const struct object *wanted)
{
	for (size_t i = 0; i < observed->n && wanted->family == AF_INET6; i++)
		if (object_same_route(wanted, &observed->v[i]))
			return &observed->v[i];
	return NULL;
}

int plan_net(const struct object_set *desired, const struct object_set *observed, struct plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < desired->n && r == 0; i++) {
		const struct object *wanted = &desired->v[i], *replaced;

		if (contains(observed, wanted))
			continue;
		replaced = find_replaced(observed, wanted);
		r = add_step(plan, replaced ? STEP_REPLACE : STEP_ADD, wanted, replaced);
	}
	plan->n_additions = plan->n_steps;

	for (size_t i = observed->v ? observed->n : 0; i > 0 && r == 0; i--) {
		const struct object *object = &observed->v[i - 1];

		if (!contains(desired, object) && !is_replaced(desired, observed, object))
			r = add_step(plan, STEP_DELETE, object, NULL);
	}
	return r;
}

/* The length of the chunk, marker line included, that begins at text. */
static size_t chunk_length(const char *text)
{
	const char *end = *text ? strstr(text + 1, "\n# ") : NULL;

	return end ? (size_t)(end + 1 - text) : strlen(text);
}

/* What stands before the first chunk. */
static size_t define_length(const char *text)
{
	return *text == '#' ? 0 : chunk_length(text);
}

static bool same_define(const char *a, const char *b)
{
	size_t length = define_length(a);

	return length == define_length(b) && strncmp(a, b, length) == 0;
}

/* True when `text` has the chunk of that length, word for word. */
static bool has_chunk(const char *text, const char *chunk, size_t length)
{
	for (const char *at = text + define_length(text); *at; at += chunk_length(at))
		if (chunk_length(at) == length && strncmp(at, chunk, length) == 0)
			return true;
	return false;
}

/* Flushes and fills anew each chunk of `desired` that `left` does not have. */
static void change_chunks(const char *desired, const char *left, FILE *f)
{
	size_t length;

	for (const char *at = desired + define_length(desired); *at; at += length) {
		const char *body = strchr(at, '\n') + 1;

		length = chunk_length(at);
		if (has_chunk(left, at, length))
			continue;
		/* "# chain inet mangle choose4" names what to flush. */
		fprintf(f, "flush %.*s\n", (int)(body - at - 3), at + 2);
		fwrite(body, 1, at + length - body, f);
	}
}

static bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/*
 * Of WANs that are no more. The others keep what they have counted: adding a counter
 * that is there changes nothing.
 */
static void delete_stale_counters(const char *listing, const char *want, FILE *f)
{
	static const char head[] = "\n\tcounter ";

	for (const char *at = strstr(listing, head); at; at = strstr(at + 1, head)) {
		const char *name = at + strlen(head);
		char declaration[64];

		snprintf(declaration, sizeof(declaration), "add counter inet filter %.*s\n",
			 (int)strcspn(name, " "), name);
		if (!strstr(want, declaration))
			fprintf(f, "delete%s", declaration + strlen("add"));
	}
}

static void plan_part(enum nft_part_id part, const struct nft_texts *desired,
		      const struct nft_observed *observed, struct plan *plan, FILE *f)
{
	const char *listing = observed->listing[part], *left = observed->left.v[part];
	const char *want = desired->v[part];
	long before = ftell(f);

	if (left && equal(listing, observed->left_listing[part]) && same_define(left, want)) {
		change_chunks(want, left, f);
	} else {
		/* To a table as the base leaves it, only things are added: deleting, and
		 * declaring a chain again, costs the kernel milliseconds. */
		if (!equal(listing, nft_parts[part].pristine)) {
			if (listing)
				fputs(nft_parts[part].wipe, f);
			if (nft_parts[part].create)
				fputs(nft_parts[part].create, f);
			else if (listing)
				delete_stale_counters(listing, want, f);
		}
		fputs(want, f);
		if (part == NFT_MANGLE)
			plan->takes_over = true;
	}
	plan->nft_part[part] = ftell(f) != before;
}

int plan_nft(const struct nft_texts *desired, const struct nft_observed *observed,
	     struct plan *plan)
{
	size_t size;
	FILE *f = open_memstream(&plan->nft, &size);

	if (!f)
		return -ENOMEM;
	/* The filter comes last: nothing is forwarded before it can be translated. */
	for (int part = N_NFT_PARTS - 1; part >= 0; part--)
		plan_part(part, desired, observed, plan, f);
	return fclose(f) == 0 ? 0 : -ENOMEM;
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
		verb = "prepend";
	fprintf(f, "ip %s%s %s ", object->family == AF_INET6 ? "-6 " : "", things[object->kind],
		verb);
	object_print(object, f);
}

static void print_nft(const char *text, FILE *f)
{
	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');

		if (*line != '#' && line != end)
			fprintf(f, "nft %.*s\n", (int)(end - line), line);
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
