/*
 * Carries out steps on addresses, routes and rules.
 */
#pragma once

#include "nl.h"
#include "plan.h"

/*
 * Carries out steps first to last-1. When the kernel refuses one, those done are
 * undone in reverse and its errno comes back, with *refused pointing at the step: all of
 * them or none. What is to be deleted and is already gone, is fine.
 */
int apply_net(struct nl_sock *sk, const struct plan *plan, size_t first, size_t last,
	      const struct step **refused, struct fault *fault);

/* Undoes the steps first to last-1, as far as the kernel lets us. */
void undo_net(struct nl_sock *sk, const struct plan *plan, size_t first, size_t last);
