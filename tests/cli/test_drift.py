"""``drift``: what somebody changed behind our back; and ``--accept``, which writes it into the spec."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, proxy: LiteLLM) -> Place:
    spec = fleet(proxy.url).models("one", "two").node("a", "one", owner="Volta").node("b", "one").key("a", rpm=60)
    made = Place(tmp_path / "fleet", spec.key("web", models=["one"]).text)
    made.apply()
    return made


def test_drift_is_told_accepted_and_then_recorded(place: Place, proxy: LiteLLM) -> None:
    admin, config = Admin(proxy.url), place.folder / "nodes/a/openclaw.json"
    assert "Nothing has drifted." in place.run("drift", "--detailed-exitcode", code=0)
    admin.update("a", rpm_limit=7, tpm_limit=900)
    admin.update("web", models=["one", "two"])
    told = json.loads(config.read_text())
    told["agents"]["defaults"]["heartbeat"] = {"every": "canary", "lightContext": True}
    config.write_text(json.dumps(told))
    out = place.run("drift", "--detailed-exitcode", code=Exit.CHANGES)
    assert "3 resources changed behind our back." in out
    assert "rpm_limit: 60 → 7" in out
    assert "canary" not in out
    lines = place.json("drift")
    assert [line["address"] for line in lines[:-1]] == ["key.main.a", "key.main.web", "node.a"]
    assert lines[-1] == {"type": "summary", "exit": 0, "drift": 3}

    before = place.bytes()
    assert "node.owned" in place.run("drift", "--accept", "key.main.a", "--yes", code=Exit.REFUSED)
    assert "has not drifted" in place.run("drift", "--accept", "node.b", "--yes", code=1)
    assert "names nothing" in place.run("drift", "--accept", "key.main.zz", "--yes", code=1)
    assert place.bytes() == before

    out = place.run("drift", "--accept", "key.*", "--accept", "a", "--project", "Volta", "--yes", code=0)
    assert "canary" not in out
    assert "openclaw.json.agents.defaults.heartbeat.every stays as drift: it is a text, which may be a secret" in out
    text = (place.folder / "fleet.toml").read_text()
    assert "rpm = 7" in text
    assert 'models = ["one", "two"]' in text
    assert "lightContext = true" in text
    place.edit("lightContext = true", 'lightContext = true, every = "canary"')
    rows, there = admin.made(), config.read_bytes()
    place.run("drift", "--detailed-exitcode", code=Exit.CHANGES)
    place.apply()
    place.plan_is_empty()
    assert [row["rpm_limit"] for row in rows] == [row["rpm_limit"] for row in admin.rows()]
    assert json.loads(config.read_text()) == json.loads(there)


def test_a_way_is_named_only_where_it_works(place: Place, proxy: LiteLLM) -> None:
    admin = Admin(proxy.url)
    shutil.rmtree(place.folder / "nodes/b")
    compose = place.folder / "nodes/a/compose.yaml"
    compose.write_text(compose.read_text() + "# by hand\n")
    admin.update("web", metadata={**admin.row("web")["metadata"], "tags": ["x\n  + key.main.evil"]}, models=[])  # type: ignore[dict-item]
    out = place.run("drift", code=0)
    assert "fleethub apply --auto-approve repairs it" in out
    assert "--accept" not in out, "a spec says nothing of any of these"
    for name, why in (("node.b", "it is gone"), ("node.a", 'ignore = ["compose.yaml"] leaves it alone')):
        assert why in place.run("drift", "--accept", name, "--project", "Volta", "--yes", code=1)
    admin.update("b", rpm_limit=0)
    assert "fleethub drift --accept key.main.b writes what is there" in place.run("drift", code=0)
    place.run("drift", "--accept", "key.main.b", "--accept", "b", "--project", "Volta", "--dry-run", code=0)
    assert "node.b all of it stays as drift: it is gone" in place.out


def test_what_no_spec_says_is_refused_with_what_else_there_is(place: Place, proxy: LiteLLM) -> None:
    Admin(proxy.url).update("a", blocked=True)
    out = place.run("drift", "--accept", "key.main.a", "--project", "Volta", "--yes", code=1)
    assert "blocked: unblock it in LiteLLM, or end it: fleethub revoke" in out
    assert "  [change blocked]\n" in place.run("status")  # a blocked key is another thing
    proxy.stop()
    out = place.run("drift", code=Exit.ERROR)
    assert "Nothing has drifted of what could be read; 3 unknown." in out
    assert "? key.main.a: " in out
