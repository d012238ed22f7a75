// SPDX-License-Identifier: GPL-2.0-or-later
// The interfaces by which the base ruleset lets its operator in, and whether one of them is there.
// An edit of the file does not count before it is loaded: the rules in force have the old names.

#include "kernel/observe_management.h"

#include "base/fileio.h"
#include "base/paths.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <fnmatch.h>
#include <net/if.h>
#include <string.h>

/* Index of an interface whose name is the pattern's; 0: none. */
static unsigned find(const char *pattern)
{
	struct if_nameindex *all;
	unsigned index = 0;

	/* The cheap question, which is the usual one. */
	if (!strpbrk(pattern, "*?["))
		return netlink_link_index(pattern);
	all = if_nameindex();
	for (size_t i = 0; all && all[i].if_index && !index; i++)
		if (fnmatch(pattern, all[i].if_name, 0) == 0)
			index = all[i].if_index;
	if_freenameindex(all);
	return index;
}

void management_find(struct management *management)
{
	char names[sizeof(management->names)], *rest = names;

	memcpy(names, management->names, sizeof(names));
	management->index = 0;
	for (char *name; !management->index && (name = strsep(&rest, ", "));)
		management->index = *name ? find(name) : 0;
}

int observe_management(const struct nft_observed *observed, struct management *ret)
{
	const char *listing = observed->base ? observed->base : observed->left_base;
	_cleanup_(freep) char *text = NULL;

	*ret = (struct management){};
	if (!observed->lost.s[0] && listing)
		management_read_listing(ret, listing);
	else if (file_read(BASE_RULESET_PATH, &text) == -ENOMEM)
		return -ENOMEM;
	else if (text)
		management_read_file(ret, text);
	management_find(ret);
	return 0;
}
