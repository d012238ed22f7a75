/*
 * OPNsense's IPv6 on the LAN link: the link-local address that everything downstream is sent to,
 * and router6, where the edge addresses lead.
 */
#include "doctor.h"
#include "neighbours.h"

#include <errno.h>
#include <string.h>

struct link {
	struct nl_sock *sk;
	const struct config *config;
	const struct facts *facts;
	struct diagnosis *diagnosis;
	struct neighbours neighbours;
};

/* router4 has been asked for already. */
static int ask(struct link *link, struct fault *fault)
{
	const struct config *config = link->config;
	const struct addr addresses[] = { config->lan.router6, link->facts->router6_linklocal };
	unsigned ifindex = link->facts->lan.link.index;
	struct sought sought[ARRAY_SIZE(addresses)];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		sought[i] = (struct sought){ addresses[i], config->lan.interface, ifindex, false };
	r = neighbours_seek(link->sk, sought, ARRAY_SIZE(sought), fault);
	if (r == 0)
		r = observe_neighbours(link->sk, ifindex, &link->neighbours);
	return r < 0 ? fault_set(fault, r, "neighbours of %s: %s", config->lan.interface,
				 strerror(-r))
		     : 0;
}

static const struct neighbour *find_machine(const struct link *link)
{
	return neighbours_find(&link->neighbours, link->config->lan.router4)
		       ?: neighbours_find(&link->neighbours, link->config->lan.router6);
}

/* ---- the link-local address ---- */

static size_t list_linklocals(const struct link *link, FILE *f)
{
	size_t n = 0;

	for (size_t i = 0; i < link->neighbours.n; i++) {
		struct addr addr = link->neighbours.v[i].addr;

		if (addr.family == AF_INET6 && addr_is_linklocal(addr))
			fprintf(f, "%s%s", n++ ? ", " : "", addr_str(addr).s);
	}
	return n;
}

static int tell_none(struct link *link)
{
	_cleanup_(freep) char *list = NULL;
	const char *interface = link->config->lan.interface;
	size_t size, n;
	FILE *f = open_memstream(&list, &size);

	if (!f)
		return -ENOMEM;
	n = list_linklocals(link, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	if (n > 1)
		return diagnosis_add(
			link->diagnosis, FINDING_WRONG,
			"set router6_linklocal to OPNsense's in mwan.conf, then "
			"`update-routes`",
			"several machines answer on %s, and none has router4 or router6: "
			"%s",
			interface, list);
	return diagnosis_add(link->diagnosis, FINDING_WRONG,
			     "OPNsense, Interfaces, the one that leads here: enabled, with IPv6 (a "
			     "static address, or link-local at least); its firewall has to let "
			     "neighbour discovery pass",
			     "no link-local address of OPNsense is known on %s: nothing downstream "
			     "can be reached by IPv6",
			     interface);
}

static struct addr linklocal_of(const struct link *link, const struct neighbour *machine)
{
	for (size_t i = 0; machine && i < link->neighbours.n; i++) {
		const struct neighbour *it = &link->neighbours.v[i];

		if (it->addr.family == AF_INET6 && addr_is_linklocal(it->addr) &&
		    neighbour_same_mac(it, machine))
			return it->addr;
	}
	return (struct addr){};
}

static int tell_linklocal(struct link *link)
{
	const struct config *config = link->config;
	bool fixed = config->lan.router6_linklocal.family;
	struct addr addr = link->facts->router6_linklocal;
	const struct neighbour *machine = find_machine(link);
	const struct neighbour *found = neighbours_find(&link->neighbours, addr);
	struct addr other = linklocal_of(link, machine);
	_cleanup_(freep) char *better = NULL;

	if (!addr.family)
		return tell_none(link);
	if (found && (!machine || neighbour_same_mac(found, machine)))
		return 0;
	if (other.family && asprintf(&better, "; router4's machine has %s", addr_str(other).s) < 0)
		return -ENOMEM;
	return diagnosis_add(link->diagnosis, FINDING_WRONG,
			     fixed ? "router6_linklocal = auto in mwan.conf, or OPNsense's own "
				     "(there: Interfaces, Overview), then `update-routes`"
				   : "`update-routes`, when OPNsense is up",
			     found ? "%s on %s is another machine's than OPNsense's addresses%s"
				   : "nobody answers for router6_linklocal, %s, on %s%s",
			     addr_str(addr).s, config->lan.interface, better ?: "");
}

/* ---- router6 ---- */

static int tell_router6(struct link *link)
{
	const struct config *config = link->config;
	struct addr router6 = config->lan.router6;
	_cleanup_(freep) char *fix = NULL;

	if (!router6.family || neighbours_find(&link->neighbours, router6))
		return 0;
	if (asprintf(&fix,
		     "OPNsense, Interfaces, the one that leads here: IPv6 address %s/64, static; "
		     "its gateway is the link-local address of %s",
		     addr_str(router6).s, config->lan.interface) < 0)
		return -ENOMEM;
	return diagnosis_add(link->diagnosis, FINDING_WRONG, fix,
			     "nobody answers for router6, %s, on %s: the edge addresses lead "
			     "nowhere",
			     addr_str(router6).s, config->lan.interface);
}

int doctor_opnsense(struct patient *patient, struct diagnosis *diagnosis, struct fault *fault)
{
	struct link link = { .sk = patient->kernel.sk,
			     .config = patient->config,
			     .facts = &patient->outcome.facts,
			     .diagnosis = diagnosis };
	const struct link_fact *lan = &link.facts->lan;
	size_t before = diagnosis->n;
	int r;

	/* Where nftables kept the look from its end, nobody has looked for its address. */
	if (!patient->planned && !link.facts->router6_linklocal.family)
		return 0;
	if (link.config->lan.prefix6.len == 0 || !lan->link.index || !lan->up || !lan->carrier)
		return 0;
	r = ask(&link, fault);
	if (r == 0)
		r = tell_linklocal(&link);
	if (r == 0)
		r = tell_router6(&link);
	neighbours_done(&link.neighbours);
	if (r < 0 || diagnosis->n > before)
		return r;
	return diagnosis_good(diagnosis, "%s on %s", addr_str(link.facts->router6_linklocal).s,
			      link.config->lan.interface);
}
