# SPDX-License-Identifier: GPL-2.0-or-later
"""
What happens: kinds of events, and sequences of them. Pure; how each is done in a lab is in acts.py.

An event is a dict of plain values: {"event": "cut", "wan": "att", "lease": true}. With "soon" the next one follows at
once, before anybody has dealt with it. Whether an event is possible depends on those before; one that is not is left out,
so that each part of a sequence is a sequence.

A new kind is a function here, decorated with what its parameters may be, and one of the same name in acts.py.
"""

import random

from model import ATT, CONFIGS, EVERYWHERE, FAMILIES, MONKEY, NAMES, WEBPASS, Effect, State, both

KINDS = {}
NOTHING = Effect()
ALL = Effect(EVERYWHERE)
PROGRAMS = ("update-routes", "update-npt")


class Kind:
    """One kind of event: how often it is drawn, its parameters' values, and what it does to a State."""

    def __init__(self, happen, weight, values):
        self.name, self.happen, self.weight, self.values = happen.__name__, happen, weight, values

    def draw(self, chance):
        """An event of this kind, possible or not."""
        return {"event": self.name, **{key: chance.choice(list(values)) for key, values in self.values.items()}}


def kind(weight=10, **values):
    """For a function that changes the state and returns the Effect, or None if the event is not possible now."""
    def register(happen):
        KINDS[happen.__name__] = Kind(happen, weight, values)
        return happen
    return register


def happen(state, event):
    """The Effect of an event, which changes the state; None, and nothing changes: it is not possible now."""
    after = state.copy()
    values = {key: value for key, value in event.items() if key not in ("event", "soon")}
    effect = KINDS[event["event"]].happen(after, **values)
    if effect is not None:
        state.__dict__.update(after.__dict__)
    return effect


# Links

@kind(10, wan=NAMES, lease=(True, False))
def cut(state, wan, lease):
    """The link goes down; with `lease`, networkd takes its addresses and routes away."""
    if state.wans[wan].link != "up":
        return None
    state.wans[wan].link = "cut"
    return Effect(both(wan))


@kind(10, wan=NAMES)
def mend(state, wan):
    one = state.wans[wan]
    if one.link != "cut":
        return None
    one.link, one.gateway = "up", {4: True, 6: True}
    return Effect(both(wan))


@kind(8, wan=NAMES)
def unplug(state, wan):
    """The interface is gone."""
    if state.wans[wan].link == "gone":
        return None
    state.wans[wan].link = "gone"
    return Effect(both(wan))


@kind(8, wan=NAMES)
def plug(state, wan):
    one = state.wans[wan]
    if one.link != "gone" or not state.bus or state.networkd == "down":
        return None
    one.link, one.gateway = "up", {4: True, 6: True}
    return Effect(both(wan))


@kind(6, wan=NAMES, times=(1, 3, 5), lease=(True, False))
def flap(state, wan, times, lease):
    """Down and up again, as fast as it goes."""
    one = state.wans[wan]
    if one.link != "up":
        return None
    one.gateway = {4: True, 6: True}
    return Effect(both(wan))


@kind(4)
def lan_down(state):
    if not state.lan:
        return None
    state.lan = False
    return ALL


@kind(4)
def lan_up(state):
    if state.lan:
        return None
    state.lan = True
    return ALL


@kind(3, link=("enmwanbr0", "enatt0.3242", "enwebpass0", "enmbrains0"))
def neighbours(state, link):
    """Somebody forgets who is who on a link."""
    return NOTHING


# Providers

@kind(20, wan=NAMES, family=FAMILIES, how=("drop", "echo", "refuse"))
def fault(state, wan, family, how):
    """A soft failure of a family: the link stays up."""
    one = state.wans[wan]
    if one.fault[family] or one.link == "gone":
        return None
    one.fault[family] = how
    return Effect(frozenset({(wan, family)}))


@kind(15, wan=NAMES, family=FAMILIES)
def well(state, wan, family):
    one = state.wans[wan]
    if not one.fault[family] or one.link == "gone":
        return None
    one.fault[family] = None
    return Effect(frozenset({(wan, family)}))


@kind(8, wan=NAMES, family=FAMILIES)
def lose_gateway(state, wan, family):
    one = state.wans[wan]
    if one.link != "up" or not one.gateway[family]:
        return None
    one.gateway[family] = False
    return Effect(frozenset({(wan, family)}))


@kind(10, wan=NAMES, family=FAMILIES)
def give_gateway(state, wan, family):
    one = state.wans[wan]
    if one.link != "up" or one.gateway[family]:
        return None
    one.gateway[family] = True
    return Effect(frozenset({(wan, family)}))


@kind(5, wan=NAMES)
def lease(state, wan):
    """Its addresses and routes go and come back, as when networkd reconfigures the link."""
    one = state.wans[wan]
    if one.link != "up" or not all(one.gateway.values()):
        return None
    return Effect(both(wan))


@kind(10, wan=(ATT, MONKEY), which=(-1, 0, 1))
def prefix(state, wan, which):
    """The provider delegates another prefix, or none any more."""
    one = state.wans[wan]
    if not state.heard() or one.link != "up" or one.prefix == which:
        return None
    one.prefix = which
    return Effect(frozenset({(wan, 6)}))


# nftables, and what is ours

@kind(5, how=("flush", "stock", "foreign", "filter", "mangle", "nat"))
def ruleset(state, how):
    """The base ruleset is flushed or replaced."""
    return None if state.impaired else ALL


@kind(8)
def reload_base(state):
    """systemctl reload nftables"""
    return ALL if state.impaired else NOTHING


@kind(12, seed=range(10000), count=(1, 2, 5, 12))
def damage(state, seed, count):
    """Objects of ours deleted: rules, routes, addresses, nft's."""
    return None if state.impaired else ALL


@kind(10, seed=range(10000), count=(1, 2, 5))
def intrude(state, seed, count):
    """Objects added that carry our mark, or ours bent."""
    return None if state.impaired else ALL


@kind(3, what=("rules", "routes"), family=FAMILIES)
def flush(state, what, family):
    """Somebody flushes all policy rules of ours, or all routes."""
    return None if state.impaired else ALL


@kind(5)
def add_foreign(state):
    """What others have: rules, routes, addresses and tables that aren't ours."""
    if state.foreign or any(state.wans[name].link != "up" for name in (ATT, WEBPASS)):
        return None
    state.foreign = True
    return NOTHING


@kind(3)
def remove_foreign(state):
    if not state.foreign:
        return None
    state.foreign = False
    return NOTHING


@kind(6)
def reference(state):
    """All of ours is wiped away, and a fresh run brings back the same (I7)."""
    if state.impaired or state.foreign or not state.lan or not state.heard():
        return None
    if any(one.link != "up" or not one.gateway[4] for one in state.wans.values()):
        return None  # others' routes and our addresses are there because of each other, and prefixes because of a link
    return ALL


# Programs

@kind(6, programs=(PROGRAMS, PROGRAMS * 2, PROGRAMS * 4))
def run(state, programs):
    """All at once."""
    return NOTHING


@kind(8, program=PROGRAMS, after=(0, 2, 4, 8, 15), seed=range(10000))
def kill(state, program, after, seed):
    """Objects of ours deleted, and the run that puts them back killed after some milliseconds."""
    return None if state.impaired else ALL


@kind(4, program=(*PROGRAMS, "once"), megabytes=(12, 16, 20, 24, 32, 48))
def starve(state, program, megabytes):
    """A run that gets no more memory."""
    return NOTHING


@kind(3, what=("--once", "--status", "--doctor", "--explain"))
def ask(state, what):
    return NOTHING


@kind(6, wan=NAMES)
def drain(state, wan):
    if state.wans[wan].drained or wan not in state.members() or state.impaired:
        return None
    state.wans[wan].drained = True
    return NOTHING


@kind(6, wan=NAMES)
def undrain(state, wan):
    if not state.wans[wan].drained or wan not in state.members() or state.impaired:
        return None
    state.wans[wan].drained = False
    return NOTHING


# The daemon

@kind(4, how=("stop", "kill"))
def end_daemon(state, how):
    if not state.daemon:
        return None
    state.daemon = False
    return NOTHING


@kind(8)
def start_daemon(state):
    if state.daemon or state.impaired:
        return None
    state.daemon = True
    return NOTHING


@kind(8, how=("stop", "kill"))
def restart_daemon(state, how):
    return NOTHING if state.daemon and not state.impaired else None


@kind(3)
def hang_daemon(state):
    """It stands still for a moment."""
    return NOTHING if state.daemon else None


@kind(4)
def reload(state):
    """SIGHUP, without anything new."""
    return NOTHING if state.daemon else None


@kind(12, name=CONFIGS)
def config(state, name):
    """Another mwan.conf is put in force."""
    if state.config == name or state.impaired - {"config"} or (name == "two" and state.wans[MONKEY].drained):
        return None
    before, state.config = state.config, name
    state.impaired -= {"config"}
    return Effect(CONFIGS[before] | CONFIGS[name])


@kind(3)
def break_config(state):
    """mwan.conf has a mistake: what is in force stays."""
    if state.impaired:
        return None
    state.impaired |= {"config"}
    return NOTHING


@kind(3)
def mend_config(state):
    if "config" not in state.impaired:
        return None
    state.impaired -= {"config"}
    return NOTHING


# Helpers

@kind(5, how=("down", "failing"))
def lose_networkd(state, how):
    if state.networkd != "up" or not state.bus:
        return None
    state.networkd = how
    return NOTHING


@kind(8)
def give_networkd(state):
    if state.networkd == "up" or not state.bus:
        return None
    state.networkd = "up"
    return NOTHING


@kind(5)
def restart_networkd(state):
    """For a moment it knows of no prefix."""
    return NOTHING if state.heard() else None


@kind(4)
def lose_bus(state):
    if not state.bus:
        return None
    state.bus = False
    return NOTHING


@kind(8)
def give_bus(state):
    """And networkd is started anew, for it never comes back to a bus by itself."""
    if state.bus:
        return None
    state.bus, state.networkd = True, "up"
    return NOTHING


@kind(3, how=("up", "mute", "refusing"))
def names(state, how):
    """The name server."""
    if state.names == how:
        return None
    state.names = how
    return NOTHING


@kind(5, seconds=(-86400, -3600, -5, 5, 3600, 86400 * 400))
def clock(state, seconds):
    """The clock is stepped."""
    return NOTHING


# Files

@kind(4, place=("/run/mwan", "/var/lib/mwan", "/var/log"), how=("full", "read-only"))
def spoil(state, place, how):
    if state.impaired:
        return None
    state.impaired |= {place}
    return NOTHING


@kind(6, place=("/run/mwan", "/var/lib/mwan", "/var/log"))
def unspoil(state, place):
    if place not in state.impaired:
        return None
    state.impaired -= {place}
    return NOTHING


@kind(4, place=("/run/mwan", "/var/lib/mwan", "/var/log"))
def remove(state, place):
    """Somebody removes all that is in a folder."""
    if state.impaired or (place == "/var/lib/mwan" and any(one.drained for one in state.wans.values())):
        return None
    state.known = state.known and state.daemon
    return NOTHING


# Of tests of the tests: never drawn

@kind(0)
def sabotage_leak(state):
    """A packet with a foreign source leaves att."""
    return NOTHING


@kind(0)
def sabotage_move(state):
    """Flows of att are forgotten, and new ones go elsewhere."""
    return NOTHING


@kind(0)
def sabotage_loss(state):
    """What goes to one WAN is dropped for a moment, and the model knows nothing of it."""
    return NOTHING


@kind(0)
def sabotage_inbound(state):
    """What comes in on webpass is answered by nobody."""
    return NOTHING


@kind(0)
def sabotage_choice(state):
    """The daemon is dead, and att is left by nobody when its line fails: the model thinks otherwise."""
    state.wans[ATT].fault = {4: "drop", 6: "drop"}
    return Effect(both(ATT))


@kind(0)
def sabotage_busy(state):
    """Each run adds something, and removes it again."""
    return NOTHING


@kind(0)
def sabotage_bent(state):
    """Something is there that a fresh start does not bring."""
    return NOTHING


@kind(0)
def sabotage_resort(state):
    """All WANs are probed down, and none is kept as a last resort."""
    for one in state.wans.values():
        one.fault = {4: "echo", 6: "echo"}
    return ALL


@kind(0)
def sabotage_end(state):
    """The daemon ends by itself."""
    return NOTHING


def healing(state):
    """Events that make all well again, in order."""
    found = [{"event": "unspoil", "place": place} for place in sorted(state.impaired - {"config"})]
    if "config" in state.impaired:
        found.append({"event": "mend_config"})
    if not state.bus:
        found.append({"event": "give_bus"})
    elif state.networkd != "up":
        found.append({"event": "give_networkd"})
    if not state.lan:
        found.append({"event": "lan_up"})
    if not state.daemon:
        found.append({"event": "start_daemon"})
    if state.names != "up":
        found.append({"event": "names", "how": "up"})
    if state.config != "plain":
        found.append({"event": "config", "name": "plain"})
    for name, one in state.wans.items():
        if one.link != "up":
            found.append({"event": "plug" if one.link == "gone" else "mend", "wan": name})
        else:
            found += [{"event": "give_gateway", "wan": name, "family": family} for family in FAMILIES if not one.gateway[family]]
        found += [{"event": "well", "wan": name, "family": family} for family in FAMILIES if one.fault[family]]
        if one.prefix:
            found.append({"event": "prefix", "wan": name, "which": 0})
        if one.drained:
            found.append({"event": "undrain", "wan": name})
    if state.foreign:
        found.append({"event": "remove_foreign"})
    return found


def draw(state, chance):
    """An event that is possible now. One in three makes something well, if anything isn't."""
    mending = healing(state)
    if mending and chance.random() < 0.3:
        event = chance.choice(mending)
        if happen(state.copy(), event) is not None:
            return event
    kinds = list(KINDS.values())
    while True:
        event = chance.choices(kinds, [one.weight for one in kinds])[0].draw(chance)
        if happen(state.copy(), event) is not None:
            return event


def sequence(seed, count):
    """So many events. The same seed gives the same."""
    chance, state, found = random.Random(seed), State(), []
    while len(found) < count:
        event = draw(state, chance)
        happen(state, event)
        if chance.random() < 0.2:
            event["soon"] = True
        state.judge()
        found.append(event)
    return found


def to_text(event):
    """An event on one line: cut wan=att lease=True, soon"""
    values = " ".join(f"{key}={value}" for key, value in event.items() if key not in ("event", "soon"))
    return f"{event['event']} {values}".strip() + (", soon" if event.get("soon") else "")
