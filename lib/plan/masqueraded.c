// SPDX-License-Identifier: GPL-2.0-or-later
// First packets of masqueraded flows that have not got an address of their WAN are dropped.
// Their chain costs each packet of a site, so there is one only where a WAN may masquerade.

#include "plan/masqueraded.h"

#include "model/source.h"
#include "plan/modems.h"

void shared_addresses_write(const struct site *site, const char *rule, FILE *f)
{
	for (size_t i = 0; i < site->config->n_wans; i++) {
		const struct link_fact *link = &site->facts.wans[i].link;

		for (size_t k = 0; k < link->n_addresses; k++) {
			struct addr addr = link->addresses[k].addr;

			if (addr.family == AF_INET && facts_share(&site->facts, i, addr))
				fprintf(f,
					"%s oifname \"%s\" ip saddr %s fib saddr type local "
					"accept\n",
					rule, site->config->wans[i].interface, addr_str(addr).s);
		}
	}
}

#define NOT_ITS_ADDRESS "counter drop comment \"masqueraded: not an address of this WAN\"\n"

/* The kernel's masquerade may choose another address of the interface. */
static void fill_other_address(const struct site *site, size_t wan, enum family family, FILE *f)
{
	struct addr source = source_of(site, wan, family);

	if (source.family)
		fprintf(f,
			"add rule inet mangle masqueraded oifname \"%s\" ct status snat %s saddr "
			"!= %s " NOT_ITS_ADDRESS,
			site->config->wans[wan].interface, family_nft(family), addr_str(source).s);
}

/* Of an address that has gone, snat knows nothing. */
static void fill_lost_address(const struct site *site, size_t wan, enum family family, FILE *f)
{
	if (!site->facts.wans[wan].link.sole[family])
		fprintf(f,
			"add rule inet mangle masqueraded meta nfproto %s oifname \"%s\" ct status "
			"snat fib saddr . oif type != local " NOT_ITS_ADDRESS,
			family_word(family), site->config->wans[wan].interface);
}

static void each_masquerade(const struct site *site,
			    void (*fill)(const struct site *, size_t, enum family, FILE *), FILE *f)
{
	for (size_t i = 0; i < site->config->n_wans; i++) {
		if (wan_masquerades4(&site->config->wans[i]))
			fill(site, i, IPV4, f);
		if (npt_masquerades(site->config, &site->npt, i))
			fill(site, i, IPV6, f);
	}
}

/* Between a new lease and the next run, [map4] still has the old one. */
static void fill_old_lease(const struct site *site, size_t wan, FILE *f)
{
	struct addr lease = source_of(site, wan, IPV4);

	if (wan_maps4(&site->config->wans[wan]) && config_maps_lease(site->config, wan) &&
	    lease.family)
		fprintf(f,
			"add rule inet mangle masqueraded oifname \"%s\" ct status snat ip saddr "
			"%s "
			"fib saddr . oif type != local " NOT_ITS_ADDRESS,
			site->config->wans[wan].interface, addr_str(lease).s);
}

/* True where a WAN masquerades, or would without a prefix, or its lease is somebody's inside. */
static bool may_masquerade(const struct config *config)
{
	for (size_t i = 0; i < config->n_wans; i++)
		if (wan_masquerades4(&config->wans[i]) || config->wans[i].masquerade6 ||
		    config->wans[i].fallback6 || config_maps_lease(config, i))
			return true;
	return false;
}

void masqueraded_declare(const struct config *config, FILE *f)
{
	if (may_masquerade(config))
		fputs("add chain inet mangle masqueraded { type filter hook postrouting priority "
		      "srcnat + 10; policy accept; }\n",
		      f);
}

void masqueraded_write(const struct site *site, FILE *f)
{
	if (!may_masquerade(site->config))
		return;
	/* A flow keeps the address that it has begun with, while that is on the interface. */
	fputs("# chain inet mangle masqueraded\n"
	      "add rule inet mangle masqueraded ct status confirmed accept\n",
	      f);
	modems_write_masqueraded(site, f);
	each_masquerade(site, fill_other_address, f);
	shared_addresses_write(site, "add rule inet mangle masqueraded", f);
	each_masquerade(site, fill_lost_address, f);
	for (size_t i = 0; i < site->config->n_wans; i++)
		fill_old_lease(site, i, f);
}
