#include "observe_nft.h"

#include "fileio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NFT_DIR RUN_DIR "/nft"
#define GENERATION_PATH NFT_DIR "/generation"

struct nft_path nft_rules_path(enum nft_part_id part)
{
	struct nft_path path;

	snprintf(path.s, sizeof(path.s), "%s/%s.nft", NFT_DIR, nft_parts[part].name);
	return path;
}

struct nft_path nft_listing_path(enum nft_part_id part)
{
	struct nft_path path;

	snprintf(path.s, sizeof(path.s), "%s/%s.list", NFT_DIR, nft_parts[part].name);
	return path;
}

/* Generations count per network namespace; the namespace tells them apart. */
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

static bool is_remembered(uint32_t generation)
{
	_cleanup_(freep) char *kept = NULL;
	char text[64];

	generation_text(generation, text);
	return file_read(GENERATION_PATH, &kept) == 0 && strcmp(kept, text) == 0;
}

/* One object of a table's listing, from its "\tchain NAME {\n" to its "\t}\n". */
struct block {
	const char *text;
	size_t head, length;
};

/* The first block in *text, which is moved behind it. */
static bool next_block(const char **text, struct block *ret)
{
	for (const char *line = *text, *end; *line; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		if (line[0] != '\t' || line[1] == '\t' || end - line < 3 || end[-2] != '{')
			continue;
		ret->text = line;
		ret->head = (size_t)(end - line);
		end = strstr(end - 1, "\n\t}\n");
		if (!end)
			return false;
		*text = end + strlen("\n\t}\n");
		ret->length = (size_t)(*text - line);
		return true;
	}
	return false;
}

/* True when the base has an object of that name for us. */
static bool is_of_base(const struct block *block, const char *pristine)
{
	return memmem(pristine, strlen(pristine), block->text, block->head);
}

static bool is_counter(const struct block *block)
{
	static const char kind[] = "\tcounter ";

	return strncmp(block->text, kind, strlen(kind)) == 0 &&
	       nft_is_counter(block->text + strlen(kind));
}

static int block_cmp(const void *a, const void *b)
{
	return strcmp(((const struct block *)a)->text, ((const struct block *)b)->text);
}

/*
 * What is ours of a table that others extend, in an order of its own: theirs
 * tells who came first. *ret is NULL when the base has not all of it.
 */
static int pick_own(const char *listing, const char *pristine, char **ret)
{
	_cleanup_(freep) struct block *own = NULL;
	_cleanup_(freep) char *text = NULL;
	size_t n = 0, n_missing = 0, size;
	struct block block;
	FILE *f;

	for (const char *at = pristine; next_block(&at, &block);)
		n_missing++;
	for (const char *at = listing; next_block(&at, &block);) {
		struct block *v;

		if (is_of_base(&block, pristine))
			n_missing--;
		else if (!is_counter(&block))
			continue;
		v = reallocarray(own, n + 1, sizeof(*own));
		if (!v)
			return -ENOMEM;
		own = v;
		own[n++] = block;
	}
	if (n_missing > 0 || !own)
		return 0;

	qsort(own, n, sizeof(*own), block_cmp);
	f = open_memstream(&text, &size);
	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		fwrite(own[i].text, 1, own[i].length, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	*ret = TAKE(text);
	return 0;
}

int nft_list_part(struct nft *nft, enum nft_part_id part, char **ret, struct fault *fault)
{
	const struct nft_part_info *info = &nft_parts[part];
	_cleanup_(freep) char *listing = NULL;
	struct fault reason = {};
	int r;

	*ret = NULL;
	r = nft_run(nft, info->list, &listing, &reason);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fault_set(fault, r, "%s", reason.text);
	if (!info->create)
		return pick_own(listing, info->pristine, ret);
	*ret = TAKE(listing);
	return 0;
}

static int list_all(struct nft *nft, struct nft_observed *observed, struct fault *fault)
{
	int r = 0;

	for (enum nft_part_id part = 0; part < N_NFT_PARTS && r == 0; part++)
		r = nft_list_part(nft, part, &observed->listing[part], fault);
	return r;
}

static int read_kept(struct nft_observed *observed)
{
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		int r = file_read(nft_rules_path(part).s, &observed->left.v[part]);
		int r2 = file_read(nft_listing_path(part).s, &observed->left_listing[part]);

		if (r == -ENOMEM || r2 == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

/* The generation is the one we left: the kernel would print what it printed then. */
static int recall(struct nft_observed *observed)
{
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
	if (r < 0)
		return r;

	r = is_remembered(*generation) ? recall(&observed) : 0;
	if (r < 0)
		return r;
	if (r == 0) {
		if (!*nft)
			r = nft_open(nft, fault);
		if (r == 0)
			r = list_all(*nft, &observed, fault);
		if (r == 0)
			r = nft_generation(nfnl, &after, fault);
		if (r < 0)
			return r;
		if (after != *generation)
			return -EAGAIN;
	}

	if (!observed.listing[NFT_FILTER])
		return fault_set(
			fault, -ENOENT,
			"the base ruleset is not loaded, or is not this version's: run `nft -f "
			"/etc/mwan/nftables.conf`; should that fail for a file of /run/mwan/nft, "
			"remove it first");
	*ret = TAKE(observed);
	return 0;
}
