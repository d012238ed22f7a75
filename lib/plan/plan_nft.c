// SPDX-License-Identifier: GPL-2.0-or-later
// The nftables transaction from the rules that are there to the desired ones.
// Changes single chunks where a part is as our last run left it, and else replaces the part.

#include "plan/plan.h"

#include "base/fileio.h"

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

static void plan_part(enum nft_part_id part, const struct nft_texts *desired,
		      const struct nft_observed *observed, struct plan *plan, FILE *f)
{
	const char *listing = observed->listing[part], *left = observed->left.v[part];
	const char *text = desired->v[part];
	long before = ftell(f);

	if (left && equal(listing, observed->left_listing[part]) && same_define(left, text)) {
		if (!equal(text, left))
			change_chunks(text, left, f);
	} else {
		/*
		 * To a table as the base ruleset leaves it, only add: deleting, and declaring a
		 * chain again, costs the kernel milliseconds.
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
		if (part == NFT_MANGLE)
			plan->takes_over = true;
	}
	/* What the base brings back is listed anew: others may have been there since. */
	plan->nft_part[part] = plan->loads_base || ftell(f) != before;
}

int plan_nft(const struct nft_texts *desired, const struct nft_observed *observed,
	     struct plan *plan)
{
	struct memory out = {};

	if (memory_open(&out) < 0)
		return -ENOMEM;
	plan->loads_base = observed->lost.s[0];
	if (plan->loads_base)
		fputs(PLAN_LOAD_BASE, out.f);
	/* The filter comes last: nothing is forwarded before it can be translated. */
	for (int part = N_NFT_PARTS - 1; part >= 0; part--)
		plan_part(part, desired, observed, plan, out.f);
	/* Flows may have begun while nothing marked them. */
	plan->takes_over |= plan->loads_base;
	return memory_close(&out, &plan->nft);
}
