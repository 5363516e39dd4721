"""All orders about the state on a real database, through the command line."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.test_laws import World
from tests.views.test_text import MODELS

BACK = ("state", "migrate", "--from", "env:FLEETHUB_DATABASE_URL", "--yes")


@pytest.mark.long
def test_a_fleet_goes_into_a_real_database_and_back(
    world: World, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEETHUB_DATABASE_URL", database)
    place = world.place(tmp_path, MODELS + '\n[keys.web]\nmodels = ["qwen3-32b"]\n')
    name = secrets.token_hex(8)
    place.edit('name = "laws"', f'name = "laws"\nid = "{name}"')
    place.apply()
    place.edit('models = ["qwen3-32b"]', 'models = ["gpt-oss-20b"]')
    place.apply()
    place.write((place.folder / "fleet.toml").read_text() + '\n[state]\nstore = "env:FLEETHUB_DATABASE_URL"\n')
    place.run("state", "init", code=0)
    place.run("state", "migrate", "--yes", code=0)
    place.plan_is_empty()
    assert place.run("state", "list", code=0) == "key.main.web\n"
    assert "  2  (" in place.run("state", "backups", code=0)
    place.run("state", "rm", "key.main.web", "--yes", code=0)
    assert "Nothing is recorded." in place.run("state", "list", code=0)
    place.run("state", "restore", "2", "--yes", code=0)
    place.plan_is_empty()
    place.run("lock", "acquire", "-m", "moving", code=0)
    assert "moving" in place.apply(code=5)
    place.run("lock", "release", code=0)
    actions = [line["action"] for line in place.json("log") if "action" in line]
    assert {"state migrate", "state rm", "state restore", "lock acquire", "lock release"} <= set(actions)
    place.edit('\n[state]\nstore = "env:FLEETHUB_DATABASE_URL"\n', "")
    place.run(*BACK, code=0)
    place.plan_is_empty()
    assert database not in place.out
