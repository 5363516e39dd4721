"""FLEETHUB.md: what was applied, for people and sessions; small, without fences, the same until something matters."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from fleethub.fleetspec import load
from fleethub.kinds.key.attributes import KeyAttrs
from fleethub.kinds.node.attributes import FileAttrs, NodeAttrs
from fleethub.model.address import Address
from fleethub.model.capacity import PlannedModel
from fleethub.model.fleet import Fleet
from fleethub.model.observation import Applied, Locked, Lockfile, Pending, Source
from fleethub.views.document import LARGEST, PURPOSE, document, ours, same

ROOT = Path(__file__).parents[2]
MONAD = load(ROOT / "fleets/monad").fleet
assert MONAD is not None
GIB = 1 << 30
KEY = Address("key", "main.volta")
FILES = {".env": FileAttrs(), "compose.yaml": FileAttrs(), "openclaw.json": FileAttrs()}
CHAIN = ["qwen3-32b", "gpt-oss-20b", "ollama:gpt-oss:20b@monad-1.example.ts.net:11434"]


def node(name: str, owner: str, chain: list[str] | None = None, files: dict[str, object] | None = None) -> Locked:
    source = Source("host", f"ssh://ops@{name}.example.ts.net/srv/openclaw/{name}")
    attrs = NodeAttrs(tuple(CHAIN if chain is None else chain), FILES if files is None else files)
    return Locked(source, attrs, {KEY: frozenset({"qwen3-32b"})}, owner=owner)


def lockfile(**nodes: Locked) -> Lockfile:
    keys = {
        KEY: Locked(Source("litellm", "http://x"), KeyAttrs(("qwen3-32b",)), owner="Volta"),
        Address("key", "main.open-webui"): Locked(Source("litellm", "http://x"), KeyAttrs(("qwen3-32b",))),
    }
    planned = (
        PlannedModel("gpt-oss-20b", 32768, False, "gpt-oss:20b", 14 * GIB),
        PlannedModel("qwen3-32b", 32768, True, "qwen3:32b", 25 * GIB),
    )
    return Lockfile(
        "monad",
        "lineage",
        7,
        "fp1:0",
        {**{Address("node", name): record for name, record in nodes.items()}, **keys},
        {"monad-1": planned},
        Applied("2026-11-26T10:00:00+00:00", "ops@cursatory", MONAD.digest if MONAD else ""),
        "a1",
        {"monad-1": "fits"},
    )


USUAL = lockfile(volta=node("volta", "Volta"), tiltclaw=node("tiltclaw", "TiLT"), rentalclaw=node("rentalclaw", ""))


def test_what_it_says(snapshot: SnapshotAssertion) -> None:
    text = re.sub(r"\(\w{12}\)", "(DIGEST)", document(MONAD, USUAL))
    assert text == snapshot


def test_unfinished_work_and_an_eviction_are_told(snapshot: SnapshotAssertion) -> None:
    begun = replace(USUAL.resources[KEY], pending=Pending(("contract",), None))
    odd = node(
        "volta",
        "Volta",
        ["qwen3-32b"],
        dict.fromkeys(("docker-compose.yml", "state/openclaw.json", ".env"), FileAttrs()),
    )
    state = replace(
        USUAL, resources={**USUAL.resources, KEY: begun, Address("node", "volta"): odd}, fits={"monad-1": "evicts"}
    )
    text = re.sub(r"\(\w{12}\)", "(DIGEST)", document(MONAD, state))
    assert text == snapshot
    assert "evicts" in text
    assert "key.main.volta: an apply did not finish it" in text


def test_a_file_that_is_a_key_alone_is_said_to_be_secret() -> None:
    files = {"fleethub.key": FileAttrs(mode="0600"), "orchestration-profiles.json": FileAttrs(mode="0600")}
    text = document(MONAD, lockfile(sessions=node("sessions", "", ["qwen3-32b"], files)))
    assert "- fleethub.key: its key alone: secret, mode 0600, never copy it" in text
    assert "- orchestration-profiles.json: which models are called and in which order" in text


def test_an_empty_fleet_is_said_to_be_one() -> None:
    text = document(MONAD, replace(USUAL, resources={}, planned={}, fits={}))
    assert text.count("- none") == 3
    assert "nothing planned" in text


def test_only_what_matters_makes_it_new() -> None:
    text = document(MONAD, USUAL)
    later = replace(USUAL, applied=replace(USUAL.applied, at="2026-11-27T10:00:00+00:00"), serial=9)
    measured = replace(
        later, planned={"monad-1": tuple(replace(p, bytes=(p.bytes or 0) + 9**6) for p in USUAL.planned["monad-1"])}
    )
    assert text != document(MONAD, measured)
    assert same(text, document(MONAD, measured))
    moved = replace(USUAL, resources={**USUAL.resources, Address("node", "volta"): node("volta", "Volta", ["other"])})
    assert not same(text, document(MONAD, moved))
    assert ours(text)
    assert not ours("# My notes\n")


hostile = st.text(st.sampled_from("ab`<>-!\n|*_[]()#é漢 "), min_size=1, max_size=60)


@given(
    st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9-]{0,40}", fullmatch=True), st.tuples(hostile, hostile), max_size=60)
)
def test_it_is_small_and_has_no_fence_whatever_names_there_are(names: dict[str, tuple[str, str]]) -> None:
    nodes = {name: node(name, owner, [chain, "b"]) for name, (owner, chain) in names.items()}
    text = document(MONAD, lockfile(**nodes))
    assert len(text.encode()) <= LARGEST
    body = text.partition("\n")[2]
    assert "```" not in body
    assert "<" not in body
    assert len(re.findall("^## ", body, re.M)) == 6
    ours_alone = (PURPOSE, "Change the spec by a command")
    assert all(not line or line.startswith(("- ", "# ", "## ", *ours_alone)) for line in body.split("\n"))
    assert text.endswith("one apply at a time.\n")


def test_two_hundred_nodes_are_counted_where_they_are_not_named() -> None:
    many: Fleet = MONAD
    nodes = {f"n{i:03}": node(f"n{i:03}", f"Owner-{i}", [f"model-{i}", "b"]) for i in range(200)}
    text = document(many, lockfile(**nodes))
    assert len(text.encode()) <= LARGEST
    assert re.search(r"… and \d+ more: `fleethub status`", text)


def test_it_is_small_in_bytes_too() -> None:
    owner = "🦙" * 200
    nodes = {f"n{i}": node(f"n{i}", f"{owner}{i}", [f"{owner}{i}"], {"x.md": FileAttrs()}) for i in range(9)}
    fleet = replace(MONAD, backends={"monad-1": replace(MONAD.backends["monad-1"], owner=owner)})
    text = document(fleet, lockfile(**nodes))
    assert len(text.encode()) <= LARGEST
    assert "🦙" in text
    assert text.endswith("one apply at a time.\n")


def test_a_name_cannot_open_a_fence_of_the_other_kind() -> None:
    assert "~~~" not in document(MONAD, lockfile(a=node("a", "~~~", ["~~~sh"])))
