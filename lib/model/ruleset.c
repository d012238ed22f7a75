// SPDX-License-Identifier: GPL-2.0-or-later
// The parts of mwan's rules in nftables: how each is listed, emptied and made anew.
// Each object of conf/nftables.conf stands here once; macros word it as command and as listing.

#include "model/ruleset.h"

#include "model/management.h"

#include <stdlib.h>

/* clang-format off */
/* A base chain, as a command and as the kernel lists it. */
#define HOOK(hook, type, priority) \
	"type " type " hook " hook " priority " priority "; policy accept;"
#define ADD(table, hook, ...) "add chain " table " " hook " { " HOOK(hook, __VA_ARGS__) " }\n"
#define LIST(hook, ...) "\tchain " hook " {\n\t\t" HOOK(hook, __VA_ARGS__) "\n\t}\n"

#define TABLE(name) .table = (name), .list = "list table " name, .wipe = "delete table " name "\n"
#define MANGLE_TABLE(table, ...) \
	TABLE(table), \
	.create = "add table " table "\n" ADD(table, __VA_ARGS__), \
	.pristine = "table " table " {\n" LIST(__VA_ARGS__) "}\n"
#define NAT_TABLE(table) \
	TABLE(table), \
	.create = "add table " table "\n" \
		ADD(table, "prerouting", "nat", "dstnat") \
		ADD(table, "postrouting", "nat", "srcnat"), \
	.pristine = "table " table " {\n" \
		LIST("prerouting", "nat", "dstnat") "\n" \
		LIST("postrouting", "nat", "srcnat") "}\n"

/* What the base filter has for us, sorted as it is listed. */
#define FILTER_OBJECTS(object) \
	object("chain", "direct", "") \
	object("chain", "direct_own", "") \
	object("chain", "exits", "") \
	object("chain", "exits6", "") \
	object("chain", "inside", "") \
	object("chain", "inside6", "") \
	object("chain", "mss", "") \
	object("chain", "probes", "") \
	object("chain", "probes_own", "") \
	object("chain", "refuse", "") \
	object("chain", "shared", "") \
	object("chain", "tunnels", "") \
	object("chain", "tunnels4_in", "") \
	object("chain", "tunnels4_out", "") \
	object("chain", "tunnels6_in", "") \
	object("chain", "tunnels6_out", "") \
	object("chain", "tunnels6_prefix_in", "") \
	object("chain", "tunnels6_prefix_out", "") \
	object("chain", "tunnels_chosen", "\t\ttype nat hook postrouting priority srcnat - 10; policy accept;\n") \
	object("chain", "tunnels_errors", "") \
	object("chain", "tunnels_moved", "") \
	object("chain", "tunnels_own", "") \
	object("map", "tunnels_inside4", "\t\ttype ipv4_addr : mark\n") \
	object("map", "tunnels_public4", "\t\ttype ifname . ipv4_addr : mark\n") \
	object("set", "lan", "\t\ttype ifname\n") \
	object("set", MANAGEMENT_SET, "\t\ttype mark\n\t\tsize 1\n\t\tflags dynamic\n") \
	object("set", "wan", "\t\ttype ifname\n")
#define FLUSH_OBJECT(kind, name, content) "flush " kind " inet filter " name "\n"
#define LIST_OBJECT(kind, name, content) "\t" kind " " name " {\n" content "\t}\n"
/* clang-format on */

const struct nft_part_info nft_parts[N_NFT_PARTS] = {
	[NFT_FILTER] = {
		.name = "filter",
		.table = "inet filter",
		.list = "list table inet filter",
		.wipe = FILTER_OBJECTS(FLUSH_OBJECT),
		.pristine = FILTER_OBJECTS(LIST_OBJECT),
	},
	[NFT_MANGLE] = { .name = "mangle", MANGLE_TABLE("inet mangle", "prerouting", "filter", "mangle") },
	[NFT_NAT] = { .name = "nat", NAT_TABLE("ip nat") },
	[NFT_NAT6] = { .name = "nat6", NAT_TABLE("ip6 nat") },
};

void nft_texts_done(struct nft_texts *texts)
{
	for (size_t i = 0; i < N_NFT_PARTS; i++)
		free(texts->v[i]);
	*texts = (struct nft_texts){};
}

void nft_observed_done(struct nft_observed *observed)
{
	for (size_t i = 0; i < N_NFT_PARTS; i++) {
		free(observed->listing[i]);
		free(observed->left_listing[i]);
	}
	nft_texts_done(&observed->left);
	free(observed->base);
	free(observed->left_base);
	*observed = (struct nft_observed){};
}
