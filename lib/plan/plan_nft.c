// SPDX-License-Identifier: GPL-2.0-or-later
// The nftables transactions from the rules that are there to the desired ones.
// Changes single objects and chunks where a part is as our last run left it, else the whole part.

#include "plan/plan.h"

#include "base/fileio.h"
#include "base/util.h"
#include "model/listing.h"

#include <string.h>

/* The length of the chunk, marker line included, that begins at text. */
static size_t chunk_length(const char *text)
{
	const char *end = *text ? strstr(text + 1, "\n# ") : NULL;

	return end ? (size_t)(end + 1 - text) : strlen(text);
}

/* The length of what declares the objects, before the first chunk. */
static size_t define_length(const char *text)
{
	return *text == '#' ? 0 : chunk_length(text);
}

/* The length of a line with its end. */
static size_t line_length(const char *line)
{
	size_t n = strcspn(line, "\n");

	return n + (line[n] == '\n');
}

/* The length of what names an object: "add map inet mangle share4". */
static size_t name_length(const char *line)
{
	size_t n = 0;

	for (int words = 0; line[n] && line[n] != '\n'; n++) {
		words += line[n] == ' ';
		if (words == 5)
			break;
	}
	return n;
}

/* The line of `text` that declares the object of the line given, or NULL. */
static const char *find_declaration(const char *text, const char *line)
{
	size_t length = name_length(line);

	for (const char *at = text, *end = text + define_length(text); at < end;
	     at += line_length(at))
		if (name_length(at) == length && strncmp(at, line, length) == 0)
			return at;
	return NULL;
}

static bool same_line(const char *a, const char *b)
{
	size_t length = line_length(a);

	return length == line_length(b) && strncmp(a, b, length) == 0;
}

static size_t count_listed(const char *listing)
{
	struct listing_block block;
	size_t n = 0;

	while (listing_next(&listing, &block))
		n++;
	return n;
}

/* True when the listing has as many objects as the base ruleset and `left` declare. */
static bool is_listed(enum nft_part_id part, const char *left, const char *listing)
{
	size_t n = count_listed(nft_parts[part].pristine);

	for (const char *at = left, *end = left + define_length(left); at < end;
	     at += line_length(at))
		n++;
	return n == count_listed(listing);
}

/*
 * True when `left` becomes `text` by adding objects and deleting others: what both declare is the
 * same. In a table that is not ours alone, both declare the same objects.
 */
static bool can_adapt(enum nft_part_id part, const char *listing, const char *left,
		      const char *text)
{
	size_t length = define_length(text);

	if (length == define_length(left) && strncmp(left, text, length) == 0)
		return true;
	/* Somebody may have written something else into the file that has `left`. */
	if (!nft_parts[part].create || !is_listed(part, left, listing))
		return false;
	for (const char *at = text; at < text + length; at += line_length(at)) {
		const char *other = find_declaration(left, at);

		if (other && !same_line(other, at))
			return false;
	}
	return true;
}

/* A base chain acts as soon as it is there: it comes and goes with what it belongs to. */
static bool has_hook(const char *line)
{
	return memmem(line, line_length(line), " hook ", strlen(" hook "));
}

/* Declares the objects of `text` that `left` doesn't have. */
static void declare_new(const char *text, const char *left, bool hooks, FILE *f)
{
	for (const char *at = text, *end = text + define_length(text); at < end;
	     at += line_length(at))
		if (has_hook(at) == hooks && !find_declaration(left, at))
			fwrite(at, 1, line_length(at), f);
}

/* Deletes the objects that `text` no longer has: first the maps, then the chains they lead to. */
static void delete_old(const char *left, const char *text, bool hooks, FILE *f)
{
	static const char *const kinds[] = { "add chain ", "add map ", "add set ", "add chain " };
	static const char *const verbs[] = { "flush", "delete", "delete", "delete" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (const char *at = left, *end = left + define_length(left); at < end;
		     at += line_length(at))
			if (strncmp(at, kinds[i], strlen(kinds[i])) == 0 && has_hook(at) == hooks &&
			    !find_declaration(text, at))
				fprintf(f, "%s%.*s\n", verbs[i],
					(int)(name_length(at) - strlen("add")), at + strlen("add"));
}

/* The declaration of what a chunk is in, "# chain inet mangle choose4"; NULL: the base has it. */
static const char *declaration_of(const char *text, const char *chunk)
{
	char line[256];

	snprintf(line, sizeof(line), "add %.*s", (int)strcspn(chunk + 2, "\n"), chunk + 2);
	return find_declaration(text, line);
}

/* Fills what is new, and nothing leads to yet. */
static void fill_new(const char *text, const char *left, FILE *f)
{
	size_t length;

	for (const char *at = text + define_length(text); *at; at += length) {
		const char *body = strchr(at, '\n') + 1, *declared = declaration_of(text, at);

		length = chunk_length(at);
		if (declared && !has_hook(declared) && !find_declaration(left, declared))
			fwrite(body, 1, at + length - body, f);
	}
}

/* True when `text` has the chunk of that length, word for word. */
static bool has_chunk(const char *text, const char *chunk, size_t length)
{
	for (const char *at = text + define_length(text); *at; at += chunk_length(at))
		if (chunk_length(at) == length && strncmp(at, chunk, length) == 0)
			return true;
	return false;
}

/* Flushes and fills anew each chunk of `desired` that `left` has, and with something else in it. */
static void change_chunks(const char *desired, const char *left, FILE *f)
{
	size_t length;

	for (const char *at = desired + define_length(desired); *at; at += length) {
		const char *body = strchr(at, '\n') + 1, *declared;

		length = chunk_length(at);
		if (has_chunk(left, at, length))
			continue;
		declared = declaration_of(desired, at);
		if (declared && !has_hook(declared) && !find_declaration(left, declared))
			continue; /* fill_new() has */
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
 * Deletes the counters of WANs that are no longer configured. The others keep what they have
 * counted: adding a counter that is there changes nothing.
 */
static void delete_stale_counters(const char *listing, const char *desired, FILE *f)
{
	static const char head[] = "\n\tcounter ";

	for (const char *at = strstr(listing, head); at; at = strstr(at + 1, head)) {
		const char *name = at + strlen(head);
		char declaration[64];

		snprintf(declaration, sizeof(declaration), "add counter inet filter %.*s\n",
			 (int)strcspn(name, " "), name);
		if (!strstr(desired, declaration))
			fprintf(f, "delete%s", declaration + strlen("add"));
	}
}

/* The transactions while they are written: what is new, what changes, and what goes. */
struct nft_stages {
	struct memory first, change, last;
	FILE *first_f, *last_f; /* where they go: to `change`, if all has to be at once */
};

/* From what our last run left to the text: other objects stay, and what is in them. */
static void adapt(const char *left, const char *text, const struct nft_stages *stages)
{
	declare_new(text, left, false, stages->first_f);
	fill_new(text, left, stages->first_f);
	declare_new(text, left, true, stages->change.f);
	change_chunks(text, left, stages->change.f);
	delete_old(left, text, true, stages->change.f);
	delete_old(left, text, false, stages->last_f);
}

/* From whatever there is to the text. */
static void replace(enum nft_part_id part, const char *listing, const char *text, FILE *f)
{
	/*
	 * To a table as the base ruleset leaves it, only add: deleting, and declaring a chain
	 * again, costs the kernel milliseconds.
	 */
	if (!equal(listing, nft_parts[part].pristine)) {
		if (listing)
			fputs(nft_parts[part].wipe, f);
		if (nft_parts[part].create)
			fputs(nft_parts[part].create, f);
		else if (listing)
			delete_stale_counters(listing, text, f);
	}
	fputs(text, f);
}

static long written(const struct nft_stages *stages)
{
	return ftell(stages->first_f) + ftell(stages->change.f) + ftell(stages->last_f);
}

static void plan_part(enum nft_part_id part, const struct nft_texts *desired,
		      const struct nft_observed *observed, struct plan *plan,
		      const struct nft_stages *stages)
{
	const char *listing = observed->listing[part], *left = observed->left.v[part];
	const char *text = desired->v[part];
	bool known = left && equal(listing, observed->left_listing[part]);
	long before = written(stages);

	if (known && can_adapt(part, listing, left, text)) {
		if (!equal(text, left))
			adapt(left, text, stages);
	} else {
		replace(part, listing, text, stages->change.f);
		plan->takes_over |= part == NFT_MANGLE;
	}
	/* What the base brings back is listed anew: others may have been there since. */
	plan->nft_part[part] = plan->loads_base || written(stages) != before;
}

static int stages_open(struct nft_stages *stages, bool at_once)
{
	int r = memory_open(&stages->change);

	stages->first_f = stages->last_f = stages->change.f;
	if (r < 0 || at_once)
		return r;
	r = memory_open(&stages->first);
	if (r == 0)
		r = memory_open(&stages->last);
	stages->first_f = stages->first.f;
	stages->last_f = stages->last.f;
	return r;
}

/* Ends them, and joins what is not empty. 0 or -ENOMEM. */
static int stages_join(struct nft_stages *stages, struct plan *plan)
{
	struct memory *const all[] = { &stages->first, &stages->change, &stages->last };
	struct memory out = {};
	int r = memory_open(&out);

	for (size_t i = 0; i < 3; i++) {
		_cleanup_(freep) char *text = NULL;

		if (!all[i]->f)
			continue;
		if (memory_close(all[i], &text) < 0)
			r = -ENOMEM;
		if (r < 0 || !*text)
			continue;
		fprintf(out.f, "%s%s", plan->n_transactions++ > 0 ? PLAN_THEN : "", text);
	}
	if (out.f && memory_close(&out, &plan->nft) < 0)
		r = -ENOMEM;
	return r;
}

int plan_nft(const struct nft_texts *desired, const struct nft_observed *observed,
	     struct plan *plan)
{
	struct nft_stages stages = {};
	int r;

	plan->loads_base = observed->lost.s[0];
	r = stages_open(&stages, plan->loads_base);
	if (r == 0 && plan->loads_base)
		fputs(PLAN_LOAD_BASE, stages.change.f);
	/* The filter comes last: nothing is forwarded before it can be translated. */
	for (int part = N_NFT_PARTS - 1; part >= 0 && r == 0; part--)
		plan_part(part, desired, observed, plan, &stages);
	/* Flows may have begun while nothing marked them. */
	plan->takes_over |= plan->loads_base;
	return stages_join(&stages, plan) < 0 ? -ENOMEM : r;
}
