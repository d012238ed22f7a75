# SPDX-License-Identifier: GPL-2.0-or-later
"""The shortest sequences of what tests/chaos has found."""

from lab import SERVERS4, SERVERS6
from traffic import answers, close_all, udp_flows, wait_until


def carried_by(lab):
    flows = udp_flows(lab.client, 40, SERVERS4 + SERVERS6)
    seen = lab.shares(answers(flows, seconds=1))
    close_all(flows)
    return set(seen)


def test_while_its_folder_is_read_only_the_daemon_goes_on(watch):
    """It ended, and could not start again: what can't be written to can be locked all the same."""
    lab, daemon = watch()
    lab.router.run("mount", "--bind", "/run/mwan", "/run/mwan")
    lab.router.run("mount", "-o", "remount,bind,ro", "/run/mwan")
    lab.cut("att")
    wait_until(lambda: carried_by(lab) == {"webpass"}, "webpass carries")
    daemon.kill()
    daemon = lab.daemon(ready=False)
    lab.mend("att")
    wait_until(lambda: carried_by(lab) == {"att", "webpass"}, "both carry")
    assert daemon.process.poll() is None, daemon.log()
    lab.router.run("mount", "-o", "remount,bind,rw", "/run/mwan")
    daemon.wait_states()
    wait_until(lambda: lab.router.run("update-routes", "--check", check=False).code == 0, "nothing is left to do")
