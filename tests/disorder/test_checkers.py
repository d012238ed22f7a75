# SPDX-License-Identifier: GPL-2.0-or-later
"""Each invariant's checker sees when it doesn't hold: one planted event among others is what a failure comes down to."""

import pytest
from play import SOON, play, shortest

SABOTAGES = {
    "I1": {"event": "sabotage_leak"},
    "I2": {"event": "sabotage_move"},
    "I3": {"event": "sabotage_inbound"},
    "I4": {"event": "sabotage_choice"},
    "I5": {"event": "sabotage_loss"},
    "I6": {"event": "sabotage_busy"},
    "I7": {"event": "sabotage_bent"},
    "I8": {"event": "sabotage_resort"},
    "I9": {"event": "sabotage_end"},
}
BEFORE = [{"event": "ask", "what": "--status"}, {"event": "reload"}]
AFTER = [{"event": "reload_base"}]


@pytest.mark.parametrize("invariant", SABOTAGES)
def test_a_planted_event_is_seen_and_found(invariant):
    planted = SABOTAGES[invariant]
    # What never comes right is waited for to the end; other labs keep the machine busy.
    outcome = play([*BEFORE, planted, *AFTER], patience=2 * SOON)
    assert outcome.violation and outcome.violation.invariant == invariant, (outcome.violation, outcome.log)


def test_it_is_all_that_is_left_of_a_sequence():
    assert shortest([*BEFORE, SABOTAGES["I1"], *AFTER], "I1", seconds=600) == [SABOTAGES["I1"]]


def test_the_others_alone_break_nothing():
    assert play([*BEFORE, *AFTER]).violation is None
