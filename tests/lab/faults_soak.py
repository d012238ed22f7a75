# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/faults: lets calls of programs fail, one after the other, and says what was not right then."""

import argparse
import sys
import time

from faulting import SCENARIOS, Faults
from faulting_daemon import DaemonFaults
from injecting import KINDS
from lab import Lab

EVERY = [*SCENARIOS, "daemon"]


def numbers(faults, kind, options):
    """Which calls are to fail."""
    calls, sites = faults.count(kind)
    if options.only:
        return options.only
    if options.sites:
        return sites[::options.step]
    return range(1, calls + 1, options.step)


def run(name, options):
    """Injected faults and complaints of a scenario."""
    labs = []

    def make(*args, **kwargs):
        labs.append(Lab(*args, **kwargs))
        return labs[-1]

    faults = DaemonFaults(make) if name == "daemon" else Faults(name, make)
    try:
        for kind in options.kinds:
            begin, before, bad = time.monotonic(), faults.injected, len(faults.complaints)
            for number in numbers(faults, kind, options):
                faults.inject(kind, number)
            print(f"{name:14} {kind:12} {faults.injected - before:6} faults, {len(faults.complaints) - bad} failures, "
                  f"{time.monotonic() - begin:.0f} s", flush=True)
            for complaint in faults.complaints[bad:][:options.most]:
                print("    " + complaint.replace("\n", "\n    "), flush=True)
        return faults.injected, len(faults.complaints)
    finally:
        faults.close()
        for lab in labs:
            lab.close()


def main():
    parser = argparse.ArgumentParser(prog="tests/faults", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(EVERY))
    parser.add_argument("--all", action="store_true", help="every call of every scenario")
    parser.add_argument("--sites", action="store_true", help="one call from each place in the program")
    parser.add_argument("--step", type=int, default=1, help="every N-th call")
    parser.add_argument("--only", type=int, action="append", metavar="NUMBER", help="this call")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS), help=",".join(KINDS))
    parser.add_argument("--most", type=int, default=10, help="so many failures are shown of each kind")
    options = parser.parse_args()
    wanted = EVERY if options.all else options.scenarios
    if not wanted or set(wanted) - set(EVERY) or set(options.kinds) - set(KINDS):
        parser.error("name scenarios and kinds, or --all")
    figures = [run(name, options) for name in wanted]
    injected, failures = (sum(column) for column in zip(*figures))
    print(f"{injected} faults injected, {failures} failures")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
