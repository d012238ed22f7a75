// SPDX-License-Identifier: GPL-2.0-or-later
// A site in order, which tests of pure stages bend.
// Reads a configuration of tests/golden, and makes up the facts for it.

#include "scene.h"

#include "base/fileio.h"
#include "config/load.h"
#include "plan/hairpin.h"

#include <arpa/inet.h>
#include <check.h>
#include <string.h>

struct addr an_addr(const char *text)
{
	struct addr addr;

	ck_assert_int_eq(addr_parse(text, AF_UNSPEC, &addr), 0);
	return addr;
}

struct prefix a_prefix(const char *text)
{
	struct prefix prefix;

	ck_assert_int_eq(prefix_parse(text, AF_UNSPEC, &prefix), 0);
	return prefix;
}

static void make_link(struct link_fact *link, unsigned index, const char *name,
		      const char *address4, const char *address6)
{
	link->link.index = index;
	snprintf(link->link.name, sizeof(link->link.name), "%s", name);
	link->up = link->carrier = link->inet6 = true;
	link->mtu[IPV4] = link->mtu[IPV6] = 1500;
	link->addresses = calloc(2, sizeof(*link->addresses));
	link->addresses[0] = a_prefix(address4);
	link->addresses[1] = a_prefix(address6);
	link->n_addresses = 2;
	for (enum family family = 0; family < N_FAMILIES; family++)
		link->source[family] = link->addresses[family == IPV6].addr;
}

void scene_make(struct scene *scene, const char *name)
{
	/* By the WAN's index; the original's addresses for the first two. */
	static const char *const addresses[][4] = {
		{ "104.57.226.193/29", "2001:506:72f7:108c::1/128", "104.57.226.198",
		  "2600:1700:2f71:c80::/60" },
		{ "136.25.91.242/29", "2604:5500:c271:8000::72b/128", "136.25.91.241",
		  "2604:5500:c271:be00::/60" },
		{ "198.51.100.2/24", "2001:db8:c::2/64", "198.51.100.1", "2001:db8:c:100::/60" },
	};
	struct fault fault = {};
	char path[512];
	size_t n;

	memset(scene, 0, sizeof(*scene));
	snprintf(path, sizeof(path), "%s/good-config/%s.conf", getenv("MWAN_GOLDEN"), name);
	ck_assert_msg(config_load(path, &scene->config, &fault) == 0, "%s", fault.text);
	scene->site.config = &scene->config;

	n = scene->config.n_wans;
	ck_assert_uint_le(n, ARRAY_SIZE(addresses));
	ck_assert_int_eq(facts_new(&scene->config, &scene->site.facts), 0);
	scene->site.facts.machine = htonl(0x6d77616e);
	ck_assert_int_eq(npt_state_new(n, &scene->site.npt), 0);
	ck_assert_int_eq(verdicts_new(n, &scene->site.verdicts), 0);

	make_link(&scene->site.facts.lan, 10, scene->config.lan.interface, "10.250.250.1/29",
		  "3d06:bad:b01:fe::1/64");
	if (scene->config.lan.router4.family) {
		scene->site.facts.router4 = scene->site.facts.router6 = PRESENCE_SEEN;
		scene->site.facts.router6_linklocal = an_addr("fe80::2");
	}
	scene->site.facts.management = (struct management){ "eth0", 5 };
	for (size_t i = 0; i < n; i++) {
		struct wan_facts *wan = &scene->site.facts.wans[i];

		make_link(&wan->link, 20 + i, scene->config.wans[i].interface, addresses[i][0],
			  addresses[i][1]);
		wan->gateway[IPV4] = (struct gateway_fact){ .present = true,
							    .via = an_addr(addresses[i][2]),
							    .metric = 100 };
		wan->gateway[IPV6] = (struct gateway_fact){ .present = true,
							    .via = an_addr("fe80::1"),
							    .metric = 100 };
		scene->site.npt.delegated[i] = a_prefix(addresses[i][3]);
	}
	for (size_t i = 0; i < scene->config.n_directs; i++) {
		struct direct_fact *direct = &scene->site.facts.directs[i];

		direct->link.index = 30 + i;
		memcpy(direct->link.name, scene->config.directs[i].interface, IFNAMSIZ);
		direct->takes[IPV4] = direct->takes[IPV6] = true;
		direct->mtu = 1420;
	}
}

void scene_done(struct scene *scene)
{
	site_done(&scene->site);
	config_done(&scene->config);
}

void scene_bare(struct scene *scene, size_t i)
{
	struct link_fact *link = &scene->site.facts.wans[i].link;

	link->n_addresses = 0;
	link->source[IPV4] = link->source[IPV6] = (struct addr){};
}

void scene_cut(struct scene *scene, size_t i)
{
	struct wan_facts *wan = &scene->site.facts.wans[i];

	wan->link.carrier = false;
	scene_bare(scene, i);
	wan->gateway[IPV4] = wan->gateway[IPV6] = (struct gateway_fact){};
}

static void desire(const struct scene *scene, struct desired *ret)
{
	struct site site = scene->site;

	site.selections = (struct selections){};
	site.hairpins = (struct hairpins){};
	ck_assert_int_eq(selections_make(&site), 0);
	ck_assert_int_eq(hairpins_make(&site), 0);
	ck_assert_int_eq(desired_make(&site, ret), 0);
	hairpins_done(&site.hairpins);
	selections_done(&site.selections);
}

/* A listing with as many objects as the base ruleset and the text declare: any words do for them.
 */
static char *listing_of(enum nft_part_id part, const char *text)
{
	char *listing = NULL;
	size_t size;
	FILE *f = open_memstream(&listing, &size);

	fputs(nft_parts[part].pristine, f);
	for (const char *line = text; *line && *line != '#'; line = strchr(line, '\n') + 1)
		fputs("\tchain a {\n\t}\n", f);
	fclose(f);
	return listing;
}

char *scene_plan(const struct scene *before, const struct scene *now)
{
	_cleanup_(nft_observed_done) struct nft_observed rules = {};
	_cleanup_(desired_done) struct desired old = {}, new = {};
	_cleanup_(plan_done) struct plan plan = {};
	char *text = NULL;
	size_t size;
	FILE *f;

	if (before)
		desire(before, &old);
	desire(now, &new);
	for (enum nft_part_id part = 0; part < N_NFT_PARTS; part++) {
		rules.listing[part] = before ? listing_of(part, old.texts.v[part])
					     : strdup(nft_parts[part].pristine);
		if (!before)
			continue;
		rules.left_listing[part] = strdup(rules.listing[part]);
		rules.left.v[part] = strdup(old.texts.v[part]);
	}

	ck_assert_int_eq(plan_net(&new.objects, &old.objects, &plan), 0);
	ck_assert_int_eq(plan_nft(&new.texts, &rules, &plan), 0);
	f = open_memstream(&text, &size);
	plan_print(&plan, f);
	fclose(f);
	return text;
}

void expect_golden(const char *folder, const char *name, char *text)
{
	_cleanup_(freep) char *got = text, *expected = NULL;
	struct fault fault = {};
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s.txt", getenv("MWAN_GOLDEN"), folder, name);
	if (getenv("MWAN_UPDATE_GOLDEN")) {
		ck_assert_msg(file_write(path, got, &fault) == 0, "%s", fault.text);
		return;
	}
	ck_assert_msg(file_read(path, &expected) == 0, "%s: can't be read", path);
	ck_assert_str_eq(got, expected);
}
