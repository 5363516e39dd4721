"""``--as``: a project applies what is its own, and leaves to others what is theirs."""

from __future__ import annotations

from pathlib import Path

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place


def test_a_project_changes_what_is_its_own(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as proxy:
        made = fleet(proxy.url).models("one", "two").node("a", "one", owner="Volta").node("b", "one", owner="Tilt Claw")
        place = Place(tmp_path / "fleet", made.node("c", "one").text)
        admin = Admin(proxy.url)
        place.apply()
        place.write(place.folder.joinpath("fleet.toml").read_text().replace('model = "one"', 'model = "two"'))
        assert "--as Volat: nothing here is theirs; the owners are" in place.run("plan", "--as", "Volat", code=1)
        refused = place.run("apply", "-y", "--as", "volta", "--target", "b", code=Exit.REFUSED)
        assert "node.b belongs to Tilt Claw, and this is asked as volta" in refused
        out = place.run("apply", "-y", "--as", "volta", code=0)
        assert "as volta: left to their owners: key.main.b (Tilt Claw), node.b (Tilt Claw)" in out
        assert [admin.row(name)["models"] for name in "abc"] == [["two"], ["one"], ["two"]]
        (entry,) = [line for line in place.json("log", "a") if line["type"] == "log" and line["serial"] == 2]
        assert (entry["owner"], entry["part"]) == ("volta", True)
        place.run("apply", "-y", "--as", "TiltClaw", code=0)
        assert admin.row("b")["models"] == ["two"]
        place.plan_is_empty()
