// SPDX-License-Identifier: GPL-2.0-or-later
// Lists of targets of probes: `ping6 = ADDRESS, ADDRESS`, `http4 = URL, URL STATUS`.
// All keys of a family share one list; each target remembers its key.

#include "base/parse.h"
#include "config/source.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static bool has_target(const struct target_list *list, const struct target_conf *target)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].key, target->key) == 0 &&
		    strcmp(list->v[i].name, target->name) == 0)
			return true;
	return false;
}

static int add_target(const struct key *key, const char *item, struct target_list *list,
		      struct fault *why)
{
	_cleanup_(freep) char *name = NULL;
	int r = key->target(item, key->family, &name);
	struct target_conf target = { .key = key->name, .name = name };

	if (r == -EINVAL)
		return fault_set(why, r, "%s is not %s", quote(item).s, key->expected);
	if (r == 0 && has_target(list, &target))
		return fault_set(why, -EINVAL, "%s is there twice", quote(item).s);
	if (key->with_status)
		target.status = (struct status_range){ 200, 299 };
	if (r < 0 || APPEND(list->v, list->n, target) < 0)
		return -ENOMEM;
	name = NULL;
	return 0;
}

/* "204" or "200-299". */
static int parse_status(char *text, struct status_range *ret)
{
	char *last = text, *first = strsep(&last, "-");

	if (parse_count(first, 200, 599, &ret->first) < 0 ||
	    parse_count(last ? last : first, ret->first, 599, &ret->last) < 0)
		return -EINVAL;
	return 0;
}

/* It belongs to the target before it. */
static int set_status(char *item, struct target_list *list, bool again, struct fault *why)
{
	struct quoted shown = quote(item);
	struct status_range status;

	if (parse_status(item, &status) < 0)
		return fault_set(why, -EINVAL,
				 "%s is not a status from 200 to 599, or a range such as 200-299",
				 shown.s);
	if (again)
		return fault_set(why, -EINVAL, "status %s is not right after a URL", shown.s);
	list->v[list->n - 1].status = status;
	return 0;
}

int set_targets(const struct key *key, char *text, void *base, struct fault *why)
{
	struct target_list *list = (void *)((char *)base + key->offset);
	bool has_status = true; /* before the first target is none that could have one */

	for (char *item; (item = parse_item(&text, ", \t\n"));) {
		bool is_status = key->with_status && isdigit((unsigned char)*item);
		int r = is_status ? set_status(item, list, has_status, why)
				  : add_target(key, item, list, why);

		if (r < 0)
			return r;
		has_status = is_status;
	}
	return 0;
}
