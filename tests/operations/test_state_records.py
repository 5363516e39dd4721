"""The records one by one: shown, put under another address, forgotten; what lives is never touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.model.address import key, node
from fleethub.stores import open_store
from tests.support import Place, recorded
from tests.test_laws import World
from tests.views.test_text import MODELS, steady

SPEC = (
    MODELS
    + """
[nodes.volta]
host = "volta"
model = "qwen3-32b"
owner = "Volta"
[keys.web]
models = ["llama3.1-8b"]
protected = true
"""
)
VOLTA, WEB, NODE = key("main", "volta"), key("main", "web"), node("volta")


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return world.applied(tmp_path, SPEC)


def test_what_is_recorded_is_listed_and_shown_without_asking_anybody(place: Place, snapshot: SnapshotAssertion) -> None:
    with recorded() as sent:
        assert place.run("state", "list", code=0) == snapshot
        assert place.run("state", "list", "key.*", code=0).splitlines() == [
            "key.main.volta  (Volta)",
            "key.main.web  (protected)",
        ]
        shown = place.run("state", "show", "key.main.web", code=0)
        lines = place.json("state", "list", "node.volta")
    assert sent == []
    assert steady(shown, place) == snapshot
    assert [line["type"] for line in lines] == ["record", "summary"]
    assert lines[0]["source"]["of"] == "node.volta"
    assert "'key.other.*' names nothing that is recorded" in place.run("state", "list", "key.other.*", code=1)
    assert "did you mean key.main.volta?" in place.run("state", "show", "key.main.volt", code=1)


def test_a_forgotten_key_lives_and_the_spec_takes_it_over_by_its_mark(world: World, place: Place) -> None:
    before = world.admin.rows("volta")
    out = place.run("state", "rm", "key.main.volta", "--yes", code=0)
    assert "key.main.volta is forgotten, and lives on at http" in out
    assert "(used by node.volta)" in out
    assert "else it is told as key.orphan, and apply --prune deletes it" in out
    assert "fleet.lock has serial 2 now, after 1." in out
    assert world.admin.rows("volta") == before
    assert set(place.lockfile.resources) == {WEB, NODE}
    assert VOLTA not in place.lockfile.generations  # else the next plan would want a value above that one
    assert (place.folder / ".fleethub/backups/00000001.lock").exists()
    place.apply()
    place.plan_is_empty()
    assert [row["token"] for row in world.admin.rows("volta")] == [row["token"] for row in before]
    assert set(place.lockfile.resources) == {VOLTA, WEB, NODE}


def test_what_neither_names_is_an_orphan_then(world: World, place: Place) -> None:
    place.run("state", "rm", "node.volta", "key.main.volta", "--yes", code=0)
    place.edit('[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\nowner = "Volta"\n', "")
    assert "key.orphan" in place.run("plan", code=0)
    assert len(world.admin.rows("volta")) == 1


def test_a_node_under_its_new_name_is_not_made_anew(world: World, place: Place) -> None:
    place.edit("[nodes.volta]", "[nodes.ampere]")
    place.edit('host = "volta"', 'host = "volta"\ntarget = "nodes/volta"\nkey = "volta"')
    out = place.run("state", "mv", "node.volta", "node.ampere", "--yes", code=0)
    assert "node.volta is node.ampere now; what lives was not touched" in out
    assert set(place.lockfile.resources) == {VOLTA, WEB, node("ampere")}
    plan = place.json("plan")
    assert not [line for line in plan if line.get("action") in ("create", "delete")]
    place.apply()
    place.plan_is_empty()


def test_a_renamed_key_keeps_the_alias_that_its_value_is_derived_from(world: World, place: Place) -> None:
    token = world.admin.row("volta")["token"]
    place.run("state", "mv", "key.main.volta", "key.main.amp", "--yes", code=0)
    place.edit("[nodes.volta]", '[nodes.volta]\nkey = "amp"')
    record = place.lockfile.resources[key("main", "amp")]
    assert record.born == "volta"
    assert set(place.lockfile.resources[NODE].needs) >= {key("main", "amp")}
    place.apply()
    place.plan_is_empty()
    assert world.admin.row("amp")["token"] == token


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("mv", "key.main.volta", "node.volta"), "key.main.volta stays a key: node.volta is none"),
        (("mv", "key.main.volta", "key.other.volta"), "is on the proxy main, and stays there"),
        (("mv", "key.main.volta", "key.main.web"), "key.main.web is recorded already"),
        (("mv", "node.volta", "node.volta@was"), "is the name of an old place"),
        (("mv", "node.nobody", "node.volta"), "node.nobody is not recorded"),
        (("mv", "node.volta", "backend.gpu"), "backend.gpu is nothing that is recorded"),
        (("rm", "key.main.web"), "key.main.web is protected, so its record stays"),
        (("rm", "volta"), "'volta' is no address"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(place: Place, argv: tuple[str, ...], says: str) -> None:
    before = place.bytes()
    assert says in place.run("state", *argv, "--yes", code=1)
    assert place.bytes() == before
    asked = place.run("state", *argv, code=1)  # nobody is asked for what cannot be, nor told that it is done
    assert says in asked
    assert not any(said in asked for said in ("add --yes", "becomes", "forgotten in"))


def test_a_key_whose_record_was_put_elsewhere_is_told_by_that(world: World, place: Place) -> None:
    place.run("state", "mv", "key.main.volta", "key.main.amp", "--yes", code=0)
    said = place.run("plan")
    assert "the key 'volta' on main is recorded as key.main.amp, which the spec does not have in its place" in said
    assert "a key that FleetHub did not make" not in said
    place.run("state", "mv", "key.main.amp", "key.main.volta", "--yes", code=0)
    assert "Records 1 key; nothing is deleted" in place.run("plan", code=0)


def test_each_order_is_a_line_of_the_history_and_waits_for_the_lock(place: Place) -> None:
    with open_store(place.folder).lock("apply"):
        assert "the fleet is locked by" in place.run("state", "rm", "node.volta", "--yes", code=5)
        assert "the fleet is locked by" in place.run("--lock-timeout", "0.1", "state", "rm", "node.volta", "-y", code=5)
    place.run("state", "rm", "node.volta", "--yes", code=0)
    line = open_store(place.folder).history()[-1]
    assert (line["action"], line["serial"], line["changes"]) == ("state rm", 2, {"node.volta": "forgotten"})
    assert "node.volta forgotten, and living on" in place.run("log", "node.volta", code=0)
    assert "no time" in place.run("--lock-timeout", "soon", "plan", code=1)


def test_where_nothing_was_applied_it_is_said(world: World, tmp_path: Path) -> None:
    place = world.place(tmp_path, SPEC)
    assert "fleet.lock is not there: nothing was applied from here" in place.run("state", "list", code=1)
