# SPDX-License-Identifier: GPL-2.0-or-later
"""The shortest sequence that still fails. Pure."""

import time

from shrink import shrink


def test_one_event_of_many_is_found_wherever_it_is():
    for place in range(50):
        assert shrink(list(range(50)), lambda events, place=place: place in events) == [place]


def test_events_that_only_fail_together_stay_in_their_order():
    events = list(range(64))
    assert shrink(events, lambda part: {3, 17, 40} <= set(part)) == [3, 17, 40]
    assert shrink(events, lambda part: part.count(5) and part.count(50) and part.index(5) < part.index(50)) == [5, 50]


def test_none_of_what_is_left_can_be_left_out():
    def fails(part):
        return sum(part) >= 100

    found = shrink(list(range(1, 33)), fails)
    assert fails(found) and not any(fails(found[:i] + found[i + 1:]) for i in range(len(found)))


def test_what_fails_only_as_a_whole_stays_whole():
    assert shrink(list("abcdefg"), lambda part: len(part) == 7) == list("abcdefg")


def test_nothing_is_tried_twice():
    tried = []

    def fails(part):
        tried.append(tuple(part))
        return {2, 9} <= set(part)

    shrink(list(range(12)), fails)
    assert len(tried) == len(set(tried))


def test_when_the_time_is_over_the_shortest_until_then_is_it():
    def fails(part):
        time.sleep(0.02)
        return len(part) > 3

    found = shrink(list(range(4000)), fails, seconds=0.05)
    assert 3 < len(found) < 4000
