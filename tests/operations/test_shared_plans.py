"""Two clones on one PostgreSQL: a plan that one keeps the other applies; one history, and a rollback from either."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place


def test_a_plan_a_history_and_a_rollback_of_two_clones(
    tmp_path: Path, database: str, fleet_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEETHUB_DATABASE_URL", database)
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(proxy.url).models("one").key("ui", models=["one"], rpm=5).table("fleet", id=fleet_id)
        ana = Place(tmp_path / "ana", spec.table("state", store="env:FLEETHUB_DATABASE_URL").text)
        ana.run("state", "init", code=0)
        ana.apply()
        ana.edit("rpm = 5", "rpm = 6")
        ben = ana.clone(tmp_path / "ben")
        saved = next(line["id"] for line in ana.json("plan", "--save") if line["type"] == "saved")
        assert "rpm_limit: 5 → 6" in ben.run("show", "--plan", saved, code=0)
        ben.run("apply", "--plan", saved, code=0)
        admin = Admin(proxy.url)
        assert admin.row("ui")["rpm_limit"] == 6
        assert "the last apply (serial) was 1, is 2" in ana.run("apply", "--plan", saved, code=Exit.STALE)
        ana.plan_is_empty()
        for clone in (ana, ben):
            log = [line for line in clone.json("log") if line["type"] == "log" and line["serial"]]
            assert [(line["serial"], line["action"]) for line in log][-2:] == [(1, "apply"), (2, "apply")]
        assert "The spec is that of apply 1 again" in ana.run("rollback", "1", "-y", code=0)
        assert admin.row("ui")["rpm_limit"] == 5
        ana.plan_is_empty()
        ben.run("plan", "--detailed-exitcode", code=Exit.CHANGES)  # whose spec is the later one
        assert "rollback to 1 3" in ben.run("log", code=0)
