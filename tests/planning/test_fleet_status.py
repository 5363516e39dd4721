"""The fleet_status says what was seen, what the spec wants, and never takes unknown for fine or absent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fleethub.fleetspec import load
from fleethub.kinds.key.attributes import KeyAttrs, KeyTelemetry
from fleethub.kinds.node.attributes import NodeAttrs, NodeTelemetry
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.observation import Absent, Seen, Unknown
from fleethub.model.plan import Action, Blocker, Change, Drift, Plan, Why
from fleethub.planning import fleet_status

ROOT = Path(__file__).parents[2]
MONAD = load(ROOT / "fleets/monad").fleet
assert MONAD is not None
VOLTA = Address("node", "volta")
PLAN = Plan("p1", "monad", "Nothing to do.")


def test_what_nobody_looked_at_is_unknown() -> None:
    made = fleet_status(MONAD, None, {}, Facts("2026-11-26T10:00:00+00:00"), PLAN, {})
    assert {n.state for n in made.nodes} == {k.state for k in made.keys} == {"unknown"}
    assert {n.reason for n in made.nodes} == {"it was not looked at"}
    assert [(p.state, p.models) for p in made.proxies] == [("unknown", None)]
    (backend,) = made.backends
    assert (backend.state, backend.reason) == ("unknown", "it was not read")
    assert (made.serial, made.applied_at) == (0, "")


def test_states_changes_and_drift_are_those_of_the_plan() -> None:
    at = "2026-11-26T10:00:00+00:00"
    plan = replace(
        PLAN,
        changes=(Change(VOLTA, Action.BLOCKED, blockers=(Blocker(Why.UNKNOWN, "no route to host", "files"),)),),
        drift=(Drift(Address("node", "tiltclaw"), ".env changed", repaired=False),),
    )
    seen = {
        VOLTA: Unknown("no route to host", at),
        Address("node", "tiltclaw"): Seen(NodeAttrs(("qwen3-32b",)), at, NodeTelemetry()),
        Address("node", "rentalclaw"): Absent(at),
        Address("key", "main.volta"): Seen(KeyAttrs(("qwen3-32b",)), at, KeyTelemetry()),
    }
    made = fleet_status(MONAD, None, {}, Facts(at), plan, seen)
    nodes = {n.name: n for n in made.nodes}
    assert (nodes["volta"].state, nodes["volta"].runs, nodes["volta"].change) == ("unknown", None, "blocked")
    assert nodes["volta"].waits == ("files: no route to host",)
    assert (nodes["tiltclaw"].runs, nodes["tiltclaw"].drift) == (("qwen3-32b",), ".env changed")
    assert (nodes["rentalclaw"].state, nodes["rentalclaw"].runs) == ("absent", None)
    keys = {k.name: k for k in made.keys}
    assert (keys["volta"].models, keys["volta"].nodes) == (("qwen3-32b",), ("volta",))
    assert [(d.address, d.repaired) for d in made.drift] == [("node.tiltclaw", False)]


def test_who_names_a_model() -> None:
    made = fleet_status(MONAD, None, {}, Facts("now"), PLAN, {})
    models = {m.name: m for m in made.models}
    assert set(models["qwen3-32b"].nodes) <= set(MONAD.nodes)
    assert "volta" in models["qwen3-32b"].nodes
    (backend,) = made.backends
    assert {p.model for p in backend.placed if p.primary} == {"qwen3-32b"}
    assert backend.total == 48 << 30
