"""A lost lockfile made again from marks and spec: nothing is sent, the plan is empty, and what is not sure is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fleethub.model.address import key, node
from fleethub.model.exit import Exit
from tests.support import Place, recorded
from tests.test_laws import World
from tests.views.test_text import MODELS

SPEC = (
    MODELS
    + """
[nodes.volta]
host = "volta"
model = "qwen3-32b"
fallbacks = ["gpt-oss-20b"]
owner = "Volta"
[keys.volta]
rpm = 60
[keys.web]
models = ["llama3.1-8b"]
"""
)


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return world.applied(tmp_path, SPEC)


def lost(place: Place) -> None:
    """The lockfile, with all that this machine kept beside it."""
    (place.folder / "fleet.lock").unlink()
    shutil.rmtree(place.folder / ".fleethub")


def test_what_was_applied_is_recorded_again_and_the_plan_is_empty(world: World, place: Place) -> None:
    before = place.lockfile
    lost(place)
    assert "fleethub state rebuild" in place.run("plan", code=Exit.STALE)
    with recorded() as sent:
        out = place.run("state", "rebuild", "--yes", code=0)
    assert {method for method, _ in sent} <= {"GET"}
    assert "The plan after it: Nothing to do" in out
    assert "fleet.lock has serial 2 now." in out
    found = place.lockfile
    assert found.resources == before.resources
    assert (found.lineage, found.seed, found.generations) == (before.lineage, before.seed, before.generations)
    assert {b: {e.model for e in p} for b, p in found.planned.items()} == {
        b: {e.model for e in p} for b, p in before.planned.items()
    }
    place.plan_is_empty()
    assert "nothing is lost" in place.run("state", "rebuild", "--yes", code=1)


@pytest.mark.long
def test_a_rotated_key_goes_on_where_it_was(world: World, place: Place) -> None:
    place.edit("rpm = 60", "rpm = 60\ngeneration = 3")
    place.apply()
    place.edit("generation = 3", "generation = 4")  # wanted, and not applied
    lost(place)
    place.run("state", "rebuild", "--yes", code=Exit.ERROR)  # the node is not as the spec wants it
    record = place.lockfile.resources[key("main", "volta")]
    assert (record.generation, place.lockfile.generations[key("main", "volta")]) == (3, 3)
    token = world.admin.row("volta")["token"]
    place.apply()
    place.plan_is_empty()
    assert world.admin.row("volta")["token"] != token
    assert len(world.admin.rows("volta")) == 1


@pytest.mark.long
def test_a_node_that_cannot_be_looked_at_keeps_all_that_its_key_may_call(world: World, place: Place) -> None:
    folder = place.folder / "nodes/volta"
    lost(place)
    folder.rename(place.folder / "away")
    folder.write_text("a file in the folder's place")
    place.edit('model = "qwen3-32b"\nfallbacks = ["gpt-oss-20b"]', 'model = "llama3.1-8b"')
    out = place.run("state", "rebuild", "--yes", code=Exit.ERROR)
    assert "node.volta: unfinished: it cannot be looked at" in out
    place.run("apply", "--auto-approve")
    assert {"qwen3-32b", "gpt-oss-20b"} <= set(world.admin.row("volta")["models"])
    folder.unlink()
    (place.folder / "away").rename(folder)
    place.apply()
    place.plan_is_empty()
    assert world.admin.row("volta")["models"] == ["llama3.1-8b"]


def test_without_an_answer_of_every_proxy_nothing_is_written(world: World, place: Place) -> None:
    lost(place)
    world.proxy.mangle = lambda path, body: b"{" if path.startswith("/key/list") else body
    try:
        assert "all proxies must answer" in place.run("state", "rebuild", "--yes", code=1)
    finally:
        world.proxy.mangle = None
    assert not (place.folder / "fleet.lock").exists()


def test_with_another_seed_nothing_is_this_fleets(place: Place) -> None:
    lost(place)
    place.seed("fhseed1_" + "X" * 43)
    out = place.run("state", "rebuild", "--yes", code=1)
    assert "nothing that is there can be seen to be this fleet's own" in out
    (place.folder / "fleet.seed").unlink()
    assert "the seed does not resolve" in place.run("state", "rebuild", "--yes", code=1)


def test_what_the_spec_does_not_name_is_told_as_an_orphan(world: World, place: Place) -> None:
    lost(place)
    place.edit('[keys.web]\nmodels = ["llama3.1-8b"]\n', "")
    out = place.run("state", "rebuild", "--dry-run", code=0)
    assert "Of this fleet, and not in the spec (fleethub apply --prune deletes it): key.main.web" in out
    assert not (place.folder / "fleet.lock").exists()
    place.run("state", "rebuild", "--yes", code=0)
    assert node("volta") in place.lockfile.resources
    assert "key.orphan" in place.run("plan", code=0)
    assert len(world.admin.rows("web")) == 1


def test_a_node_whose_key_is_there_and_which_is_elsewhere_is_told(place: Place) -> None:
    lost(place)
    place.edit('host = "volta"', 'host = "volta"\ntarget = "nodes/elsewhere"')
    out = place.run("state", "rebuild", "--dry-run")
    assert "node.volta: its key is there, and nothing of it at nodes/elsewhere" in out
