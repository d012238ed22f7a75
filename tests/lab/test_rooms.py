# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/rooms: lib/ keeps the order that lib/README.md says."""
import subprocess
from pathlib import Path

import pytest

ROOMS = Path(__file__).parents[1] / "rooms"
ORDER = "    base · config · { plan, probe } · cmd\n"


@pytest.fixture
def house(tmp_path):
    """A small checkout; yields a function that adds files, {name: what it includes}, and says what is wrong."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/README.md").write_text("# Rooms\n\n" + ORDER)

    def check(files):
        for name, included in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f'#include "{other}"\n' for other in included))
        result = subprocess.run([ROOMS, tmp_path], capture_output=True, text=True, check=False)
        return result.returncode, result.stdout

    return check


def test_includes_to_the_left_and_within_a_room_are_right(house):
    files = {"lib/base/log.c": ["base/log.h"], "lib/plan/plan.c": ["plan/plan.h", "plan/step.h", "base/log.h", "config/config.h"]}
    assert house(files | {"cmd/update.c": ["plan/plan.h"]}) == (0, "")


@pytest.mark.parametrize("name, other", [("base/log.c", "plan/plan.h"), ("plan/plan.c", "probe/set.h"), ("config/config.h", "log.h")])
def test_an_include_that_runs_backwards_names_both_files(house, name, other):
    status, text = house({f"lib/{name}": [other]})
    assert status == 1 and text.startswith(f"{name} includes {other}"), text


def test_a_circle_names_its_files(house):
    """Also one over a third file: a source and its header count as one."""
    status, text = house({"lib/probe/set.c": ["probe/icmp.h"], "lib/probe/icmp.c": ["probe/target.h"], "lib/probe/target.h": ["probe/set.h"]})
    assert status == 1 and "probe/set and probe/target include each other" in text, text


def test_this_checkout_keeps_the_order():
    subprocess.run([ROOMS], check=True)
