"""What a session is told: never too long, trouble and one's own first, age and ignorance said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from fleethub.fleetspec import load
from fleethub.kinds.key.attributes import KeyAttrs, KeyTelemetry
from fleethub.kinds.node.attributes import NodeAttrs, NodeTelemetry
from fleethub.model.address import Address
from fleethub.model.facts import Facts
from fleethub.model.finding import Finding
from fleethub.model.fleet_status import FileStatus
from fleethub.model.observation import Seen, Unknown
from fleethub.model.plan import Action, Blocker, Change, Drift, Plan, Why
from fleethub.planning import fleet_status
from fleethub.views.session_summary import session_summary
from fleethub.views.session_text import LARGEST, KnownFleet, session_text

ROOT = Path(__file__).parents[2]
MONAD = load(ROOT / "fleets/monad").fleet
assert MONAD is not None
NOBODY: frozenset[str] = frozenset()
AT = "2026-11-26T10:00:00+00:00"
FORMS = ["text", "markdown", "claude-hook"]


def troubled() -> dict[str, Any]:
    """A fleet in which everything that can be told is there to be told."""
    volta, tilt, rental = (Address("node", n) for n in ("volta", "tiltclaw", "rentalclaw"))
    plan = Plan(
        "p1",
        "monad",
        "Updates 1 node; nothing is deleted; 1 blocked.",
        changes=(
            Change(volta, Action.UPDATE),
            Change(tilt, Action.BLOCKED, blockers=(Blocker(Why.REFUSED, "route.main.x is missing"),)),
        ),
        drift=(Drift(tilt, ".env changed", repaired=False), Drift(volta, "models changed", repaired=True)),
        findings=(
            Finding("key.alias-taken", "somebody else has the alias", Address("key", "main.volta"), hint="import it"),
            Finding("capacity.evicts", "two models evict each other", Address("backend", "monad-1"), hint="ask"),
        ),
    )
    seen = {
        volta: Seen(NodeAttrs(("llama3.1-8b",)), AT, NodeTelemetry()),
        tilt: Seen(NodeAttrs(("qwen3-32b",)), AT, NodeTelemetry()),
        rental: Unknown("rentalclaw.example.ts.net: no route to host", AT),
        Address("key", "main.volta"): Seen(KeyAttrs(("qwen3-32b",)), AT, KeyTelemetry()),
    }
    made = session_summary(fleet_status(MONAD, None, {}, Facts(AT), plan, seen))
    return {**made, "serial": 4, "applied_at": AT, "applied_by": "ops@cursatory"}


def mine(state: str, applied: bool, key: str, *roles: str, **of: object) -> list[str]:
    """What is told of one's own node, and whether it has its key and its files."""
    assert MONAD is not None
    found = fleet_status(MONAD, None, {}, Facts(AT), Plan("p", "monad", "x"), {})
    files = tuple(FileStatus(role, f"the-{role}") for role in roles)
    nodes = tuple(replace(n, state=state, applied=applied, files=files, **of) for n in found.nodes)
    keys = tuple(replace(k, state=key) for k in found.keys)
    consumers = session_summary(replace(found, nodes=nodes, keys=keys))["consumers"]
    more: list[str] = next(c["more"] for c in consumers if c["about"] == "node.volta")
    return more


def test_only_what_was_seen_is_had() -> None:
    """A fleet never applied, nothing reachable: nobody has a key or files."""
    where = "in ssh://ops@volta.example.ts.net/srv/openclaw/volta"
    key = "the key volta on main"
    assert mine("unknown", False, "unknown") == [
        f"is to have {key}; whether it has is unknown",
        f"is to have its files {where}",
    ]
    assert mine("absent", False, "absent") == [f"is to have {key}", f"is to have its files {where}"]
    assert mine("there", True, "there") == [f"has {key}", f"has its files, written by FleetHub, {where}"]
    assert mine("there", False, "there") == [f"is to have {key}", f"is to have its files {where}"]
    assert mine("unknown", True, "there") == [
        f"is to have {key}",
        f"was given its files by FleetHub {where}; what is there now is unknown",
    ]


def test_a_key_is_read_where_it_lies() -> None:
    """In a file of its own where there is one, not in the .env beside it; and nowhere that it is gone from."""
    where = "ssh://ops@volta.example.ts.net/srv/openclaw/volta"
    for roles, file in ((("env", "key"), "the-key"), (("config", "env"), "the-env"), (("key", "profiles"), "the-key")):
        assert f"its key is in {where}/{file}: read there" in mine("there", True, "there", *roles)[-1]
        assert f"its key was put into {where}/{file}: read there" in mine("unknown", True, "there", *roles)[-1]
        assert not [line for line in mine("absent", True, "there", *roles) if "its key" in line]


def test_a_model_is_called_that_the_key_reaches() -> None:
    """What it runs, not what an edit says that no apply carried out; and through the proxy, not past it."""
    straight, first = "qwen3-32b via monad-1.ollama", "qwen3-32b"
    rows = (
        ({"chain": ("llama3.1-8b",), "runs": (first,)}, first),
        ({"chain": (first,), "runs": None}, first),
        ({"chain": (straight, "gpt-oss-20b"), "runs": (straight, "gpt-oss-20b")}, "gpt-oss-20b"),
        ({"chain": (straight,), "runs": (straight,)}, None),
        ({"chain": (first,), "runs": ("somebody's own", "gpt-oss-20b")}, "gpt-oss-20b"),
    )
    for of, model in rows:
        calls = [line for line in mine("there", True, "there", "env", **of) if line.startswith("calls ")]
        assert [f" as model {model};" in line for line in calls] == ([True] if model else [])


def known(made: dict[str, Any] | None, age: float | None = 185.0, since: str = "") -> KnownFleet:
    return KnownFleet("/shared/monad", made, age, since)


@pytest.mark.parametrize("form", FORMS)
def test_a_fleet_with_trouble(form: str, snapshot: SnapshotAssertion) -> None:
    text = session_text([known(troubled())], frozenset({"volta"}), form)
    assert text == snapshot
    assert len(text) <= LARGEST


def test_trouble_comes_first_and_ones_own_before_the_rest() -> None:
    text = session_text([known(troubled())], frozenset({"volta"}), "text")
    assert (
        text.index("Drift and findings") < text.index("Yours") < text.index("Backends") < text.index("Other consumers")
    )
    assert text.index("drift: node.volta") < text.index("drift: node.tiltclaw")
    other = session_text([known(troubled())], frozenset({"tiltclaw"}), "text")
    assert other.index("drift: node.tiltclaw") < other.index("drift: node.volta")


def test_unknown_is_told_and_is_neither_fine_nor_absent() -> None:
    text = session_text([known(troubled())], NOBODY, "text")
    assert "unknown: node.rentalclaw: rentalclaw.example.ts.net: no route to host" in text
    assert "what it runs is unknown; the spec says" in text
    assert "No drift" not in text


@pytest.mark.parametrize(
    ("age", "says"),
    [
        (0.4, "observed 0 s ago"),
        (185.0, "observed 3 min ago"),
        (3600.0, "observed 60 min ago"),
        (3601.0, "STALE: observed 60 min ago"),
        (26 * 3600.0, "STALE: observed 26 h ago"),
        (9 * 86400.0, "STALE: observed 9 days ago"),
        (-3600.0, "cannot tell"),
        (None, "cannot tell"),
    ],
)
def test_age(age: float | None, says: str) -> None:
    assert says in session_text([known(troubled(), age)], NOBODY, "text").splitlines()[0]


def test_a_fleet_that_was_never_observed_or_is_not_there() -> None:
    assert "never observed" in session_text([known(None, None)], NOBODY, "text")
    gone = KnownFleet("/mnt/away", None, None, why="its folder is not there now")
    assert "its folder is not there now" in session_text([gone], NOBODY, "text")
    assert session_text([], NOBODY, "claude-hook") == ""


def test_what_changed_since_is_told() -> None:
    text = session_text([known(troubled(), since="the spec was edited (fleet.toml)")], NOBODY, "text")
    assert "Since then the spec was edited (fleet.toml): run fleethub observe." in text


def test_the_fleet_that_concerns_the_session_comes_first() -> None:
    strange = {**troubled(), "fleet": "other", "consumers": []}
    text = session_text([KnownFleet("/b", strange, 1.0), known(troubled())], frozenset({"volta"}), "text")
    assert text.index("fleet monad") < text.index("fleet other")


names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=400)
briefs = st.builds(
    lambda trouble, consumers, others, pending: {
        "fleet": "f",
        "at": AT,
        "serial": 3,
        "applied_at": AT,
        "applied_by": "x@y",
        "pending": pending,
        "refused": others,
        "trouble": [{"kind": "drift", "about": f"node.{t}", "line": t} for t in trouble],
        "consumers": [
            {"names": [c], "about": f"node.{c}", "who": c, "says": f"runs {c}", "more": [c, c]} for c in consumers
        ],
        "backends": others,
        "models": others,
        "proxies": others,
    },
    st.lists(names, max_size=40),
    st.lists(names, max_size=40),
    st.lists(names, max_size=20),
    names,
)


@given(st.lists(st.none() | briefs, min_size=1, max_size=6), st.frozensets(names, max_size=3), st.sampled_from(FORMS))
def test_never_longer_than_it_may_be(made: list[dict[str, Any] | None], mine: frozenset[str], form: str) -> None:
    text = session_text([KnownFleet("/x" * 100, one, 5.0) for one in made], mine, form)
    assert 0 < len(text) <= LARGEST
    if form == "claude-hook":
        output = json.loads(text)["hookSpecificOutput"]
        assert output["hookEventName"] == "SessionStart"
        assert "Inference fleet" in output["additionalContext"]


def test_two_hundred_drifted_nodes_leave_room_for_ones_own() -> None:
    base = troubled()
    base["trouble"] = [
        {"kind": "drift", "about": f"node.n{i}", "line": f"node.n{i}: .env changed by hand"} for i in range(200)
    ]
    text = session_text([known(base)], frozenset({"volta"}), "text")
    assert "Yours:\n  volta runs llama3.1-8b" in text
    assert "more: fleethub status" in text
    assert "How to act:" in text


def test_nothing_is_said_to_be_fine_of_what_was_seen_long_ago_or_changed_since() -> None:
    fine = {**troubled(), "trouble": []}
    assert "No drift and no open findings." in session_text([known(fine)], NOBODY, "text")
    refused = {**fine, "refused": ["state.behind"]}
    for one in (known(fine, 3601.0), known(fine, None), known(fine, since="the spec was edited"), known(refused)):
        text = session_text([one], NOBODY, "text")
        assert "No drift" not in text
        assert "whether that is so now is not known" in text


def test_several_fleets_are_told_how_to_act_once() -> None:
    other = KnownFleet("/b", {**troubled(), "fleet": "other"}, 1.0, words="fleethub -C /b")
    first = KnownFleet("/a b", troubled(), 1.0, words="fleethub -C '/a b'")
    text = session_text([first, other], NOBODY, "text")
    assert text.count("ask before wiring") == text.count("How to act") == 1
    assert "fleethub -C '/a b' capacity BACKEND MODEL" in text
    assert "How to act on monad (others: -C FOLDER):" in text


def test_what_to_do_stays_whole_where_a_finding_is_long() -> None:
    hint = "fleethub capacity monad-1 gpt-oss-20b shows what would make it fit"
    made = troubled()
    made["trouble"] = [{"kind": "warning", "about": "", "line": f"capacity.evicts: {'and more ' * 60}→ {hint}"}]
    told = session_text([KnownFleet("/shared/monad", made, 200.0)], NOBODY, "text").splitlines()
    assert [line.partition("… → ")[2] for line in told if line.startswith("  warning: ")] == [hint]
