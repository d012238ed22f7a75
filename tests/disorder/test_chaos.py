# SPDX-License-Identifier: GPL-2.0-or-later
"""300 random events in the lab, under load; the same ones each time. More of them: tests/chaos."""

import command

import pytest
from events import sequence
from play import play

SEED, PIECES, EACH = "1", 6, 50


@pytest.mark.parametrize("piece", range(PIECES))
def test_invariants_hold_whatever_happens(piece, record_property):
    outcome = play(sequence(f"{SEED}/{piece}", EACH))
    for name, value in (("events", len(outcome.done)), ("packets", outcome.packets), ("checks", outcome.checks)):
        record_property(name, value)
    if outcome.violation:
        command.explain(f"{SEED}/{piece}", command._quiet(outcome), seconds=60)
    assert outcome.violation is None
