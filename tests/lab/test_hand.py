# SPDX-License-Identifier: GPL-2.0-or-later
"""Failback and hand: WANs that are held after an outage, flows that go back to a better tier, and drains."""

import contextlib
import shutil
import socket
import threading

import faults
import rtnl
import wans
from doctor import Doctor
from lab import SERVERS4, SERVERS6, STRANGER4, STRANGER6
from traffic import PATIENCE, UdpFlow, answers, close_all, udp_flows, wait_until

DRAINED = "/var/lib/mwan/drained"
FAMILIES = ("ipv4", "ipv6")
SERVERS = SERVERS4 + SERVERS6


def new_flows(lab, count=24):
    """The WANs that new flows of both families take; not for a WAN that is lost, and not left yet: each answer is awaited."""
    flows = udp_flows(lab.client, count, SERVERS)
    seen = lab.shares(answers(flows))
    close_all(flows)
    return set(seen)


def ask_again(flows, seconds=2):
    for flow in flows:
        flow.send()
    return answers(flows, seconds)


def sources(seen):
    return [one and (one.source, one.port) for one in seen]


def both(daemon, wan, **wanted):
    """Whether both families of a WAN have these members in health.json; obstacle: their condition's."""
    for family in FAMILIES:
        found = daemon.family(wan, family)
        found["obstacle"] = found["condition"].get("obstacle")
        if any(found[key] != value for key, value in wanted.items()):
            return False
    return True


def wait_both(daemon, wan, **wanted):
    daemon.wait(lambda: both(daemon, wan, **wanted), f"{wan}: {wanted}")


def hear(daemon, text):
    """Waits: what it says may arrive after its effect."""
    daemon.wait(lambda: daemon.said(text), text)


def given_back(daemon):
    """Waits until both families' flows are removed."""
    daemon.wait(lambda: len(daemon.said(" of inside hosts are removed")) == 2, "the flows are removed")


def in_force(lab):
    """Programs that run by hand see what the daemon sees."""
    return [lab.router.run(program, "--check", check=False).out for program in ("update-routes", "update-npt")] == ["", ""]


def reboot(lab, daemon):
    """As far as mwan sees one: /run is empty. Returns the new daemon."""
    daemon.stop()
    shutil.rmtree(lab.router.path("/run/mwan"))
    lab.router.path("/run/mwan").mkdir()
    return lab.daemon()


def tiers(**keys):
    return [wans.att(keys=keys), wans.webpass(tier=2, keys={"failback_flows": "flush"})]


def from_outside(lab, name):
    """Flows that came in over the WAN, of both families; each has been answered."""
    one = lab.wan(name)
    flows = [UdpFlow(lab.internet, one.public4[1], STRANGER4), UdpFlow(lab.internet, one.edge(), STRANGER6)]
    assert all(flow.ask() for flow in flows)
    return flows


# Holds and failback

def test_a_wan_that_is_back_is_held_and_the_backup_gives_its_flows_back(watch):
    """An hour is longer than this test takes, so what is held stays so."""
    lab, daemon = watch(tiers(recovery_hold="1h"))
    assert new_flows(lab) == {"att"}

    lab.isp("att").fault(faults.EVERYTHING)
    wait_both(daemon, "webpass", share=1)
    assert new_flows(lab) == {"webpass"}
    flows = udp_flows(lab.client, 20, SERVERS)
    before = sources(answers(flows))
    entered = from_outside(lab, "webpass")

    lab.isp("att").fault()
    daemon.wait_states()
    wait_both(daemon, "att", obstacle="held", eligible=False, share=0, state="up")
    assert all(daemon.family("att", family)["hold"]["times"] == 1 for family in FAMILIES)
    hear(daemon, "att IPv4 is back, and held: it takes new flows in 1 h 0 min")
    assert new_flows(lab) == {"webpass"} and in_force(lab)
    status = lab.router.run("health-check", "--status")
    assert status.out.startswith("att: held for ") and " more; webpass carries it\n" in status.out

    # Lost in the hold, by another kind of outage: the next one is longer.
    lab.lose_lease("att")
    wait_both(daemon, "att", obstacle="no gateway")
    lab.mend("att")
    wait_both(daemon, "att", obstacle="held")
    assert all(daemon.family("att", family)["hold"]["times"] == 2 for family in FAMILIES)
    hear(daemon, "takes new flows in 2 h 0 min, 2 times recovery_hold, for it flaps")

    # Nobody begins it anew: not a program without the daemon, a restart or a reboot.
    until = daemon.family("att", "ipv4")["hold"]["until"]
    daemon.stop()
    assert in_force(lab) and new_flows(lab) == {"webpass"}
    daemon = reboot(lab, lab.daemon())
    wait_both(daemon, "att", obstacle="held", eligible=False)
    assert daemon.family("att", "ipv4")["hold"]["until"] == until and in_force(lab)

    # It gives way when nothing else is left, in each family by itself.
    lab.isp("webpass").fault(faults.NO_IPV6)
    daemon.wait(lambda: daemon.family("att", "ipv6")["eligible"], "IPv6 over att")
    daemon.wait_states(webpass6="down")
    assert not daemon.family("att", "ipv4")["eligible"] and daemon.family("att", "ipv6")["share"] == 1
    assert in_force(lab)
    lab.isp("webpass").fault()
    daemon.wait_states()
    wait_both(daemon, "att", obstacle="held", eligible=False)

    # Not held any more: what began inside goes back, what came in stays.
    stay = sources(ask_again(entered))
    assert None not in stay
    lab.wan("att").keys["recovery_hold"] = "0"
    lab.configure(health=wans.QUICK)
    daemon.reload()
    wait_both(daemon, "att", obstacle=None, eligible=True)
    given_back(daemon)
    assert lab.shares(ask_again(flows)) == {"att": len(flows)}
    assert {lab.wan_of(source).name for source, _ in before} == {"webpass"}
    # The table has them still: asked again, they would only begin anew.
    assert all(rtnl.marked(lab.router, family, lab.wan("webpass").mark) == 1 for family in (4, 6))
    assert sources(ask_again(entered)) == stay
    assert lab.leaks() == {}
    close_all(flows + entered)


def test_a_hold_ends_by_itself(watch):
    lab, daemon = watch(tiers(recovery_hold="1s"))
    lab.cut("att")
    wait_both(daemon, "att", obstacle="no carrier")
    lab.mend("att")
    daemon.wait(lambda: daemon.said("att IPv6 takes new flows again"), "the end of the hold")
    wait_both(daemon, "att", obstacle=None, eligible=True, share=1)
    assert new_flows(lab) == {"att"}
    said = [text for _, text in daemon.lines if "att IPv6" in text]
    assert ["is back, and held" in text for text in said if "takes new flows" in text] == [True, False]


def test_a_hold_that_gives_way_at_once_is_not_announced(watch):
    """It would say that new flows come in an hour, and the next line that they are there."""
    lab, daemon = watch(tiers(recovery_hold="1h"))
    lab.cut("webpass")
    lab.cut("att")
    wait_both(daemon, "att", obstacle="no carrier")
    lab.mend("att")
    hear(daemon, "att IPv4 takes new flows as the last resort")
    hear(daemon, "att IPv6 takes new flows as the last resort")
    wait_both(daemon, "att", obstacle="held", eligible=True, share=1)
    assert not daemon.said("is back, and held")
    lab.mend("webpass")
    hear(daemon, "att IPv4 takes no new flows: it is held")
    wait_both(daemon, "att", obstacle="held", eligible=False)


def test_flows_of_the_backup_stay_there_without_failback_flows(watch):
    lab, daemon = watch([wans.att(), wans.webpass(tier=2)])
    lab.cut("att")
    wait_both(daemon, "webpass", share=1)
    assert new_flows(lab) == {"webpass"}
    flows = udp_flows(lab.client, 20, SERVERS)
    before = sources(answers(flows))
    lab.mend("att")
    wait_both(daemon, "att", share=1)
    assert new_flows(lab) == {"att"}
    assert sources(ask_again(flows)) == before
    close_all(flows)


def test_failback_leaves_what_would_begin_on_the_backup_again(watch):
    """A call that a rule leads there is not cut; and the better tier may come back while no daemon runs."""
    rules = {"voice": {"destination": f"{SERVERS4[0]}, {SERVERS6[0]}", "wans": "webpass"}}
    lab, daemon = watch(tiers(), rules=rules)
    calls = udp_flows(lab.client, 4, [SERVERS4[0], SERVERS6[0]])
    before = sources(answers(calls))
    lab.cut("att")
    wait_both(daemon, "webpass", share=1)
    others = udp_flows(lab.client, 8, [SERVERS4[1], SERVERS6[1]])
    assert lab.shares(answers(others)) == {"webpass": 8}
    assert daemon.stop() == 0

    lab.mend("att")
    daemon = lab.daemon()
    given_back(daemon)
    assert lab.shares(ask_again(others)) == {"att": 8}
    # The table has them still: asked again, they would only begin anew.
    assert [rtnl.marked(lab.router, family, lab.wan("webpass").mark) for family in (4, 6)] == [2, 2]
    assert sources(ask_again(calls)) == before
    assert {lab.wan_of(source).name for source, _ in before} == {"webpass"}
    close_all(calls + others)


class Call(threading.Thread):
    """Both ends talk all the time, the outer one four times as often, to where it was last called from."""

    def __init__(self, lab, far, port):
        super().__init__(daemon=True)
        family = socket.AF_INET6 if ":" in far else socket.AF_INET
        self.lab, self.over = lab, threading.Event()
        self.inner, self.outer = (space.socket(family, socket.SOCK_DGRAM) for space in (lab.client, lab.internet))
        self.outer.bind((far, port))
        self.inner.connect((far, port))
        self.inner.send(b"hello")
        self.outer.settimeout(PATIENCE)
        self.caller = self.outer.recvfrom(64)[1]
        self.outer.setblocking(False)
        self.start()

    def run(self):
        turn = 0
        while not self.over.wait(0.005):
            turn += 1
            with contextlib.suppress(OSError):  # errors that ICMP has brought
                if turn % 4 == 0:
                    self.inner.send(b"and")
            with contextlib.suppress(OSError):
                self.outer.sendto(b"yes", self.caller)
            with contextlib.suppress(OSError):
                while True:
                    self.caller = self.outer.recvfrom(64)[1]

    def wan(self):
        return self.lab.wan_of(self.caller[0]).name

    def close(self):
        self.over.set()
        self.join()
        self.inner.close()
        self.outer.close()


def test_calls_whose_other_end_talks_move_as_well(watch):
    """The address that it talks to leads inside over the backup: such a packet would be a flow that came in there."""
    lab, daemon = watch(tiers())
    lab.cut("att")
    wait_both(daemon, "webpass", share=1)
    calls = [Call(lab, far, 5004 + n) for n in range(5) for far in (STRANGER4, STRANGER6)]
    assert {call.wan() for call in calls} == {"webpass"}
    lab.mend("att")
    given_back(daemon)
    wait_until(lambda: {call.wan() for call in calls} == {"att"}, "all have moved")
    for call in calls:
        call.close()


def test_calls_of_a_rule_go_back_to_the_better_of_its_wans(watch):
    """While others are on att all the time."""
    flush = {"failback_flows": "flush"}
    rules = {"voice": {"destination": f"{SERVERS4[0]}, {SERVERS6[0]}", "wans": "webpass, isp3"}}
    lab, daemon = watch([wans.att(keys=flush), wans.webpass(tier=2, keys=flush), wans.many([1, 1, 1], [3, 3, 3])[2]],
                        rules=rules)
    lab.wan("isp3").keys.update(flush)
    lab.configure(health=wans.QUICK, rules=rules)
    daemon.reload()
    lab.cut("webpass")
    wait_both(daemon, "webpass", eligible=False)
    calls = udp_flows(lab.client, 4, [SERVERS4[0], SERVERS6[0]])
    others = udp_flows(lab.client, 4, [SERVERS4[1], SERVERS6[1]])
    before = sources(answers(others))
    assert lab.shares(answers(calls)) == {"isp3": 4}
    daemon.reload()
    lab.mend("webpass")
    given_back(daemon)
    assert lab.shares(ask_again(calls)) == {"webpass": 4}
    assert sources(ask_again(others)) == before
    close_all(calls + others)


# Drains

def drain(lab, *args, check=True):
    return lab.router.run("health-check", *args, check=check)


def test_a_drained_wan_takes_no_new_flows_and_keeps_its_own(watch):
    lab, daemon = watch([wans.att(keys={"down_flows": "flush"}), wans.webpass()])
    flows = udp_flows(lab.client, 40, SERVERS)
    before = sources(answers(flows))
    assert {lab.wan_of(source).name for source, _ in before} == {"att", "webpass"}

    done = drain(lab, "--drain", "att")
    assert done.out == "att is drained until `health-check --undrain att`: it takes no new flows, and keeps those that it has\n"
    assert "resort" not in done.err and new_flows(lab) == {"webpass"} and in_force(lab)
    daemon.wait(lambda: daemon.wan("att").get("drained") is True, "the daemon knows")
    wait_both(daemon, "att", state="up", eligible=False, share=0, obstacle="drained")
    hear(daemon, "att is drained by hand: it takes no new flows, and keeps those that it has")
    assert sources(ask_again(flows)) == before

    # Whatever down_flows says.
    lab.isp("att").fault(faults.EVERYTHING)
    daemon.wait_states(att4="down", att6="down")
    daemon.wait_cycles()
    lab.isp("att").fault()
    daemon.wait_states()
    assert not daemon.said("flows are removed")
    assert sources(ask_again(flows)) == before

    status = lab.router.run("health-check", "--status")
    assert status.out.startswith("att: drained by hand; webpass carries it\n")
    assert 'mwan_wan_drained{wan="att",interface="enatt0.3242"} 1' in lab.router.run("health-check", "--status", "--metrics").out
    note = next(one for one in Doctor(lab.router).findings() if "drained" in one.text)
    assert (note.topic, note.kind) == ("probes", "note") and "`health-check --undrain att`" in note.fix
    assert lab.router.run("health-check", "--once").code == 0

    # A reboot keeps it.
    daemon = reboot(lab, daemon)
    daemon.wait_states()
    assert daemon.wan("att")["drained"] is True and both(daemon, "att", eligible=False)
    assert new_flows(lab) == {"webpass"} and in_force(lab)

    # The last one stays the last resort; a WAN that is up is better than one that is down.
    lab.isp("webpass").fault(faults.EVERYTHING)
    wait_both(daemon, "att", obstacle="drained", eligible=True, share=1)
    assert new_flows(lab) == {"att"}
    lab.isp("webpass").fault()
    wait_both(daemon, "webpass", share=1)
    assert new_flows(lab) == {"webpass"}
    done = drain(lab, "--drain", "webpass", "--for", "2h")
    assert done.out.startswith("webpass is drained until 20") and done.err.endswith(
        "webpass stays the last resort of IPv4 and IPv6: no other WAN can carry its new flows\n")
    assert new_flows(lab) == {"att", "webpass"} and in_force(lab)
    daemon.wait(lambda: str(daemon.wan("webpass").get("drained")).startswith("20"), "the daemon knows its end")

    # Again and back.
    assert drain(lab, "--drain", "webpass", "--for", "3h").code == 0
    assert drain(lab, "--undrain", "att").out == "att is no longer drained\n"
    assert new_flows(lab) == {"att"}
    assert drain(lab, "--undrain", "att").out == "att was not drained\n"
    drain(lab, "--undrain", "webpass")
    assert new_flows(lab) == {"att", "webpass"} and in_force(lab)
    daemon.wait(lambda: not any("drained" in wan for wan in daemon.health()["wans"]), "none is drained")
    hear(daemon, "webpass is no longer drained")
    assert sources(ask_again(flows)) == before and lab.leaks() == {}
    close_all(flows)


def test_a_drain_ends_by_itself(watch):
    lab, daemon = watch()
    drain(lab, "--drain", "att", "--for", "2s")
    daemon.wait(lambda: [line for line in lab.router.read(DRAINED).splitlines() if not line.startswith("#")] == [], "its end")
    wait_both(daemon, "att", eligible=True)
    assert new_flows(lab) == {"att", "webpass"}


def test_the_daemon_follows_the_file_itself(watch):
    """The file alone makes it run: timers of its own would be later than the next cycles, all but one of them."""
    lab, daemon = watch()
    for drained in ("att", "webpass", "", "att"):
        lab.router.write(f"{DRAINED}.new", f"{drained} 1000 0\n")
        lab.router.run("mv", f"{DRAINED}.new", DRAINED)
        # In its loop, the file comes before a cycle that has not begun.
        daemon.wait_cycles()
        assert {wan["name"] for wan in daemon.health()["wans"] if "drained" in wan} == {drained} - {""}
    wait_both(daemon, "att", eligible=False, obstacle="drained")
    hear(daemon, "the kernel has been changed, as att is drained: ")
    assert new_flows(lab) == {"webpass"}
    lab.router.run("rm", DRAINED)
    wait_both(daemon, "att", eligible=True)
    hear(daemon, "the kernel has been changed, as att takes new flows again: ")


def test_without_the_daemon_a_drain_acts_at_once(lab):
    drain(lab, "--drain", "att")
    assert new_flows(lab) == {"webpass"} and in_force(lab)
    lab.router.wipe()
    lab.router.update()
    assert new_flows(lab) == {"webpass"}
    drain(lab, "--undrain", "att")
    assert new_flows(lab) == {"att", "webpass"}


def test_bad_drains_change_nothing(lab):
    before = lab.router.snapshot()
    for args, words in [
            (["--drain", "comcast"], 'there is no WAN "comcast", only att, webpass'),
            (["--undrain", "comcast"], 'there is no WAN "comcast", only att, webpass'),
            (["--drain"], "--drain needs a value"),
            (["--drain", "att", "--for", "0"], '--for needs a duration from 1s to 8760h, with its unit (s, m or h), not "0"'),
            (["--drain", "att", "--for", "0s"], 'not "0s"'),
            (["--drain", "att", "--for", "999ms"], 'not "999ms"'),
            (["--drain", "att", "--for", "8761h"], 'not "8761h"'),
            (["--drain", "att", "--for", "soon"], 'not "soon"'),
            (["--for", "2h"], "these options don't go together"),
            (["--undrain", "att", "--for", "2h"], "these options don't go together"),
            (["--drain", "att", "--undrain", "webpass"], "these options don't go together"),
            (["--drain", "att", "webpass"], "one argument too many: webpass")]:
        done = drain(lab, *args, check=False)
        assert (done.code, done.out) == (2, "") and words in done.err, done
        assert len(done.err.splitlines()) == 1
    lab.router.configure("[wan\n")
    done = drain(lab, "--drain", "att", check=False)
    assert done.code == 2 and "/etc/mwan/mwan.conf:1: " in done.err
    assert not lab.router.path(DRAINED).exists() and lab.router.snapshot() == before


def test_a_drain_of_a_wan_that_is_gone_is_forgotten(lab):
    lab.router.write(DRAINED, "monkeybrains 1000 0\natt 1000 2000\nwebpass 1000 0\nnonsense\n")
    lab.router.update()
    assert new_flows(lab) == {"att"}
    daemon = lab.daemon()
    daemon.wait(lambda: "monkeybrains" not in lab.router.read(DRAINED), "the file is clean")
    assert lab.router.read(DRAINED).splitlines()[-1] == "webpass 1000 0"
    assert new_flows(lab) == {"att"}
    # Somebody may be at work on it still.
    lab.wan("webpass").name = "cable"
    lab.configure()
    daemon.reload()
    hear(daemon, "if it has another name now, drain that")
    daemon.wait(lambda: [wan["ipv4"]["eligible"] for wan in daemon.health()["wans"] if wan["name"] == "cable"] == [True])


def test_a_drain_with_another_configuration_leaves_those_of_the_first(lab):
    """Who tries another file out doesn't put WANs back that it lacks."""
    drain(lab, "--drain", "att")
    text = lab.router.read("/etc/mwan/mwan.conf")
    lab.router.write("/run/other.conf", text.replace("[wan att]", "[wan fibre]").replace("att ", "fibre "))
    for option in ("--drain", "--undrain"):
        drain(lab, option, "webpass", "--config", "/run/other.conf")
        kept = [line.split()[0] for line in lab.router.read(DRAINED).splitlines() if line[0] != "#"]
        assert kept == ["att", "webpass"][:2 if option == "--drain" else 1]
    lab.router.update()
    assert new_flows(lab) == {"webpass"}


def test_a_drain_that_cant_be_kept_is_a_failure(lab):
    shutil.rmtree(lab.router.path("/var/lib/mwan"))
    lab.router.write("/var/lib/mwan", "a file in its place\n")
    done = drain(lab, "--drain", "att", check=False)
    assert done.code == 1 and "/var/lib/mwan/drained" in done.err and new_flows(lab) == {"att", "webpass"}
