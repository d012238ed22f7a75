// SPDX-License-Identifier: GPL-2.0-or-later
// What is said of one flow, as a value.
// It owns its ways and its words.

#include "plan/explanation.h"

#include <stdlib.h>

const char *explain_kind_name(enum explain_kind kind)
{
	static const char *const names[] = {
		[EXPLAIN_REFUSED] = "refused", [EXPLAIN_OUT] = "out",
		[EXPLAIN_IN] = "in",	       [EXPLAIN_TO_ROUTER] = "to-router",
		[EXPLAIN_OWN] = "own",	       [EXPLAIN_TURNED] = "turned",
		[EXPLAIN_NO_WAN] = "no-wan",
	};

	return names[kind];
}

void explanation_done(struct explanation *explanation)
{
	free(explanation->ways);
	string_list_done(&explanation->why);
	*explanation = (struct explanation){};
}
