"""What a repair overwrites is kept on the node and named; a removed node's process that nobody can end is named."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from fleethub.kinds.node.attributes import NodeAttrs
from fleethub.kinds.node.delivery import ending
from fleethub.lockfile.forms import decode, encode
from fleethub.model.address import Address
from fleethub.model.observation import Locked, Pending, Source
from tests.support import Place
from tests.test_laws import World
from tests.views.test_text import MODELS

NODE = '\n[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\n'


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return world.applied(tmp_path, MODELS + NODE)


def test_what_a_colleague_wrote_is_named_and_kept(place: Place) -> None:
    """P2."""
    folder = place.folder / "nodes/volta"
    config = json.loads((folder / "openclaw.json").read_text())
    config["agents"]["defaults"]["heartbeat"] = {"model": "mine/llama"}
    mine = {"openclaw.json": json.dumps(config), ".env": (folder / ".env").read_text() + "DEBUG=canary-1\n"}
    for name, text in mine.items():
        (folder / name).write_text(text)
    out = place.run("plan", code=0)
    assert ".env, openclaw.json: what is there now is kept there, in .fleethub/overwritten/" in out
    assert "canary-1" not in out
    drift = next(line for line in place.json("plan") if line["type"] == "drift")
    assert drift["kept"] == [".env", "openclaw.json"]
    out = place.apply()
    assert "canary-1" not in out
    (stamp,) = (folder / ".fleethub/overwritten").iterdir()
    said = (
        f"nodes/volta: what somebody else wrote into .env, openclaw.json is kept there in {stamp.relative_to(folder)}"
    )
    assert said in out
    assert {name: (stamp / name).read_text() for name in mine} == mine
    assert stat.S_IMODE(stamp.stat().st_mode) == 0o700
    assert "heartbeat" not in (folder / "openclaw.json").read_text()
    place.plan_is_empty()


def test_what_is_left_alone_is_not_said_to_be_kept(place: Place) -> None:
    place.edit('drift = "repair"', 'drift = "stop"')
    (place.folder / "nodes/volta/openclaw.json").write_text("{}")
    assert "overwritten" not in place.run("plan")


def test_how_a_removed_node_is_ended() -> None:
    """P1: not by FleetHub where a human started it, nor where nothing is known of what groups it."""
    at = Source("host", "ssh://volta/srv/volta")
    down = ("docker", "compose", "--project-name", "openclaw-volta", "down", "--remove-orphans")
    by_hand = f"end it there by hand: {' '.join(down)}"
    known = Locked(at, NodeAttrs(project="openclaw-volta"))
    assert ending(known) == (down, ("docker", "compose", "version"), by_hand)
    begun = Locked(at, None, pending=Pending(("create",), NodeAttrs(project="openclaw-volta")))
    assert ending(begun)[0] == down, "an apply that broke off may have started it"
    assert ending(Locked(at, NodeAttrs(project="openclaw-volta"), by_hand=True)) == ((), (), by_hand)
    assert ending(Locked(at, NodeAttrs(activated=True))) == ((), (), "end its gateway there by hand")
    assert ending(Locked(Source("host", "nodes/volta"), NodeAttrs())) == ((), (), "")
    node = {"system": "host", "of": "node.volta", "origin": at.at}
    written = encode(Locked(at, NodeAttrs(activated=True), by_hand=True))
    assert decode({**written, "source": node}, Address("node", "volta")).by_hand
    assert not decode({**encode(known), "source": node}, Address("node", "volta")).by_hand
