"""The MCP server as the protocol's own inspector sees it: another SDK, language and version of the protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.testing.demo import MASTER, StandIns
from tests.support import Place

Inspect = Callable[..., Any]


@pytest.fixture(scope="module")
def program() -> str:
    """``mcp-inspector`` of npm, by ``FLEETHUB_MCP_INSPECTOR``."""
    found = os.environ.get("FLEETHUB_MCP_INSPECTOR", "")
    if not found:
        said = "FLEETHUB_MCP_INSPECTOR names no mcp-inspector of npm: see tests/real/README.md"
        pytest.fail(f"FLEETHUB_REQUIRE_REAL is set, and {said}") if os.environ.get("FLEETHUB_REQUIRE_REAL") else None
        pytest.skip(said)
    return found


@pytest.fixture(scope="module")
def inspect(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspect]:
    folder = tmp_path_factory.mktemp("inspected")
    with StandIns() as fleet:
        spec = fleet.spec().replace("monad.seed", "fleet.seed").replace('settle = "1s"', 'settle = "0s"')
        place = Place(folder / "fleet", spec)
        place.run("plan")  # the folder is trusted now
        words = {"command": sys.executable, "args": ["-m", "fleethub", "-C", str(place.folder), "mcp"]}
        server = {**words, "env": {"LITELLM_MASTER_KEY": MASTER, "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}}
        config = folder / "config.json"
        config.write_text(json.dumps({"mcpServers": {"fleethub": server}}))

        def ask(method: str, *words: str) -> Any:
            command = [program, "--cli", "--config", str(config), "--server", "fleethub", "--method", method, *words]
            done = subprocess.run(command, capture_output=True, text=True, timeout=180)
            assert done.returncode == 0, done.stdout + done.stderr
            return json.loads(done.stdout)

        yield ask


def test_it_lists_what_there_is(inspect: Inspect) -> None:
    tools = {tool["name"]: tool for tool in inspect("tools/list")["tools"]}
    assert {"fleet", "capacity", "place", "plan", "verify", "history", "assign", "release"} <= tools.keys()
    assert tools["release"]["annotations"]["destructiveHint"] is True
    assert {r["uri"] for r in inspect("resources/list")["resources"]} == {"fleethub://summary", "fleethub://spec"}


def test_answers_have_the_shape_that_is_promised(inspect: Inspect) -> None:
    """It checks what it is given against the tool's output schema, and fails otherwise."""
    told = inspect("tools/call", "--tool-name", "fleet", "--tool-arg", "node=volta")
    node = told["structuredContent"]["nodes"][0]
    assert (node["name"], node["state"]) == ("volta", "absent")  # looked at, with the trust of who started it
    for tool in ("plan", "capacity", "proposals", "history"):
        assert not inspect("tools/call", "--tool-name", tool).get("isError"), tool


def test_an_argument_that_is_unknown_is_refused(inspect: Inspect) -> None:
    told = inspect("tools/call", "--tool-name", "plan", "--tool-arg", "dry_runn=true")
    assert told["isError"] is True
    assert "dry_runn" in told["content"][0]["text"]


def test_a_nodes_files_are_read_without_secrets(inspect: Inspect, tmp_path: Path) -> None:
    texts = [one["text"] for one in inspect("resources/read", "--uri", "fleethub://nodes/volta")["contents"]]
    assert any("(sensitive)" in text for text in texts)
