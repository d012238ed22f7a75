#include "facts.h"

void facts_done(struct facts *facts)
{
	for (size_t i = 0; i < facts->n_wans; i++)
		free(facts->wans[i].link.addresses);
	free(facts->wans);
	free(facts->lan.addresses);
	*facts = (struct facts){};
}

bool link_has_address(const struct link_fact *link, struct addr addr)
{
	for (size_t i = 0; i < link->n_addresses; i++)
		if (addr_cmp(link->addresses[i].addr, addr) == 0)
			return true;
	return false;
}

bool link_reaches(const struct link_fact *link, struct addr gateway)
{
	if (addr_is_linklocal(gateway) && gateway.family == AF_INET6)
		return true;
	for (size_t i = 0; i < link->n_addresses; i++)
		if (prefix_contains(link->addresses[i], gateway))
			return true;
	return false;
}

bool link_has_family(const struct link_fact *link, int family)
{
	for (size_t i = 0; i < link->n_addresses; i++)
		if (link->addresses[i].addr.family == family)
			return true;
	return false;
}
