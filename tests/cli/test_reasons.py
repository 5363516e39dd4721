"""``why``, ``uses``, ``graph`` and ``fmt`` as they are typed; what they say is tested on values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place, recorded

SPEC = (
    fleet("URL", ollama="http://127.0.0.1:9")
    .table("roles.worker", model="one", fallbacks=["two"])
    .model("one", vram="1 GiB")
    .model("two", vram="2 GiB")
    .node("volta", role="worker", owner="Volta")
    .node("tilt", role="worker")
    .key("volta", rpm=60)
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    models = [deployment("one", "http://127.0.0.1:9"), deployment("two", "http://127.0.0.1:9")]
    with LiteLLM(models=models, master_key=MASTER, cache_ttl=0.01) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        made = Place(tmp_path_factory.mktemp("at") / "fleet", SPEC.text.replace("URL", proxy.url))
        made.apply()
        yield made


def steady(place: Place) -> str:
    text = (place.folder / "fleet.toml").read_text()
    url = next(line for line in text.splitlines() if line.startswith("url = ")).split('"')[1]
    return place.out.replace(url, "URL")


@pytest.mark.parametrize(
    "address", ["volta", "key.main.volta", "route.main.one", "backend.gpu", "model.gpu.two", "main"]
)
def test_why(place: Place, address: str, snapshot: SnapshotAssertion) -> None:
    place.run("why", address, code=0)
    assert steady(place) == snapshot


def test_who_uses_a_thing_is_asked_of_nobody(place: Place, snapshot: SnapshotAssertion) -> None:
    with recorded() as sent:
        place.run("uses", "backend.gpu", code=0)
        assert steady(place) == snapshot
        *uses, summary = place.json("uses", "two")
    assert sent == []
    assert {(u["user"], u["origin"]) for u in uses if u["how"] == "fallback 1"} == {
        ("node.volta", "role worker"),
        ("node.tilt", "role worker"),
    }
    assert summary["users"][-1] == "node.volta"


def test_why_a_call_is_refused(place: Place) -> None:
    assert "Nothing refuses it now." in place.run("why", "403", "volta", "one", code=0)
    said = place.run("why", "403", "volta", "three", code=Exit.REFUSED)
    assert "shut     the proxy has the model: main has no model called three" in said
    gates = place.json("why", "403", "key.main.volta", "two")
    assert {g["state"] for g in gates if g["type"] == "gate"} == {"open"}
    assert "403 NODE" in place.run("why", "volta", "one", code=1)


@pytest.mark.parametrize("form", ["mermaid", "dot", "svg", "json"])
def test_the_picture_is_drawn_without_asking_anybody(place: Place, form: str, snapshot: SnapshotAssertion) -> None:
    with recorded() as sent:
        place.run("graph", "--format", form, code=0)
    assert sent == []
    assert steady(place) == snapshot


def test_a_living_picture_says_what_cannot_be_looked_at(place: Place) -> None:
    lines = [json.loads(line) for line in place.run("graph", "--live", "--format", "json", code=0).splitlines()]
    states = {(line["kind"], line["name"]): line["state"] for line in lines if line["type"] == "box"}
    assert (states["node", "volta"], states["proxy", "main"], states["backend", "gpu"]) == ("there", "there", "unknown")


def test_fmt_names_what_it_changes_and_check_changes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path / "fleet", 'include = ["more.toml"]\n' + SPEC.text)
    (place.folder / "more.toml").write_text("[keys.web]\nmodels=[ 'one' ]  # its list\n")
    before = place.bytes()
    said = place.run("fmt", "--check", "--diff", code=Exit.CHANGES)
    assert place.run("fmt", "--diff", code=Exit.FINE) == said  # it shows, and writes nothing
    assert "+models = ['one']  # its list" in said
    assert place.bytes() == before
    assert place.run("fmt", code=0).split() == ["fleet.toml", "more.toml"]
    assert place.run("fmt", "--check", code=0) == ""
    assert (place.folder / "more.toml").read_text() == "[keys.web]\nmodels = ['one']  # its list\n"
    (place.folder / "more.toml").write_text("[keys\n")
    assert "more.toml:1" in place.run("fmt", code=1)
