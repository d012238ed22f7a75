// SPDX-License-Identifier: GPL-2.0-or-later
// The addresses that flows from inside are turned round for.
// They are sorted, so that one is found quickly among many.

#include "model/hairpin.h"

static int compare_outside(const void *key, const void *element)
{
	return addr_cmp(*(const struct addr *)key, ((const struct hairpin *)element)->outside.addr);
}

const struct hairpin *hairpins_find(const struct hairpins *hairpins, struct addr destination)
{
	const struct hairpin *found =
		hairpins->n_hosts ? bsearch(&destination, hairpins->v, hairpins->n_hosts,
					    sizeof(*hairpins->v), compare_outside)
				  : NULL;

	for (size_t i = hairpins->n_hosts; i < hairpins->n && !found; i++)
		if (prefix_contains(hairpins->v[i].outside, destination))
			found = &hairpins->v[i];
	return found;
}

const struct hairpin *hairpins_block(const struct hairpins *hairpins, size_t wan)
{
	for (size_t i = hairpins->n_hosts; i < hairpins->n; i++)
		if (hairpins->v[i].wan == wan)
			return &hairpins->v[i];
	return NULL;
}

struct addr hairpin_inside(const struct hairpin *hairpin, struct addr destination)
{
	if (!hairpin->inside.addr.family)
		return (struct addr){};
	return prefix_translate(destination, hairpin->inside);
}
