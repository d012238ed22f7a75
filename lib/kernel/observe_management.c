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

/* *ret: index of an interface whose name is the pattern's; 0: none. */
static int find(const char *pattern, unsigned *ret)
{
	struct if_nameindex *all;

	/* The cheap question, which is the usual one. */
	if (!strpbrk(pattern, "*?["))
		return netlink_find_link(pattern, ret);
	all = if_nameindex();
	if (!all)
		return -errno;
	for (size_t i = 0; all[i].if_index && !*ret; i++)
		if (fnmatch(pattern, all[i].if_name, 0) == 0)
			*ret = all[i].if_index;
	if_freenameindex(all);
	return 0;
}

int management_find(struct management *management)
{
	char names[sizeof(management->names)], *rest = names;
	int r = 0;

	memcpy(names, management->names, sizeof(names));
	management->index = 0;
	for (char *name; r == 0 && !management->index && (name = strsep(&rest, ", "));)
		if (*name)
			r = find(name, &management->index);
	return r;
}

int observe_management(const struct nft_observed *observed, struct management *ret,
		       struct fault *fault)
{
	const char *listing = observed->base ? observed->base : observed->left_base;
	bool listed = !observed->lost.s[0] && listing;
	_cleanup_(freep) char *text = NULL;
	int r = listed ? 0 : file_read(BASE_RULESET_PATH, &text);

	*ret = (struct management){};
	if (listed)
		management_read_listing(ret, listing);
	else if (text)
		management_read_file(ret, text);
	r = fault_is_machines(r) ? r : management_find(ret);
	/* SSH would be let in by more interfaces. */
	return r < 0 ? fault_set(fault, r, "the interfaces of MANAGEMENT: %s", strerror(-r)) : 0;
}
