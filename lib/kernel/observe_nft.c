// SPDX-License-Identifier: GPL-2.0-or-later
// Our nftables objects as the kernel lists them, beside what our last run left.
// When the ruleset is of the generation that our last run left, its listings are read from files.

#include "kernel/observe_nft.h"

#include "base/fileio.h"
#include "base/paths.h"
#include "model/counters.h"
#include "model/listing.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define GENERATION_PATH NFT_DIR "/generation"

struct nft_path nft_path(enum nft_part_id part, const char *suffix)
{
	struct nft_path path;

	snprintf(path.s, sizeof(path.s), "%s/%s%s", NFT_DIR, nft_parts[part].name, suffix);
	return path;
}

/* Each network namespace counts its own generations: its inode says which one it is. */
static void generation_text(uint32_t generation, char text[64])
{
	struct stat ns = {};

	stat("/proc/self/ns/net", &ns);
	snprintf(text, 64, "%u %ju\n", generation, (uintmax_t)ns.st_ino);
}

int nft_remember_generation(uint32_t generation, struct fault *fault)
{
	char text[64];

	generation_text(generation, text);
	return file_write(GENERATION_PATH, text, fault);
}

static bool is_counter(const struct listing_block *block)
{
	static const char head[] = "\tcounter ";
	struct counter counter;

	return strncmp(block->text, head, strlen(head)) == 0 &&
	       counter_parse(block->text + strlen(head), &counter);
}

struct nft_blocks {
	struct listing_block *v; /* owned */
	size_t n;
};

static void blocks_done(struct nft_blocks *blocks)
{
	free(blocks->v);
}

/* Without what is in a set, if that is no difference. flags: of such sets; empty: of all. */
static void write_block(const struct listing_block *block, const char *flags, FILE *f)
{
	static const char elements[] = "\t\telements = ";
	const char *at = memmem(block->text, block->length, flags, strlen(flags));

	at = at ? memmem(at, block->text + block->length - at, elements, strlen(elements)) : NULL;
	if (at)
		fprintf(f, "%.*s\t}\n", (int)(at - block->text), block->text);
	else
		fwrite(block->text, 1, block->length, f);
}

/* Writes what has no fixed order sorted. */
static int join(const struct nft_blocks *blocks, const char *flags, char **ret)
{
	struct memory out = {};

	if (blocks->n > 0)
		qsort(blocks->v, blocks->n, sizeof(*blocks->v), listing_block_cmp);
	if (memory_open(&out) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < blocks->n; i++)
		write_block(&blocks->v[i], flags, out.f);
	return memory_close(&out, ret);
}

/*
 * Tells our objects in a table that others extend from all others, and sorts both. *own stays NULL
 * when not all of the base ruleset's objects for us are there, or the table is switched off.
 */
static int sort_out(const char *listing, const char *pristine, char **own, char **others)
{
	_cleanup_(blocks_done) struct nft_blocks ours = {}, rest = {};
	struct listing_block block, found;
	size_t n_missing = 0;
	int r;

	if (strstr(listing, "\n\tflags dormant\n"))
		return 0;
	for (const char *at = pristine; listing_next(&at, &block);)
		n_missing++;
	for (const char *at = listing; listing_next(&at, &block);) {
		bool by_base = listing_find(pristine, &block, &found);
		struct nft_blocks *list = by_base || is_counter(&block) ? &ours : &rest;

		n_missing -= by_base;
		if (APPEND(list->v, list->n, block) < 0)
			return -ENOMEM;
	}
	r = join(&rest, "", others);
	if (r < 0 || n_missing > 0 || !ours.v)
		return r;
	/* One set of ours has an element that runs put in as well. */
	return join(&ours, "\n\t\tflags dynamic,timeout", own);
}

/* others: what is not ours in a table that others extend; may be NULL. */
static int list_part(struct nft *nft, enum nft_part_id part, char **ret, char **others,
		     struct fault *fault)
{
	const struct nft_part_info *info = &nft_parts[part];
	_cleanup_(freep) char *listing = NULL, *rest = NULL;
	struct fault reason = {};
	int r;

	*ret = NULL;
	r = nft_run(nft, info->list, &listing, &reason);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fault_set(fault, r, "%s", reason.text);
	if (info->create) {
		*ret = TAKE(listing);
		return 0;
	}
	r = sort_out(listing, info->pristine, ret, &rest);
	if (r == 0 && others)
		*others = TAKE(rest);
	return r;
}

int nft_list_part(struct nft *nft, enum nft_part_id part, char **ret, struct fault *fault)
{
	return list_part(nft, part, ret, NULL, fault);
}

int nft_list_base(struct nft *nft, char **ret, struct fault *fault)
{
	_cleanup_(freep) char *own = NULL;

	*ret = NULL;
	return list_part(nft, NFT_FILTER, &own, ret, fault);
}

/* Rules that can't be read are there all the same, and come with the base ruleset. */
static int read_rules(enum nft_part_id part, char **text)
{
	int r = file_read(nft_path(part, ".nft").s, text);

	if (r == 0 || r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	*text = strdup("");
	return *text ? 1 : -ENOMEM;
}

static int read_kept(struct nft_observed *observed)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		int r = read_rules(part, &observed->left.v[part]);

		/* Of what can't be read, the listing says nothing either. */
		if (r == 0)
			r = file_read(nft_path(part, ".list").s, &observed->left_listing[part]);
		if (r == -ENOMEM)
			return r;
	}
	if (file_read(NFT_BASE_PATH, &observed->left_base) == -ENOMEM)
		return -ENOMEM;
	if (observed->left_base && !strstr(observed->left_base, "\tchain ")) {
		free(observed->left_base);
		observed->left_base = NULL;
	}
	return 0;
}

/*
 * When the generation is the one we left, the kernel would list what it listed then. 1: all is
 * known.
 */
static int recall(struct nft_observed *observed, uint32_t generation)
{
	_cleanup_(freep) char *kept = NULL;
	char text[64];

	generation_text(generation, text);
	if (!observed->left_base || file_read(GENERATION_PATH, &kept) < 0 ||
	    strcmp(kept, text) != 0)
		return 0;
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++)
		if (!observed->left_listing[part] || !observed->left.v[part])
			return 0;
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		observed->listing[part] = strdup(observed->left_listing[part]);
		if (!observed->listing[part])
			return -ENOMEM;
	}
	return 1;
}

static int list_all(struct nft *nft, struct nft_observed *observed, struct fault *fault)
{
	int r = 0;

	for (enum nft_part_id part = 0; part < N_NFT_PARTS && r == 0; part++)
		r = list_part(nft, part, &observed->listing[part], &observed->base, fault);
	return r;
}

/* Before the first run, a packet may have put it in: the listing is the base's all the same. */
static void forget_seen(char *listing)
{
	static const char seen[] = "\t\telements = { 0x00000000 }\n";
	char *at = listing ? strstr(listing, seen) : NULL;

	if (at)
		memmove(at, at + strlen(seen), strlen(at + strlen(seen)) + 1);
}

/* Whether the base ruleset is ours, and whole. Without a last run, it is believed to be. */
static void judge_base(struct nft_observed *observed)
{
	const char *why = NULL;

	if (!observed->base)
		why = "table inet filter is gone, or switched off";
	else if (observed->left_base &&
		 !base_holds(observed->base, observed->left_base, &observed->lost))
		return;
	else if (!observed->listing[NFT_FILTER] ||
		 (!observed->left_base && !base_is_closed(observed->base)))
		why = "table inet filter is not mwan's";
	if (why)
		snprintf(observed->lost.s, sizeof(observed->lost.s), "%s", why);
}

/* What would be listed once the base ruleset is loaded: the kept rules come with it. */
static int foresee(struct nft_observed *observed)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		const char *listing = nft_parts[part].pristine;

		/* Of kept rules whose listing is lost, nothing is known: they are replaced. */
		if (observed->left.v[part])
			listing = observed->left_listing[part] ? observed->left_listing[part] : "";
		free(observed->listing[part]);
		observed->listing[part] = strdup(listing);
		if (!observed->listing[part])
			return -ENOMEM;
	}
	return 0;
}

int observe_nft(struct nl_sock *nfnl, struct nft **nft, uint32_t *generation,
		struct nft_observed *ret, struct fault *fault)
{
	_cleanup_(nft_observed_done) struct nft_observed observed = {};
	uint32_t after = 0;
	int r;

	r = nft_generation(nfnl, generation, fault);
	if (r < 0)
		return r;
	r = read_kept(&observed);
	if (r == 0)
		r = recall(&observed, *generation);
	if (r < 0)
		return r;
	if (r == 0) {
		if (!*nft)
			r = nft_open(nft, fault);
		if (r == 0)
			r = list_all(*nft, &observed, fault);
		if (r == 0 && !observed.left_listing[NFT_FILTER])
			forget_seen(observed.listing[NFT_FILTER]);
		if (r == 0)
			r = nft_generation(nfnl, &after, fault);
		if (r < 0)
			return r;
		if (after != *generation)
			return -EAGAIN;
		judge_base(&observed);
	}
	if (observed.lost.s[0] && foresee(&observed) < 0)
		return -ENOMEM;
	*ret = TAKE(observed);
	return 0;
}
