# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots race: many services and events, each time in another order. So once more, and again."""

import statistics

from arrivals import text

BOOTS = 20


def test_each_of_20_boots_converges(make_appliance, report):
    lab = make_appliance()
    seen = []
    for number in range(BOOTS):
        if number:
            lab.power_cut()
        seen.append(lab.up().first)
        assert lab.leaks() == {}, f"boot {number + 1}"
    slowest = [max(first.values()) for first in seen]
    report(f"{BOOTS} boots, until both WANs carried both families: min {min(slowest):.1f} s, "
           f"median {statistics.median(slowest):.1f} s, max {max(slowest):.1f} s")
    for way in sorted(seen[0]):
        times = [first[way] for first in seen]
        report(f"    {text({way: statistics.median(times)})} (median; {min(times):.1f} to {max(times):.1f} s)")
