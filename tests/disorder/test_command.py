# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/chaos itself: what it prints, what it keeps, and how it ends."""

import json
import os
import subprocess

from lab import REPO
from traffic import wait_until


def chaos(*arguments, results):
    return subprocess.run([f"{REPO}/tests/chaos", *arguments], text=True, capture_output=True, check=False,
                          env={**os.environ, "MWAN_RESULTS": str(results)})


def test_a_few_events_hold(tmp_path):
    done = chaos("--seed", "short", "--events", "4", "--jobs", "2", results=tmp_path)
    assert done.returncode == 0 and "seed short: 4 events in 1 labs" in done.stdout and "failures 0" in done.stdout, done


def descendants(pid):
    """The process, and all that it has started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [pid, *(one for child in file.read().split() for one in descendants(int(child)))]
    except OSError:  # it has ended
        return []


def names(pid):
    return [name(one) for one in descendants(pid)]


def name(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    except OSError:  # it has ended
        return ""


def test_who_is_killed_leaves_nothing_behind(tmp_path):
    with subprocess.Popen([f"{REPO}/tests/chaos", "--events", "240", "--jobs", "2"], stdout=subprocess.DEVNULL,
                          env={**os.environ, "MWAN_RESULTS": str(tmp_path)}) as process:
        try:
            everyone = wait_until(lambda: names(process.pid).count("health-check") >= 2 and descendants(process.pid), "two labs play")
        finally:
            process.kill()
    wait_until(lambda: not any(os.path.exists(f"/proc/{one}") for one in everyone), "nobody is left")


def test_a_failure_leaves_the_shortest_sequence_which_fails_again(tmp_path):
    events = [{"event": "reload"}, {"event": "sabotage_leak"}, {"event": "neighbours", "link": "eth0"}]
    path = tmp_path / "events.json"
    path.write_text(json.dumps(events))
    done = chaos("--replay", str(path), "--shrink", results=tmp_path)
    assert done.returncode == 1 and "FAILED" in done.stdout and "I1: packets left a WAN" in done.stdout, done
    short = tmp_path / "chaos-failures" / "events-short.json"
    assert json.loads(short.read_text()) == [{"event": "sabotage_leak"}], done
    assert f"tests/chaos --replay {short}" in done.stdout
    assert chaos("--replay", str(short), results=tmp_path).returncode == 1
