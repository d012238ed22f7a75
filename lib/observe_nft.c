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

/* One command at a time: nft 1.0.6 forgets the first object when asked for two. */
static int list_lines(struct nft *nft, const char *commands, FILE *f, struct fault *fault)
{
	_cleanup_(freep) char *copy = strdup(commands);
	char *rest = copy;

	for (char *line; rest && *rest && (line = strsep(&rest, "\n"));) {
		_cleanup_(freep) char *output = NULL;
		int r = nft_run(nft, line, &output, fault);

		if (r < 0)
			return r;
		fputs(output, f);
	}
	return copy ? 0 : -ENOMEM;
}

int nft_list_part(struct nft *nft, enum nft_part_id part, char **ret, struct fault *fault)
{
	_cleanup_(freep) char *listing = NULL;
	struct fault reason = {};
	size_t size;
	FILE *f = open_memstream(&listing, &size);
	int r;

	*ret = NULL;
	if (!f)
		return -ENOMEM;
	r = list_lines(nft, nft_parts[part].list, f, &reason);
	if (fclose(f) != 0)
		return -ENOMEM;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fault_set(fault, r, "%s", reason.text);
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
			"the base ruleset is not loaded (table inet filter has no sets lan and "
			"wan): run `systemctl restart nftables`, or `nft -f "
			"/etc/mwan/nftables.conf`");
	*ret = TAKE(observed);
	return 0;
}
