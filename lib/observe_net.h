/*
 * The addresses, routes and rules that carry our mark, from the kernel.
 */
#pragma once

#include "nl.h"
#include "object.h"

/* 0, or a negative errno; -EAGAIN: something changed meanwhile, ask again. */
int observe_net(struct nl_sock *sk, struct object_set *ret, struct fault *fault);
