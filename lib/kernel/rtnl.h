// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Requests of rtnetlink that add or delete an object of ours, built by libnl-route-3. The
 * library's types stop here. Only what we write goes through it: it can't read all that we compare.
 */
#pragma once

#include "kernel/netlink.h"
#include "model/object.h"

/*
 * Builds the request that adds the object, or deletes it. flags: NLM_F_…, added to the request. The
 * first one loads the library: a run with nothing to add needs none of it. *ret is the caller's. 0;
 * -ENOMEM; -ENOENT or -ENOSYS without the library; -EPROTO when it can't say it.
 */
int rtnl_request(const struct object *object, bool add, int flags, struct nl_msg **ret,
		 struct fault *fault);
