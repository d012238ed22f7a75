// SPDX-License-Identifier: GPL-2.0-or-later
// What is desired for the modems of WANs.
// A modem's page is needed most when the WAN is down: neither its state nor its lease matters here.

#include "plan/modems.h"

#include "model/source.h"
#include "plan/ends.h"

#include <linux/rtnetlink.h>

typedef void (*modem_writer)(const struct site *site, size_t wan, struct addr modem, FILE *f);

/* Calls `each` for every modem of the family. */
static void each_modem(const struct site *site, enum family family, modem_writer each, FILE *f)
{
	for (size_t i = 0; i < site->config->n_wans; i++) {
		const struct prefix_list *list = &site->config->wans[i].modem;

		for (size_t n = 0; n < list->n; n++)
			if (list->v[n].addr.family == family_af(family))
				each(site, i, list->v[n].addr, f);
	}
}

bool modems_have(const struct config *config, enum family family)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (wan_has_modem(&config->wans[i], family))
			return true;
	return false;
}

struct addr modem_neighbour(const struct site *site, size_t wan, struct addr modem)
{
	const struct link_fact *link = &site->facts.wans[wan].link;

	for (size_t i = 0; i < link->n_addresses; i++)
		if (prefix_contains(link->addresses[i], modem))
			return link->addresses[i].addr;
	return (struct addr){};
}

bool modem_is_usable(const struct site *site, size_t wan, struct addr modem)
{
	const struct config *config = site->config;
	enum family family = family_of_af(modem.family);

	if (modem_neighbour(site, wan, modem).family)
		return true;
	if (family == IPV4)
		return wan_maps4(&config->wans[wan]) || source_of(site, wan, IPV4).family;
	return npt_active(config, &site->npt, wan) ||
	       (npt_masquerades(config, &site->npt, wan) && source_of(site, wan, IPV6).family);
}

/* ---- routing ---- */

static int add_modem(const struct site *site, size_t wan, struct addr modem, struct object_set *set)
{
	const struct link_fact *link = &site->facts.wans[wan].link;
	enum family family = family_of_af(modem.family);
	struct object route = {
		.kind = OBJECT_ROUTE,
		.family = modem.family,
		.type = RTN_UNICAST,
		.table = RT_TABLE_MAIN,
		.prefix = prefix_host(modem),
		.link = link->link,
		.metric = METRIC_OURS,
	};
	/* What is forwarded has its WAN's mark, or is refused. */
	int r = end_add(prefix_host(modem), true, set);

	if (r < 0 || !link->up || (family == IPV6 && !link->inet6))
		return r;
	/* For IPv6, the kernel takes the address of the interface that is most like the modem's. */
	if (family == IPV4) {
		route.source = modem_neighbour(site, wan, modem);
		if (!route.source.family)
			route.source = source_of(site, wan, IPV4);
	}
	r = object_set_add(set, route);
	route.table = site->config->wans[wan].table;
	return r < 0 ? r : object_set_add(set, route);
}

int modems_net(const struct site *site, struct object_set *set)
{
	int r = 0;

	for (size_t i = 0; i < site->config->n_wans; i++) {
		const struct prefix_list *list = &site->config->wans[i].modem;

		for (size_t n = 0; n < list->n && r == 0; n++)
			r = add_modem(site, i, list->v[n].addr, set);
	}
	return r;
}

/* ---- marking ---- */

static bool has_chain(const struct wan_conf *wan)
{
	return wan->modem.n > 0;
}

void modems_declare(const struct config *config, FILE *f)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (has_chain(&config->wans[i]))
			fprintf(f, "add chain inet mangle modem_%s\n", config->wans[i].name);
}

/* What is of no flow is not translated: it gets no mark from one, and does not leave. */
void modems_write_chains(const struct config *config, FILE *f)
{
	for (size_t i = 0; i < config->n_wans; i++) {
		const struct wan_conf *wan = &config->wans[i];

		if (has_chain(wan))
			fprintf(f,
				"# chain inet mangle modem_%s\n"
				"add rule inet mangle modem_%s ct mark set %u\n"
				"add rule inet mangle modem_%s meta mark set ct mark\n",
				wan->name, wan->name, wan->mark, wan->name);
	}
}

/* Without a mark, the filter refuses a flow, and says so inside. */
static void write_element(const struct site *site, size_t wan, struct addr modem, FILE *f)
{
	bool usable = modem_is_usable(site, wan, modem);

	fprintf(f, "add element inet mangle direct%c { %s : %s%s }\n",
		family_digit(family_of_af(modem.family)), addr_str(modem).s,
		usable ? "goto modem_" : "accept", usable ? site->config->wans[wan].name : "");
}

void modems_write_elements(const struct site *site, enum family family, FILE *f)
{
	each_modem(site, family, write_element, f);
}

/* ---- filter ---- */

void modems_write_own(const struct config *config, FILE *f)
{
	for (size_t i = 0; i < config->n_wans; i++)
		for (size_t n = 0; n < config->wans[i].modem.n; n++) {
			struct addr modem = config->wans[i].modem.v[n].addr;

			fprintf(f,
				"add rule inet filter direct_own oifname @wan oifname != \"%s\" "
				"%s daddr %s counter drop comment \"guard: another WAN's modem\"\n",
				config->wans[i].interface, af_nft(modem.family), addr_str(modem).s);
		}
}

/* ---- translation ---- */

static void write_snat(const struct site *site, size_t wan, struct addr modem, struct addr source,
		       FILE *f)
{
	const struct config *config = site->config;
	struct prefix inside6[] = { config->lan.prefix6, prefix_host(config->lan.router6) };
	size_t n = modem.family == AF_INET ? config_n_inside4(config) : ARRAY_SIZE(inside6);

	for (size_t i = 0; i < n && source.family; i++) {
		struct prefix inside =
			modem.family == AF_INET ? config_inside4(config, i) : inside6[i];

		if (inside.addr.family)
			fprintf(f,
				"add rule %s nat postrouting oifname \"%s\" %s daddr %s %s saddr "
				"%s snat to %s\n",
				af_nft(modem.family), config->wans[wan].interface,
				af_nft(modem.family), addr_str(modem).s, af_nft(modem.family),
				prefix_str(inside).s, addr_str(source).s);
	}
}

static void write_neighbour(const struct site *site, size_t wan, struct addr modem, FILE *f)
{
	write_snat(site, wan, modem, modem_neighbour(site, wan, modem), f);
}

void modems_write_nat(const struct site *site, enum family family, FILE *f)
{
	each_modem(site, family, write_neighbour, f);
}

static void write_rest(const struct site *site, size_t wan, struct addr modem, FILE *f)
{
	if (wan_maps4(&site->config->wans[wan]) && !modem_neighbour(site, wan, modem).family)
		write_snat(site, wan, modem, source_of(site, wan, IPV4), f);
}

void modems_write_rest(const struct site *site, FILE *f)
{
	each_modem(site, IPV4, write_rest, f);
}

static void write_masqueraded(const struct site *site, size_t wan, struct addr modem, FILE *f)
{
	struct addr neighbour = modem_neighbour(site, wan, modem);

	if (neighbour.family)
		fprintf(f,
			"add rule inet mangle masqueraded oifname \"%s\" %s daddr %s %s saddr %s "
			"accept\n",
			site->config->wans[wan].interface, af_nft(modem.family), addr_str(modem).s,
			af_nft(modem.family), addr_str(neighbour).s);
}

void modems_write_masqueraded(const struct site *site, FILE *f)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		each_modem(site, family, write_masqueraded, f);
}
