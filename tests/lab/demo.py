# SPDX-License-Identifier: GPL-2.0-or-later
"""
The demonstration: real traffic over two providers in a lab, step by step, with
what was measured beside what was expected. Exit status 1 if anything differs.
How busy the machine is decides nothing: it waits for states, and judges no times.
"""

import signal
import sys
import textwrap
import threading
import time

import demo_third
import faults
import wans
from lab import CLIENT6, CLIENT2_6, SERVERS4, SERVERS6, SPREAD4, SPREAD6, STRANGER4, STRANGER6, Lab
from traffic import PATIENCE, QUIET, Load, TcpFlow, UdpFlow, answers, close_all, udp_flows, wait_until

FLOWS, FEWER = 2000, 400
COLUMNS = 100
TOPOLOGY = """\
  client  10.250.1.45, 3d06:bad:b01:1::100 --+                        +-- AT&T -----+
                                             +-- OPNsense --- mwan ---+             +-- internet
  client2 10.250.2.50, 3d06:bad:b01:2::50 ---+                        +-- Webpass --+

  att      104.57.226.192/29, routed to mwan;  2600:1700:2f71:c80::/60, delegated
  webpass  136.25.91.240/29, on the link;      2604:5500:c271:be00::/60, delegated
"""
# Verdicts within seconds, with time for answers also where each of them waits for a processor.
HEALTH = {"interval": "500ms", "timeout": "450ms", "failure_threshold": 3, "recovery_threshold": 2}
SAID = ("New connections used both providers, and only the working one while the other was cut or silent; what was open on a "
        "working provider stayed there, and lost nothing.")
SERVERS = {"IPv4": SERVERS4, "IPv6": SERVERS6}
STRANGER = {"IPv4": STRANGER4, "IPv6": STRANGER6}


class Report:
    """A table that grows while the demonstration runs."""

    def __init__(self, said=SAID):
        self.rows, self.failed, self.said = 0, [], said
        self.begin = time.monotonic()

    def section(self, title):
        print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n{title}", flush=True)

    def _line(self, mark, what, measured, expected):
        line = f"  {mark:<4}  {what:<39} {measured:<24} {expected}"
        assert len(line) <= COLUMNS, line
        print(line, flush=True)

    def heading(self):
        self._line("", "WHAT", "MEASURED", "EXPECTED")

    def row(self, what, measured, expected, good):
        """What was measured is as expected, or not."""
        self.rows += 1
        if not good:
            self.failed.append(what)
        self._line("ok" if good else "FAIL", what, measured, expected)

    def same(self, what, measured, expected):
        """Of one word, which has to be the expected one."""
        self.row(what, measured, expected, measured == expected)

    def time(self, what, measured, usual):
        """How long something has taken: shown, and not judged."""
        self._line("time", what, measured, usual)

    def end(self):
        """What all this says, in three sentences; returns the exit status."""
        seconds = time.monotonic() - self.begin
        if not self.failed:
            said = [f"All as expected: {self.rows} of {self.rows} rows, in {seconds:.0f} s.",
                    self.said,
                    "No packet reached a provider with an address that is not of this provider."]
        else:
            said = [f"Not as expected: {len(self.failed)} of {self.rows} rows, in {seconds:.0f} s.",
                    f"The first of them is: {self.failed[0]}.",
                    "Run this again with --keep: the lab then stays, and you can look into each of its machines."]
        print()
        for sentence in said:
            print(textwrap.fill(sentence, COLUMNS))
        return 1 if self.failed else 0


def show_balance(lab, report):
    report.section(f"1. {FLOWS} new flows in each family, by weight")
    weight = sum(wan.weight for wan in lab.wans)
    for family, servers in SERVERS.items():
        flows = udp_flows(lab.client, FLOWS, servers)
        shares = lab.shares(answers(flows))
        close_all(flows)
        for wan in lab.wans:
            share = wan.weight / weight
            sigma = (FLOWS * share * (1 - share)) ** 0.5
            count = shares[wan.name]
            report.row(f"{family} flows over {wan.name}", f"{count} = {100 * count / FLOWS:.1f} %",
                       f"{100 * share:.1f} % ± {400 * sigma / FLOWS:.1f} (4σ)", abs(count - FLOWS * share) <= 4 * sigma)
        report.same(f"{family} flows without an answer", str(shares["lost"]), "0")


def expected_source(wan, source):
    """What a packet from an inside address carries once it has left this WAN."""
    return wan.host(source) if ":" in source else dict(zip(wans.INSIDE4, wan.public4))[source]


def show_translations(lab, report):
    report.section("2. Each address inside has one of its own on each WAN")
    opnsense = wans.INSIDE4[0]
    for client, source, server in ((lab.opnsense, opnsense, SERVERS4[0]), (lab.client, CLIENT6, SERVERS6[0]),
                                   (lab.client2, CLIENT2_6, SERVERS6[0])):
        missing = {wan.name: wan for wan in lab.wans}
        for _ in range(64):
            with UdpFlow(client, server, source) as flow:
                seen = flow.ask()
            wan = missing.pop(getattr(lab.wan_of(seen.source), "name", None), None) if seen else None
            if wan:
                report.same(f"{source} over {wan.name}", seen.source, expected_source(wan, source))
            if not missing:
                break
        for name in missing:
            report.row(f"{source} over {name}", "never chosen", "chosen within 64 flows", False)


def inbound_targets(wan):
    """(what, public address, inside address) of some services on this WAN."""
    yield f"mapped {wan.public4[1]}", wan.public4[1], wans.INSIDE4[1]
    yield f"edge {wan.edge()}", wan.edge(), wans.ROUTER6
    yield f"host {wan.host(CLIENT6)}", wan.host(CLIENT6), CLIENT6


def show_inbound(lab, report):
    report.section("3. Connections from the internet, answered on the WAN they came in on")
    for wan in lab.wans:
        for what, public, inside in inbound_targets(wan):
            before = {isp.wan.name: isp.leaks() for isp in lab.isps}
            try:
                with TcpFlow(lab.internet, public, STRANGER["IPv6" if ":" in public else "IPv4"]) as flow:
                    local, echoed = flow.greeting.local, flow.echo("hello")
            except OSError as error:
                local, echoed = str(error), ""
            good = local == inside and echoed == "hello" and before == {isp.wan.name: isp.leaks() for isp in lab.isps}
            report.row(f"{wan.name}, {what}", local[:24], inside, good)


class NewFlows(threading.Thread):
    """Opens a flow every few milliseconds, and remembers when each was asked and whether it was answered."""

    def __init__(self, lab, server, seconds=PATIENCE):
        super().__init__(daemon=True)
        self.lab, self.server = lab, server
        self.limit = time.monotonic() + seconds
        self.running = True
        self.opened = []

    def run(self):
        while self.running and time.monotonic() < self.limit:
            flow = UdpFlow(self.lab.client, self.server)
            self.opened.append((time.monotonic(), flow))
            flow.send()
            time.sleep(0.004)

    def stop(self, since=0):
        """
        [(when, Answer or None, whether it was asked again)] of all flows. Those opened after that moment are asked again,
        as an application does whose first packet is lost.
        """
        self.running = False
        self.join()
        found = []
        for when, flow in self.opened:
            answer = flow.answer(0 if flow is not self.opened[-1][1] else QUIET)
            again = answer is None and when > since
            found.append((when, flow.ask() if again else answer, again))
        close_all([flow for _, flow in self.opened])
        return found


def dispatch(lab, state, interface):
    """What networkd-dispatcher does when a link changes: the hooks of that state, in order."""
    begin = time.monotonic()
    folder = f"/etc/networkd-dispatcher/{state}.d"
    for hook in sorted(path.name for path in lab.router.path(folder).iterdir()):
        lab.router.run(f"{folder}/{hook}", env={"IFACE": interface, "OperationalState": state})
    return 1000 * (time.monotonic() - begin)


def loaded_flows(lab, count=40):
    """Established flows in both families, by the WAN that they are on."""
    flows = [flow for servers in SERVERS.values() for flow in udp_flows(lab.client, count, servers)]
    seen = answers(flows)
    return flows, {flow.identity: getattr(lab.wan_of(answer.source), "name", None) if answer else None
                   for flow, answer in zip(flows, seen)}


def show_failover(lab, report):
    report.section("4. AT&T's link is cut under load")
    flows, wan_of = loaded_flows(lab)
    # A server of their own: a port used before would find its old flow, and stay on its WAN.
    fresh = NewFlows(lab, SPREAD4 + "10")
    with Load(flows, rounds_per_second=100) as load:
        fresh.start()
        time.sleep(1)
        cut = time.monotonic()
        lab.cut("att")
        lab.lose_lease("att")
        took = dispatch(lab, "no-carrier", "enatt0.3242")
        moved = time.monotonic()
        time.sleep(1)
        opened = fresh.stop(since=moved)
    healthy = sum(load.lost[f.identity] for f in flows if wan_of[f.identity] == "webpass")
    failed = [when - cut for when, answer, _ in opened if answer is None]
    after = [answer for when, answer, _ in opened if when > moved]
    chosen = sum(lab.wan_of(answer.source).name == "webpass" for answer in after if answer)
    report.time("cut to kernel reprogrammed", f"{1000 * (moved - cut):.0f} ms, hook {took:.0f} ms", "below 1 s")
    report.time("new flows lost, the last of them", f"{len(failed)}, {1000 * max(failed, default=0):.0f} ms after it",
                "none after the run")
    report.row("new flows after it, on webpass", f"{chosen} of {len(after)}", "all", chosen == len(after) > 0)
    report.row("datagrams lost of flows on webpass", f"{healthy} of {load.sent}", "0", healthy == 0)
    report.same("flows that changed their WAN", str(len(load.moved)), "0")
    close_all(flows)


def sample(lab, family, server):
    """Which WANs new flows choose, as lab.shares() has it."""
    flows = udp_flows(lab.client, FEWER, [(SPREAD4 if family == "IPv4" else SPREAD6) + server])
    shares = lab.shares(answers(flows))
    close_all(flows)
    return shares


def report_halves(report, what, shares):
    half, sigmas = FEWER / 2, 4 * FEWER ** 0.5 / 2
    report.row(what, f"att {shares['att']}, webpass {shares['webpass']}", f"{half:.0f} ± {sigmas:.0f} (4σ) each",
               all(abs(shares[name] - half) <= sigmas for name in ("att", "webpass")))


def show_recovery(lab, report):
    report.section("5. AT&T is back")
    lab.mend("att")
    dispatch(lab, "routable", "enatt0.3242")
    for family in SERVERS:
        report_halves(report, f"{FEWER} new {family} flows", sample(lab, family, "20"))


def show_reload(lab, report):
    report.section("6. nftables is reloaded ten times under load")
    flows, _ = loaded_flows(lab)
    fresh = NewFlows(lab, SPREAD6 + "10")
    with Load(flows, rounds_per_second=100) as load:
        fresh.start()
        for _ in range(10):
            lab.router.load_base()
            time.sleep(0.1)
        opened = fresh.stop()
    lost = sum(load.lost.values())
    report.row("datagrams lost of established flows", f"{lost} of {load.sent}", "0", lost == 0)
    report.same("flows that changed their WAN", str(len(load.moved)), "0")
    # A first packet that meets the very moment of a reload is lost, and sent again by whoever sent it.
    again = sum(again for _, _, again in opened)
    answered = sum(answer is not None for _, answer, _ in opened)
    report.row("new flows, asked again if unanswered", f"{answered} of {len(opened)}, {again} again", "all answered",
               answered == len(opened) > 0)
    close_all(flows)
    changed = lab.router.run("update-routes", "--check", check=False)
    report.same("what a run would change afterwards", changed.out.strip()[:24] or "nothing", "nothing")


def settle(lab, daemon):
    """Until every WAN is up, and new flows may choose each."""
    daemon.wait(lambda: all(wan[family]["state"] == "up" and wan[family]["eligible"]
                            for wan in daemon.health()["wans"] for family in ("ipv4", "ipv6")), "all up")


def chooses(lab, family, name):
    """Whether new flows of the family may choose the WAN, as the kernel has it."""
    return f": 0x{lab.wan(name).mark:08x}" in lab.router.command(["nft", "list", "map", "inet", "mangle", f"share{family}"])


def silence(lab, daemon, pause):
    """AT&T's IPv6 stops without a word, so long after a quiet moment; milliseconds until no new flow chooses it."""
    time.sleep(pause)
    cut = time.monotonic()
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait(lambda: not chooses(lab, 6, "att"), "att out of share6")
    return 1000 * (time.monotonic() - cut)


def sample_while(lab, daemon, family, server, **states):
    """sample() while the verdicts are so: on a busy machine, another one may come meanwhile."""
    def seen():
        return [wan[key]["transitions"] for wan in daemon.health()["wans"] for key in ("ipv4", "ipv6")]

    def attempt():
        daemon.wait_states(**states)
        before, shares = seen(), sample(lab, family, server)
        return shares if seen() == before else None
    return wait_until(attempt, "a moment in which no verdict changes")


def show_silence(lab, daemon, report):
    report.section(f"7. AT&T's IPv6 falls silent, its link stays up (probes every {HEALTH['interval']})")
    took, back = [], []
    for i in range(3):
        took.append(silence(lab, daemon, i * 0.037))
        if i == 0:
            report_halves(report, f"{FEWER} new IPv4 flows meanwhile", sample_while(lab, daemon, "IPv4", "30", att6="down"))
            shares = sample_while(lab, daemon, "IPv6", "30", att6="down")
            report.same(f"{FEWER} new IPv6 flows meanwhile", f"att {shares['att']}, webpass {shares['webpass']}",
                        f"att 0, webpass {FEWER}")
        begin = time.monotonic()
        lab.isp("att").fault()
        daemon.wait(lambda: chooses(lab, 6, "att"), "att in share6")
        back.append(1000 * (time.monotonic() - begin))
        settle(lab, daemon)
    report.time("silence to kernel reprogrammed", f"{min(took):.0f} to {max(took):.0f} ms", "1450 to 1950 ms")
    report.time("answers to new flows again", f"{min(back):.0f} to {max(back):.0f} ms", "up to 1500 ms")


def flow_on(lab, name):
    """An answered IPv6 flow that has chosen the WAN."""
    while True:
        flow = UdpFlow(lab.client, SPREAD6 + "40")
        answer = flow.ask()
        if answer and lab.wan_of(answer.source).name == name:
            return flow
        flow.close()


def show_drain_and_flush(lab, daemon, report):
    report.section("8. What becomes of a UDP flow on a WAN that is declared down")
    for policy in ("drain", "flush"):
        lab.wan("att").keys["down_flows"] = policy
        lab.configure(health=HEALTH)
        daemon.reload()
        settle(lab, daemon)
        with flow_on(lab, "att") as flow:
            silence(lab, daemon, 0)
            answer = ask_until_answered(flow) if policy == "flush" else flow.ask(seconds=0.5)
            report.same(f"down_flows = {policy}: asked again, over", name_of(lab, answer),
                        "nobody: it stays" if policy == "drain" else "webpass")
            lab.isp("att").fault()
            if policy == "drain":
                report.same("and once AT&T answers again", name_of(lab, ask_until_answered(flow)), "att")
        settle(lab, daemon)


def name_of(lab, answer):
    """The WAN that an answer has come over."""
    return lab.wan_of(answer.source).name if answer else "nobody: it stays"


def ask_until_answered(flow):
    """The Answer of a flow whose way may still be changing."""
    return wait_until(lambda: flow.ask(seconds=0.3), "an answer")


def show_health(lab, report):
    lab.configure(health=HEALTH)
    daemon = lab.daemon()
    settle(lab, daemon)
    show_silence(lab, daemon, report)
    show_drain_and_flush(lab, daemon, report)
    report.section("health-check --status")
    print(textwrap.indent(lab.router.run("health-check", "--status", check=False).out, "  ").rstrip())


def show_leaks(lab, report, number=9):
    report.section(f"{number}. Leaks, counted where each provider receives")
    for isp in lab.isps:
        leaks = isp.leaks()
        report.same(f"to {isp.wan.name}, with others' addresses", str(sum(leaks.values())), "0")


def keep(lab):
    """Leaves the lab standing until somebody ends this process."""
    print("\nThe lab stands until this ends (Ctrl-C). In another terminal:\n")
    router = " ".join(lab.router.argv("bash"))
    print(f"  the router         {router}")
    for space in (lab.client, lab.opnsense, lab.internet, *lab.isps):
        print(f"  {space.name:<18} nsenter --net={space.path} bash")
    sys.stdout.flush()
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


def tell(lab, report):
    for step in (show_balance, show_translations, show_inbound, show_failover, show_recovery, show_reload, show_health, show_leaks):
        step(lab, report)


def tell_of_a_third(lab, report):
    demo_third.story(lab, HEALTH, report)
    show_leaks(lab, report, number=5)


def main():
    keeps, three = "--keep" in sys.argv[1:], "--wans" in sys.argv[1:]
    if keeps:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    report = Report(demo_third.SAID if three else SAID)
    print(demo_third.TOPOLOGY if three else TOPOLOGY)
    report.heading()
    with Lab(demo_third.three() if three else None) as lab:
        lab.up()
        (tell_of_a_third if three else tell)(lab, report)
        status = report.end()
        if keeps:
            keep(lab)
    return status


if __name__ == "__main__":
    sys.exit(main())
