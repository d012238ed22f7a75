# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/chaos: random events against the lab, under load, and what always holds, asked after each."""

import argparse
import ctypes
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

import events
from play import play, shortest  # finds the lab's modules
from lab import REPO, default_destdir

PR_SET_PDEATHSIG = 1
PIECE = 60  # events that one lab lives through
SHRINK = 300  # seconds that a sequence is shortened for


def arguments():
    parser = argparse.ArgumentParser(prog="tests/chaos", description=__doc__)
    parser.add_argument("--seed", default="1", help="a text; the same one gives the same events; `random`: a new one")
    parser.add_argument("--events", type=int, default=300, help="how many (default: %(default)s)")
    parser.add_argument("--replay", metavar="FILE", help="play the events of a file that a failure has left")
    parser.add_argument("--shrink", action="store_true", help="with --replay: look for the shortest part that fails")
    parser.add_argument("--jobs", type=int, default=2 * os.cpu_count(), help="labs at once (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="begin no lab after so many")
    parser.add_argument("--verbose", action="store_true", help="print each event before it happens")
    return parser.parse_args()


def results():
    return os.environ.get("MWAN_RESULTS") or f"{REPO}/build-results"


def say(text):
    print(text, flush=True)


def _end_with(parent):
    """A process that plays ends when tests/chaos does, however that is."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def _piece(parent, seed, count, verbose):
    sequence = events.sequence(seed, count)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # takes the lab down
    try:
        outcome = play(sequence, heard=(lambda event: say(f"    {events.to_text(event)}")) if verbose else None)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _end_with(parent)
    return seed, sequence, _quiet(outcome)


def _quiet(outcome):
    """What can be sent to another process."""
    outcome.violation = outcome.violation and (outcome.violation.invariant, str(outcome.violation))
    return outcome


def save(name, sequence):
    """Writes a sequence for --replay; returns where."""
    path = f"{results()}/chaos-failures/{name.replace('/', '-')}.json"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(event) for event in sequence) + "\n]\n")
    return path


def explain(seed, outcome, seconds=SHRINK):
    """A sequence has failed: what failed, and the shortest that still does."""
    invariant, text = outcome.violation
    say(f"\nFAILED after {len(outcome.done)} events of seed {seed}: {text}")
    say(f"the daemon's last words:\n{indent(outcome.log.splitlines()[-30:])}")
    say(f"all events: {save(seed, outcome.done)}; looking for the shortest part that fails, for at most {seconds} s")
    short = shortest(outcome.done, invariant, seconds, lambda text: say(f"  {text}"))
    say(f"the shortest that was found:\n{indent(map(events.to_text, short))}")
    say(f"play it again: tests/chaos --replay {save(f'{seed}-short', short)}")


def indent(lines):
    return "\n".join(f"  {line}" for line in lines)


def replay(path, shrink):
    with open(path, encoding="utf-8") as file:
        sequence = json.load(file)
    outcome = _quiet(play(sequence, heard=lambda event: say(f"  {events.to_text(event)}")))
    if outcome.violation and shrink:
        explain(os.path.basename(path).removesuffix(".json"), outcome)
    elif outcome.violation:
        say(f"\nFAILED: {outcome.violation[1]}\n{indent(outcome.log.splitlines())}")
    return bool(outcome.violation)


def soak(options):
    """Plays pieces of the sequence side by side; returns whether one failed."""
    seed = options.seed if options.seed != "random" else str(random.SystemRandom().randrange(10**9))
    counts = [min(PIECE, options.events - begin) for begin in range(0, options.events, PIECE)]
    begin, totals, failed = time.monotonic(), {"events": 0, "packets": 0, "checks": 0}, []
    say(f"seed {seed}: {options.events} events in {len(counts)} labs, {options.jobs} at once")
    pieces = iter([(f"{seed}/{number}", count) for number, count in enumerate(counts)])
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn"), _end_with, (os.getpid(),)) as pool:
        def more():
            late = options.minutes and time.monotonic() - begin > options.minutes * 60
            piece = None if late else next(pieces, None)
            return {pool.submit(_piece, os.getpid(), *piece, options.verbose)} if piece else set()

        running = set().union(*(more() for _ in range(options.jobs)))
        while running:
            done = next(as_completed(running))
            running = (running - {done}) | more()
            name, _, outcome = done.result()
            for key, value in (("events", len(outcome.done)), ("packets", outcome.packets), ("checks", outcome.checks)):
                totals[key] += value
            say(f"{'FAIL' if outcome.violation else 'ok'}  {name}: {len(outcome.done)} events in {outcome.seconds:.0f} s; "
                f"the slowest took {outcome.slowest[0]:.1f} s: {outcome.slowest[1]}")
            if outcome.violation:
                failed.append((name, outcome))
    for name, outcome in failed:  # when nothing else keeps the machine busy
        explain(name, outcome)
    say(f"\n{totals['events']} events, {totals['packets']} packets, {totals['checks']} flows judged in {time.monotonic() - begin:.0f} s; "
        f"failures {len(failed)}")
    return bool(failed)


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("tests/chaos: run as root: it makes network namespaces")
    if not os.path.exists(f"{default_destdir()}/usr/local/bin/health-check"):
        sys.exit("tests/chaos: build first: sudo tests/run build")
    sys.exit(replay(options.replay, options.shrink) if options.replay else soak(options))


if __name__ == "__main__":
    main()
