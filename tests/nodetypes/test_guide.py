"""FLEETHUB.md of a node: for its agents, only where the spec asks for it, and of no consequence to its process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from node_fleets import NODES, changed, fleet

from fleethub import nodetypes
from fleethub.model.consuming import Hop
from fleethub.model.secret import Derived, Text
from fleethub.nodetypes import paths
from fleethub.nodetypes.openclaw import guide
from fleethub.rendering import load_templates, render

PATH = "workspace/FLEETHUB.md"
DOCKER, NATIVE = nodetypes.get("openclaw-docker"), nodetypes.get("openclaw-native")
TEXT = DOCKER.files[-1]


def problems(path: str) -> list[str]:
    return [f.message for f in DOCKER.precheck(fleet(), changed(files={"fleethub": path}))]


def test_only_where_the_spec_asks_for_it():
    assert [*paths(DOCKER, NODES["docker"])] == ["env", "compose", "openclaw"]
    assert [*paths(DOCKER, changed(files={"fleethub": PATH}))] == ["env", "compose", "openclaw", "fleethub"]
    assert [*paths(NATIVE, changed("native", files={"fleethub": PATH}))] == ["env", "openclaw", "fleethub"]
    assert paths(DOCKER, changed(files={"fleethub": PATH}))["fleethub"] == PATH
    assert TEXT.mode == 0o644


def test_nothing_restarts_for_it():
    assert DOCKER.consequence(TEXT, NODES["docker"]) == "read at the next session"
    assert NATIVE.consequence(TEXT, NODES["native"]) == "read at the next session"


@pytest.mark.parametrize("path", [PATH, "FLEETHUB.md", "docs/fleet.md"])
def test_where_it_may_lie(path):
    assert problems(path) == []


@pytest.mark.parametrize("path", ["workspace/AGENTS.md", "workspace/sub/FLEETHUB.md", "state/FLEETHUB.md", "../a.md"])
def test_the_rest_of_the_workspace_is_the_agents_own(path):
    (problem,) = problems(path)
    assert f"files.fleethub is {path!r}" in problem


def test_no_other_file_may_lie_in_the_workspace():
    found = DOCKER.precheck(fleet(), changed(files={"env": PATH}))
    assert [f.code for f in found] == ["node.config-check"]


def test_it_holds_no_secret_and_is_short():
    slot = Derived("gateway", "monad", "", "volta", 1)
    with pytest.raises(ValueError, match="only the env file"):
        DOCKER.finish(TEXT, NODES["docker"], Text((slot,)))
    assert guide.finish(Text(("é" * 2048,))).display() == "é" * 2048
    with pytest.raises(ValueError, match="4097 bytes"):
        guide.finish(Text(("é" * 2048 + "a",)))


def test_a_long_chain_still_fits():
    names = ["m" * 126 + f"{number:02}" for number in range(40)]
    models = {name: replace(fleet().models["qwen3-32b"], name=name) for name in names}
    node = changed(files={"fleethub": PATH}, owner="o" * 128, chain=tuple(Hop(model=name) for name in names))
    rendered = render(fleet(models=models), node, load_templates(Path("/nonexistent")))
    assert rendered.findings == ()
    text = rendered.files[-1].text.display()
    assert "and 32 more" in text
    assert len(text.encode()) <= guide.BYTES
