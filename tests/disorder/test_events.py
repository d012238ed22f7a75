# SPDX-License-Identifier: GPL-2.0-or-later
"""Sequences of events, and what the model says of them. Pure."""

import json
from collections import Counter

import acts
import pytest
from events import KINDS, happen, healing, sequence, to_text
from model import ATT, EVERYWHERE, MONKEY, NAMES, WEBPASS, State


def after(*events):
    state = State()
    for event in events:
        assert happen(state, event) is not None, event
        state.judge()
    return state


def fault(wan, family, how="drop"):
    return {"event": "fault", "wan": wan, "family": family, "how": how}


def test_the_same_seed_gives_the_same_events_and_another_one_others():
    assert sequence("1/0", 200) == sequence("1/0", 200) != sequence("1/1", 200)


def test_a_sequence_can_be_saved_and_read_back():
    """And draws the same when it is played: lists stand for tuples."""
    events = sequence("1/0", 300)
    again = json.loads(json.dumps(events))
    assert list(map(to_text, again)) == [to_text(json.loads(json.dumps(event))) for event in events]


def test_each_kind_is_drawn_and_each_can_be_done():
    drawn = Counter(event["event"] for seed in range(10) for event in sequence(seed, 300))
    assert set(drawn) == {name for name, kind in KINDS.items() if kind.weight}
    for name in KINDS:
        assert callable(getattr(acts, "damage_" if name == "damage" else name)), name


@pytest.mark.parametrize("seed", range(20))
def test_any_part_of_a_sequence_is_one_and_all_can_be_healed(seed):
    """What isn't possible any more is left out, and what comes after it is judged all the same."""
    events = sequence(seed, 120)
    for part in (events, events[::2], events[1::3], events[60:]):
        state = State()
        for event in part:
            before = state.copy()
            if happen(state, event) is None:
                assert state == before
            state.judge()
        for event in healing(state):
            assert happen(state, event) is not None, (event, state)
            state.judge()
        assert not healing(state)
        assert all(state.chosen(family) == {ATT, WEBPASS} for family in (4, 6))


def test_an_event_that_is_not_possible_changes_nothing():
    state = after({"event": "unplug", "wan": ATT})
    assert happen(state, {"event": "cut", "wan": ATT, "lease": True}) is None
    assert state.wans[ATT].link == "gone"


def test_new_flows_choose_the_eligible_wans_of_the_lowest_tier():
    assert after().chosen(4) == {ATT, WEBPASS}
    assert after(fault(ATT, 4)).chosen(4) == {WEBPASS}
    assert after(fault(ATT, 4)).chosen(6) == {ATT, WEBPASS}
    assert after({"event": "drain", "wan": ATT}).chosen(6) == {WEBPASS}
    assert after({"event": "cut", "wan": ATT, "lease": False}, fault(WEBPASS, 4)).chosen(4) == {MONKEY}
    assert after({"event": "config", "name": "tiers"}).chosen(4) == {WEBPASS, MONKEY}
    assert after({"event": "prefix", "wan": ATT, "which": -1}).chosen(6) == {WEBPASS}


def test_the_last_resort_are_those_that_are_usable():
    down = after(*(fault(name, 4) for name in NAMES))
    assert down.eligible(4) == set(NAMES) and down.chosen(4) == {ATT, WEBPASS}
    assert after(*(fault(name, 4) for name in NAMES), {"event": "unplug", "wan": ATT}).chosen(4) == {WEBPASS}
    assert after(*({"event": "drain", "wan": name} for name in NAMES)).eligible(6) == set(NAMES)


def test_without_a_daemon_verdicts_stay():
    assert after({"event": "end_daemon", "how": "kill"}, fault(ATT, 4)).chosen(4) == {ATT, WEBPASS}
    assert after(fault(ATT, 4), {"event": "end_daemon", "how": "kill"}, {"event": "well", "wan": ATT, "family": 4}).chosen(4) == {WEBPASS}


def test_what_an_event_may_touch():
    def touched(*events):
        state = after(*events[:-1])
        return happen(state, events[-1]).touched

    assert touched(fault(ATT, 6)) == {(ATT, 6)}
    assert touched({"event": "cut", "wan": WEBPASS, "lease": True}) == {(WEBPASS, 4), (WEBPASS, 6)}
    assert touched({"event": "reload_base"}) == touched({"event": "restart_daemon", "how": "kill"}) == set()
    assert touched({"event": "lose_bus"}) == touched({"event": "clock", "seconds": 3600}) == set()
    assert touched({"event": "ruleset", "how": "flush"}) == EVERYWHERE
    assert touched({"event": "config", "name": "masquerade6"}, {"event": "config", "name": "mark"}) == {
        (WEBPASS, 6), (ATT, 4), (ATT, 6)}
