"""History from outside: what was done is told whole, of one address, and with the spec of then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as found:
        yield found


@pytest.fixture
def place(proxy: LiteLLM, tmp_path: Path) -> Place:
    spec = fleet(proxy.url).models("one", "two").node("a", "one").node("b", "one").key("a", rpm=5)
    return Place(tmp_path / "fleet", spec.text)


def test_who_did_what_with_which_plan_and_spec(place: Place, tmp_path: Path) -> None:
    assert "Nothing was done yet." in place.run("log", code=0)
    place.apply()
    file = str(tmp_path / "x.plan")
    place.run("assign", "a", "two", "--yes", code=0)
    place.run("plan", "-o", file, code=0)
    place.run("apply", file, code=0)
    place.run("apply", "-y", code=0)  # does nothing, and is not told
    last, edited, first = place.run("log", code=0).split("\n\n")
    assert last.startswith("apply 2  ")
    assert "node.a update" in last
    assert edited.startswith("assign  ")
    assert "assign two to a" in edited
    assert "node.a create, node.b create" in first
    of_b = [line for line in place.json("log", "b") if line["type"] == "log"]
    assert [line["serial"] for line in of_b] == [1]
    of_a = [line for line in place.json("log", "node.a") if line["type"] == "log"]
    assert [(line["action"], line["approved"]) for line in of_a] == [
        ("apply", "--auto-approve"),
        ("assign", ""),
        ("apply", "a saved plan"),
    ]
    assert of_a[-1]["planned_by"] == of_a[-1]["by"] != ""
    assert "Nothing that is kept is about node.zz." in place.run("log", "zz", code=0)
    shown = place.run("log", "show", "1", code=0)
    assert "spec: " in shown
    assert "kept (fleet.toml)" in shown
    (line, _) = place.json("log", "show", "1")
    assert 'model = "one"' in line["spec_files"]["fleet.toml"]
    assert "serial = 1" in line["lockfile"]
    assert 'model = "two"' in place.run("log", "show", "2", "--full", code=0)
    assert "nothing is kept of apply 9; fleethub log shows what is" in place.run("log", "show", "9", code=Exit.ERROR)
    assert "is no serial" in place.run("log", "show", "x", code=Exit.ERROR)
    assert MASTER not in place.run("log", "--full", code=0) + json.dumps(place.json("log", "show", "2"))


def test_a_bare_name_is_whatever_has_it(proxy: LiteLLM, tmp_path: Path) -> None:
    spec = fleet(proxy.url).models("one", "two").key("v1.2", models=["one"])
    place = Place(tmp_path / "fleet", spec.table("consumers.web", model="one", file="key").text)
    place.apply()
    for name, address in (("web", "consumer.web"), ("v1.2", "key.main.v1.2"), ("key.main.web", "key.main.web")):
        (line,) = [line for line in place.json("log", name) if line["type"] == "log"]
        assert address in line["changes"]
        assert "apply 1 " in place.run("log", name, code=0)
    assert "Nothing that is kept is about node.zz." in place.run("log", "zz", code=0)
    assert "is no address" in place.run("log", "key.x", code=Exit.ERROR)


def test_what_is_left_is_told(place: Place) -> None:
    place.apply()
    place.edit('model = "one"\n', 'model = "two"\n')
    place.edit('[nodes.b]\nhost = "b"', '[nodes.b]\nhost = "b"\ntarget = "ssh://ops@127.0.0.1:9/srv/b"')
    place.run("apply", "-y", code=Exit.PARTIAL)
    (entry,) = [line for line in place.json("log", "b") if line["type"] == "log" and line["serial"] == 2]
    assert entry["exit"] == Exit.PARTIAL
    assert entry["left"]


def test_an_apply_that_was_killed_is_told_from_the_lockfile(place: Place) -> None:
    place.apply()
    (place.folder / ".fleethub/applies.ndjson").unlink()
    (entry,) = [line for line in place.json("log") if line["type"] == "log"]
    assert (entry["serial"], entry["broken_off"]) == (1, True)
    assert entry["by"]
    assert "kept (fleet.toml)" in place.run("log", "show", "1", code=0)
