# SPDX-License-Identifier: GPL-2.0-or-later
"""
The shortest sequence that still fails: delta debugging (A. Zeller and R. Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", 2002). Pure, but for the clock that bounds it.
"""

import time


def _chunks(items, n):
    """The items in n parts of about the same length."""
    size = len(items)
    return [items[size * i // n:size * (i + 1) // n] for i in range(n)]


def shrink(events, fails, seconds=None):
    """
    A shorter list of events for which fails(list) is true, of which none can be left out; or, after so many seconds,
    the shortest that was found until then. Tries the last ones first: what went before mostly has nothing to do with it.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    events, tried = list(events), {}

    def late():
        return deadline is not None and time.monotonic() > deadline

    def test(candidate):
        key = tuple(map(repr, candidate))
        if key not in tried:
            tried[key] = not late() and bool(candidate) and fails(list(candidate))
        return tried[key]

    length = 1
    while length < len(events) and not late():
        if test(events[-length:]):
            events = events[-length:]
            break
        length *= 2

    n = 2
    while len(events) >= 2 and not late():
        parts = _chunks(events, n)
        smaller = next((part for part in parts if test(part)), None)
        if smaller is not None:
            events, n = smaller, 2
            continue
        rests = ([event for j, part in enumerate(parts) if j != i for event in part] for i in range(len(parts)))
        smaller = next((rest for rest in rests if test(rest)), None)
        if smaller is not None:
            events, n = smaller, max(n - 1, 2)
        elif n < len(events):
            n = min(len(events), 2 * n)
        else:
            break
    return events
