# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/soak in short: many cycles, reloads and failovers leave the daemon as large as a few do. tests/RESULTS.md has the long runs."""

import pytest

import soak


@pytest.mark.plain("a sanitizer keeps for a while what is freed")
def test_the_daemon_does_not_grow():
    for line in soak.run(soak.Size(cycles=500, reloads=50, failovers=10), soak.Size(cycles=2000, reloads=200, failovers=30)):
        print(line)
