"""Checks in a real apply: what is refused waits and is told everywhere, the rest is done, an exception ends it."""

from __future__ import annotations

from pathlib import Path

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place

ACCEPT = '\n[[accept]]\ncode = "check.owner"\naddress = "node.tilt"\nreason = "a lab"\nuntil = 2999-01-01\n'


def test_an_apply_does_what_no_check_refuses(tmp_path: Path) -> None:
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url).node("volta", "one", owner="x").node("tilt", "one")
        spec = spec.check("owner", "node", "node.owner != ''", message="{name} belongs to nobody")
        place = Place(tmp_path / "fleet", spec.text)
        place.run("apply", "--auto-approve", code=Exit.PARTIAL)
        assert "blocked  node.tilt: tilt belongs to nobody" in place.out
        assert [key["key_alias"] for key in proxy.database.keys.values()] == ["volta"]
        finding = "error check.owner node.tilt: tilt belongs to nobody"
        assert finding in place.run("status", code=Exit.REFUSED)
        assert finding in place.run("why", "node.tilt")
        saved = tmp_path / "plan.json"
        place.run("plan", "-o", str(saved), code=Exit.REFUSED)
        assert finding in place.run("show", str(saved), code=0)
        assert finding in place.run("apply", str(saved), "--auto-approve", code=Exit.REFUSED)
        place.write((place.folder / "fleet.toml").read_text() + ACCEPT)
        assert "accepted check.owner node.tilt until 2999-01-01: a lab" in place.run("apply", "--auto-approve", code=0)
        place.plan_is_empty()
