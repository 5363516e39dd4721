"""A node's target changes: one apply brings it there and takes its old place down; its key and its own files stay."""

from __future__ import annotations

from pathlib import Path

from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.proxies import Admin, chat
from tests.support import MASTER, Place


def test_a_node_moves_with_its_key_and_leaves_its_state(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        place = Place(tmp_path / "fleet", fleet(proxy.url).models("one").node("a", "one", target="nodes/old").text)
        place.apply()
        token = Admin(proxy.url).row("a")["token"]
        state = place.folder / "nodes/old/state"
        state.mkdir(exist_ok=True)
        (state / "memory").write_text("mine")
        place.edit("nodes/old", "nodes/a")
        out = place.run("apply", "-y", code=0)
        assert "node.a moves from nodes/old to nodes/a" in out
        assert Admin(proxy.url).row("a")["token"] == token
        assert chat(proxy.url, place.env("a")["FLEETHUB_KEY_MAIN"], "one")[0] == 200
        assert (state / "memory").read_text() == "mine"
        assert not (place.folder / "nodes/old/.env").exists()
        place.plan_is_empty()
