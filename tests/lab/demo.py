"""
The demonstration: real traffic over two providers in a lab, step by step, with
what was measured beside what was expected. Exit status 1 if anything differs.
"""

import signal
import sys
import threading
import time

import faults
import wans
from lab import CLIENT4, CLIENT6, CLIENT2_6, SERVERS4, SERVERS6, SPREAD4, SPREAD6, STRANGER4, STRANGER6, Lab
from traffic import Load, TcpFlow, UdpFlow, answers, close_all, udp_flows

FLOWS = 2000
SERVERS = {"IPv4": SERVERS4, "IPv6": SERVERS6}
STRANGER = {"IPv4": STRANGER4, "IPv6": STRANGER6}


class Report:
    """A table that grows while the demonstration runs."""

    def __init__(self):
        self.failed = 0
        self.begin = time.monotonic()

    def section(self, title):
        print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n{title}", flush=True)

    def row(self, what, measured, expected, good):
        self.failed += not good
        print(f"  {'ok  ' if good else 'FAIL'}  {what:<42} {measured:<38} expected {expected}", flush=True)

    def end(self):
        seconds = time.monotonic() - self.begin
        self.section(f"{'All as expected' if not self.failed else f'{self.failed} not as expected'}, in {seconds:.1f} s.")
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
        lost = shares["lost"]
        report.row(f"{family} flows without an answer", str(lost), "0", lost == 0)


def expected_sources(wan, source):
    """What a packet from an inside address may carry once it has left this WAN."""
    return [wan.host(source)] if ":" in source else wan.public4


def show_translations(lab, report):
    report.section("2. Translation, in the original's own addresses")
    for client, source, server in ((lab.client, CLIENT4, SERVERS4[0]), (lab.client, CLIENT6, SERVERS6[0]),
                                   (lab.client2, CLIENT2_6, SERVERS6[0])):
        missing = {wan.name: wan for wan in lab.wans}
        for _ in range(64):
            with UdpFlow(client, server, source) as flow:
                seen = flow.ask(seconds=0.5)
            wan = missing.pop(getattr(lab.wan_of(seen.source), "name", None), None) if seen else None
            if wan:
                report.row(f"{source} over {wan.name}", f"→ {seen.source}", " or ".join(expected_sources(wan, source)[:1]),
                           seen.source in expected_sources(wan, source))
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
            report.row(f"{wan.name}, {what}", f"reached {local}", inside, good)


class NewFlows(threading.Thread):
    """Opens a flow every few milliseconds, and remembers when each was asked and whether it was answered."""

    def __init__(self, lab, server, seconds=10):
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

    def stop(self):
        """[(when, Answer or None)] of all flows."""
        self.running = False
        self.join()
        found = [(when, flow.answer(0.3)) for when, flow in self.opened[-1:]]
        found = [(when, flow.answer(0)) for when, flow in self.opened[:-1]] + found
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
    with Load(flows, rounds_per_second=100, seconds=20) as load:
        fresh.start()
        time.sleep(1)
        cut = time.monotonic()
        lab.cut("att")
        lab.lose_lease("att")
        took = dispatch(lab, "no-carrier", "enatt0.3242")
        moved = time.monotonic()
        time.sleep(1)
        opened = fresh.stop()
    healthy = sum(load.lost[f.identity] for f in flows if wan_of[f.identity] == "webpass")
    failed = [when - cut for when, answer in opened if answer is None]
    after = [answer for when, answer in opened if when > moved]
    report.row("the hook's run, cut to kernel reprogrammed", f"{1000 * (moved - cut):.0f} ms, hook {took:.0f} ms",
               "below 1 s", moved - cut < 1)
    report.row("new flows lost, and the last of them", f"{len(failed)}, {1000 * max(failed, default=0):.0f} ms after the cut",
               "none after the run", all(when <= moved - cut for when in failed))
    report.row("new flows after it that chose webpass", f"{sum(lab.wan_of(a.source).name == 'webpass' for a in after if a)} of {len(after)}",
               "all", all(a and lab.wan_of(a.source).name == "webpass" for a in after))
    report.row("datagrams lost of flows on webpass", f"{healthy} of {load.sent}", "0", healthy == 0)
    report.row("flows that changed their WAN", str(len(load.moved)), "0", not load.moved)
    close_all(flows)


def show_recovery(lab, report):
    report.section("5. AT&T is back")
    lab.mend("att")
    dispatch(lab, "routable", "enatt0.3242")
    for family in SERVERS:
        flows = udp_flows(lab.client, 400, [(SPREAD4 if family == "IPv4" else SPREAD6) + "20"])
        shares = lab.shares(answers(flows))
        close_all(flows)
        report.row(f"400 new {family} flows", f"att {shares['att']}, webpass {shares['webpass']}",
                   "200 ± 40 (4σ) each", abs(shares["att"] - 200) <= 40 and abs(shares["webpass"] - 200) <= 40)


def show_reload(lab, report):
    report.section("6. nftables is reloaded ten times under load")
    flows, _ = loaded_flows(lab)
    fresh = NewFlows(lab, SPREAD6 + "10")
    with Load(flows, rounds_per_second=100, seconds=20) as load:
        fresh.start()
        for _ in range(10):
            lab.router.load_base()
            time.sleep(0.1)
        opened = fresh.stop()
    lost = sum(load.lost.values())
    report.row("datagrams lost of established flows", f"{lost} of {load.sent}", "0", lost == 0)
    report.row("flows that changed their WAN", str(len(load.moved)), "0", not load.moved)
    missed = sum(answer is None for _, answer in opened)
    # A first packet that meets the very moment of a reload is lost, and sent again by whoever sent it.
    report.row("new flows whose first packet was lost", f"{missed} of {len(opened)}", "at most 5", missed <= 5)
    close_all(flows)
    changed = lab.router.run("update-routes", "--check", check=False)
    report.row("what a run would change afterwards", changed.out.strip()[:36] or "nothing", "nothing", changed.code == 0)


def settle(lab, daemon):
    """Until every WAN is up, and new flows may choose each."""
    daemon.wait(lambda: all(wan[family]["state"] == "up" and wan[family]["eligible"]
                            for wan in daemon.health()["wans"] for family in ("ipv4", "ipv6")), 10, "all up")


def chooses(lab, family, name):
    """Whether new flows of the family may choose the WAN, as the kernel has it."""
    return f": 0x{lab.wan(name).mark:08x}" in lab.router.command(["nft", "list", "map", "inet", "mangle", f"share{family}"])


def silence(lab, daemon, pause):
    """AT&T's IPv6 stops without a word, so long after a quiet moment; milliseconds until no new flow chooses it."""
    time.sleep(pause)
    cut = time.monotonic()
    lab.isp("att").fault(faults.NO_IPV6)
    daemon.wait(lambda: not chooses(lab, 6, "att"), 10, "att out of share6")
    return 1000 * (time.monotonic() - cut)


def show_silence(lab, daemon, report):
    interval, timeout, threshold = 200, 150, 3
    report.section(f"7. AT&T's IPv6 falls silent, its link stays up (probes every {interval} ms)")
    lowest, highest = (threshold - 1) * interval + timeout, threshold * interval + timeout
    took, back = [], []
    for i in range(5):
        took.append(silence(lab, daemon, i * 0.037))
        if i == 0:
            for family in SERVERS:
                flows = udp_flows(lab.client, 400, [(SPREAD4 if family == "IPv4" else SPREAD6) + "30"])
                shares = lab.shares(answers(flows))
                close_all(flows)
                good = abs(shares["att"] - 200) <= 40 if family == "IPv4" else shares["webpass"] == 400
                report.row(f"400 new {family} flows meanwhile", f"att {shares['att']}, webpass {shares['webpass']}",
                           "200 ± 40 (4σ) each" if family == "IPv4" else "all on webpass", good)
        begin = time.monotonic()
        lab.isp("att").fault()
        daemon.wait(lambda: chooses(lab, 6, "att"), 10, "att in share6")
        back.append(1000 * (time.monotonic() - begin))
        settle(lab, daemon)
    # U(0, interval) + (threshold - 1) * interval + timeout, and half a second for a machine that is busy.
    report.row("silence to kernel reprogrammed, five times", f"{min(took):.0f} to {max(took):.0f} ms",
               f"{lowest} to {highest} ms (to {highest + 500})", lowest <= min(took) + 10 and max(took) <= highest + 500)
    report.row("answers again to new flows again", f"{min(back):.0f} to {max(back):.0f} ms",
               f"up to {3 * interval} ms (to {3 * interval + 500})", max(back) <= 3 * interval + 500)


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
        lab.configure(health=wans.QUICK)
        daemon.reload()
        settle(lab, daemon)
        with flow_on(lab, "att") as flow:
            silence(lab, daemon, 0)
            answer = wait_for_answer(flow) if policy == "flush" else flow.ask(seconds=0.5)
            now = lab.wan_of(answer.source).name if answer else "nobody answers"
            report.row(f"down_flows = {policy}: asked again", now,
                       "it stays, unanswered" if policy == "drain" else "webpass", now == ("webpass" if policy == "flush" else "nobody answers"))
            lab.isp("att").fault()
            if policy == "drain":
                answer = wait_for_answer(flow)
                now = lab.wan_of(answer.source).name if answer else "nobody answers"
                report.row("and once AT&T answers again", now, "att, as before", now == "att")
        settle(lab, daemon)


def wait_for_answer(flow, tries=10):
    """Of a flow whose way may still be changing."""
    return next((answer for answer in (flow.ask(seconds=0.3) for _ in range(tries)) if answer), None)


def show_health(lab, report):
    lab.configure(health=wans.QUICK)
    daemon = lab.daemon()
    settle(lab, daemon)
    show_silence(lab, daemon, report)
    show_drain_and_flush(lab, daemon, report)
    report.section("health-check --status")
    print("  " + lab.router.run("health-check", "--status").out.replace("\n", "\n  "))


def show_leaks(lab, report):
    report.section("9. Leaks, counted where each provider receives")
    for isp in lab.isps:
        leaks = isp.leaks()
        report.row(f"packets into {isp.wan.name} with a foreign source", str(sum(leaks.values())), "0", not leaks)


def keep(lab):
    """Leaves the lab standing until somebody ends this process."""
    print("\nThe lab stands until this ends (Ctrl-C). In another terminal:\n")
    router = " ".join(lab.router.argv("bash"))
    print(f"  the router         {router}")
    for space in (lab.client, lab.opnsense, lab.internet, *lab.isps):
        print(f"  {space.name:<18} nsenter --net={space.path} bash")
    sys.stdout.flush()
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


def main():
    keeps = "--keep" in sys.argv[1:]
    if keeps:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    report = Report()
    with Lab() as lab:
        lab.up()
        for step in (show_balance, show_translations, show_inbound, show_failover, show_recovery, show_reload, show_health, show_leaks):
            step(lab, report)
        status = report.end()
        if keeps:
            keep(lab)
    return status


if __name__ == "__main__":
    sys.exit(main())
