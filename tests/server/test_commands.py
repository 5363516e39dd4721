"""What is served to who is on this machine names commands that work there: the page, the API, its errors, the tools."""

from __future__ import annotations

import json
import re
from html import unescape

import anyio
import pytest

from fleethub.cli import COMMANDS
from fleethub.server.site import site_of
from fleethub.views.commands import Commands
from tests.server.conftest import client_of
from tests.support import Place

WORDS = "'/opt/a <img>/fleethub' -C '/srv/f & f'"
BARE = re.compile(rf"(?<![\w./'-])fleethub (?:{'|'.join(COMMANDS)})\b")


def said(text: str) -> str:
    """A text that names commands, all of them whole."""
    assert BARE.findall(text) == []
    assert WORDS in text
    return text


def test_the_page_the_api_and_its_errors_name_whole_commands(place: Place, master: None) -> None:
    (place.folder / "fleet.lock").unlink()
    site = site_of(place.folder, 60.0, commands=Commands(WORDS, frozenset(COMMANDS)))
    site.snapshots.refresh()
    client = client_of(site)
    for path in ("/api/fleet", "/api/fleet/plan"):
        found = client.get(path).json()
        said("\n".join(finding["hint"] for finding in found["findings"]))
    page = client.get("/").text
    assert "<img>" not in page
    said(unescape(page))
    decided = client.post("/api/fleet/proposals/p-1", json={"decision": "approve"}).json()
    said(decided["error"])
    written = client.post("/api/fleet/release", json={"node": "a", "project": "Volta", "dry_run": 1}).json()
    assert WORDS not in json.dumps(written)  # nothing of it is a command


def test_the_tools_name_whole_commands(place: Place, master: None) -> None:
    mcp = pytest.importorskip("mcp", reason="the extra [mcp] is not installed")
    from fleethub.server.mcp.app import build
    from fleethub.server.mcp.desk import Desk

    site = site_of(place.folder, 60.0, commands=Commands(WORDS, frozenset(COMMANDS)))
    assign = {"node": "a", "model": "gpt-oss-20b", "project": "Volta"}

    async def run() -> tuple[str, str]:
        async with mcp.Client(build(Desk(site, "helper"))) as client:
            told = await client.call_tool("assign", assign)
            return client.instructions or "", told.structured_content["approve"]

    for text in anyio.run(run):
        said(text)
