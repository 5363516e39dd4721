"""Ways in which what is read, or what is believed, is not what is so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from fleethub.model.facts import Facts, Reading
from fleethub.model.observation import Lockfile, Unknown
from fleethub.model.readings.host import HostReading
from fleethub.model.readings.proxy import KeyRow, ProxyReading
from tests.world.fold import NOW
from tests.world.strategies import NODES

STRANGER = {"lineage": "99" * 16, "serial": 1, "generation": 1, "apply": "theirs"}
Lie = Callable[[Any], Reading | Unknown]


def _unread(_: Reading) -> Unknown:
    return Unknown("cannot connect: connection refused", NOW)


def _each_key(change: Callable[[KeyRow], KeyRow]) -> Lie:
    def lie(reading: ProxyReading) -> ProxyReading:
        return replace(reading, keys={a: tuple(map(change, rows)) for a, rows in reading.keys.items()})

    return lie


def _each_route(reading: ProxyReading) -> ProxyReading:
    return replace(
        reading,
        deployments=tuple(replace(d, info={"fleethub": STRANGER}) if d.stored else d for d in reading.deployments),
    )


#: A list that lacks a key which lives is no reading: the client asks for each by itself (tests/real/lies.py).
PROXY_LIES: Mapping[str, Lie] = {
    "unread": _unread,
    "marks of another fleet": _each_key(lambda row: replace(row, metadata={"fleethub": STRANGER})),
    "marks taken off": _each_key(lambda row: replace(row, metadata={})),
    "marks that are none": _each_key(lambda row: replace(row, metadata={"fleethub": "us"})),
    "routes of another fleet": _each_route,
}
NODE_LIES: Mapping[str, Lie] = {
    "unread": _unread,
    "a mark of another fleet": lambda reading: replace(reading, mark=STRANGER),
    "a damaged mark": lambda reading: replace(reading, mark={} if reading.mark is not None else None),
    "files that are others": lambda reading: replace(
        reading, files={path: replace(file, mode=0o777) for path, file in reading.files.items()}
    ),
}


#: What may be wrong with the lockfile that is at hand.
BELIEFS = (
    "lost",
    "earlier",
    "of another lineage",
    "a node elsewhere",
    "without keys",
    "without nodes",
    "without routes",
)
lies = st.fixed_dictionaries(
    {"proxy": st.sampled_from(("", *PROXY_LIES)), "lockfile": st.sampled_from(("", "", "", *BELIEFS))}
    | {f"node {name}": st.sampled_from(("", *NODE_LIES)) for name in NODES}
)


def told(facts: Facts, lies: Mapping[str, str]) -> Facts:
    """The facts, with these lies."""
    readings = dict(facts.readings)
    for source, reading in facts.readings.items():
        if isinstance(reading, ProxyReading) and lies["proxy"]:
            readings[source] = PROXY_LIES[lies["proxy"]](reading)
        if isinstance(reading, HostReading) and (name := lies[f"node {source[1][-1]}"]):
            readings[source] = NODE_LIES[name](reading)
    return replace(facts, readings=readings)


def believed(lockfile: Lockfile | None, earlier: Lockfile | None, how: str) -> Lockfile | None:
    """The lockfile that is at hand; ``earlier``: the one of the apply before."""
    if lockfile is None or how == "lost":
        return None
    if how == "of another lineage":
        return replace(lockfile, lineage=str(STRANGER["lineage"]))
    if how.startswith("without "):
        kind = how.removeprefix("without ").removesuffix("s")
        return replace(lockfile, resources={a: r for a, r in lockfile.resources.items() if a.kind != kind})
    nodes = sorted(address for address in lockfile.resources if address.kind == "node")
    if how == "a node elsewhere" and len(nodes) > 1:
        there = replace(lockfile.resources[nodes[1]], source=lockfile.resources[nodes[0]].source)
        return replace(lockfile, resources={**lockfile.resources, nodes[1]: there})
    return earlier if how == "earlier" else lockfile
