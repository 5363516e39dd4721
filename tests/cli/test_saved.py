"""A saved plan from outside: made, shown anywhere, applied if it still stands."""

from __future__ import annotations

import gzip
import json
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
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as found:
        yield found


@pytest.fixture
def place(proxy: LiteLLM, tmp_path: Path) -> Place:
    spec = fleet(proxy.url).models("one", "two").node("a", "one").node("b", "one").key("a", rpm=5)
    return Place(tmp_path / "fleet", spec.text)


def test_it_is_made_shown_and_applied_without_a_question(place: Place, tmp_path: Path) -> None:
    file = str(tmp_path / "first.plan")
    said = place.run("plan", "-o", file, code=0)
    text, _, hint = said.partition("\n\nSaved in ")
    assert f"fleethub apply {file}" in hint
    assert MASTER not in Path(file).read_text()
    assert place.run("show", file, code=0).startswith(text)  # the same text, then who made it
    (tmp_path / "empty").mkdir()
    nowhere = Place(tmp_path / "elsewhere", "not a spec")
    assert nowhere.run("show", file, code=0).startswith(text)
    done = place.run("apply", file, code=0)
    assert "Apply 1:" in done
    place.plan_is_empty()
    # it was applied: it is of the time before
    stale = place.run("apply", file, code=Exit.STALE)
    assert "the plan is stale, so nothing was applied: the last apply (serial) was 0, is 1; key.main.a" in stale
    place.run("plan", "-o", file, code=0)  # an empty one stands as long as there is nothing to do
    before = place.bytes()
    place.run("apply", file, code=0)
    place.run("apply", file, code=0)
    assert place.bytes() == before


def test_what_moved_is_named_and_nothing_is_done(place: Place, proxy: LiteLLM, tmp_path: Path) -> None:
    place.apply()
    place.edit("rpm = 5", "rpm = 6")
    file = str(tmp_path / "x.plan")
    place.run("plan", "-o", file, code=0)
    admin, before = Admin(proxy.url), place.bytes()
    admin.update("a", rpm_limit=77)
    said = place.run("apply", file, code=Exit.STALE)
    assert "key.main.a rpm_limit was 5, is 77" in said
    lines = place.run("--json", "apply", file, code=Exit.STALE).splitlines()
    moved, summary = (json.loads(line) for line in lines if line.startswith("{"))
    assert moved == {"type": "moved", "address": "key.main.a", "field": "rpm_limit", "before": 5, "after": 77}
    assert summary["exit"] == Exit.STALE
    admin.update("a", rpm_limit=5)
    assert place.bytes() == before
    admin.update("b", rpm_limit=7)  # what the plan does not change may move
    place.run("apply", file, code=0)
    assert admin.row("a")["rpm_limit"] == 6


def test_the_part_that_was_asked_for_is_what_is_applied(place: Place, proxy: LiteLLM, tmp_path: Path) -> None:
    file = str(tmp_path / "x.plan")
    place.run("plan", "-o", file, "--target", "a", code=0)
    assert "(asked with --target a)" in place.run("show", file, code=0)
    assert "plan again with --target -o" in place.run("apply", file, "--target", "b", code=Exit.ERROR)
    place.run("apply", file, code=0)
    assert [len(Admin(proxy.url).rows(name)) for name in "ab"] == [1, 0]


def test_a_plan_that_takes_the_fleet_away_wants_its_name(place: Place, proxy: LiteLLM, tmp_path: Path) -> None:
    place.apply()
    file = str(tmp_path / "x.plan")
    assert "Deletes" in place.run("plan", "--destroy", "-o", file, code=0)
    assert "there is no terminal to ask on" in place.run("apply", file, code=Exit.ERROR)
    assert len(Admin(proxy.url).rows("a")) == 1
    place.run("apply", file, "--auto-approve", code=0)
    assert Admin(proxy.url).rows("a") == []


def test_only_a_saved_plan_is_written_over(place: Place, tmp_path: Path) -> None:
    before = place.bytes()
    for path, says in ((place.folder / "fleet.toml", "choose another name"), (tmp_path, "is a folder")):
        assert says in place.run("plan", "-o", str(path), code=Exit.ERROR)
    assert place.bytes() == before
    for text, says in (("{}", "no saved plan"), ('{"fleethub_plan": 9}', "format 9")):
        (tmp_path / "y.json").write_text(text)
        assert says in place.run("show", str(tmp_path / "y.json"), code=Exit.ERROR)
        assert says in place.run("apply", str(tmp_path / "y.json"), code=Exit.ERROR)
    assert "there is no file" in place.run("apply", str(tmp_path / "none.plan"), code=Exit.ERROR)


def test_a_plan_of_another_fleet_is_refused(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "x.plan"
    place.run("plan", "-o", str(file), code=0)
    raw = json.loads(file.read_text())
    raw["plan"]["fleet"] = "other"
    file.write_text(json.dumps(raw))
    assert "the plan is of the fleet 'other'" in place.run("apply", str(file), code=Exit.ERROR)


def test_machines_get_the_lines_of_the_plan(place: Place, tmp_path: Path) -> None:
    file = str(tmp_path / "x.plan")
    planned = [line for line in place.json("plan", "-o", file) if line["type"] in ("change", "finding", "plan")]
    shown = [line for line in place.json("show", file) if line["type"] in ("change", "finding", "plan")]
    made = shown[-1].pop("made")
    shown[-1].pop("asked")
    assert shown == planned
    assert made["by"]


def test_what_somebody_wrote_into_a_nodes_files_is_in_no_document(place: Place, tmp_path: Path) -> None:
    place.apply()
    canary = "sk-canary-0123456789"
    env, config = (place.folder / "nodes/a" / name for name in (".env", "openclaw.json"))
    env.write_text(env.read_text().replace("FLEETHUB_KEY_MAIN=", f"FLEETHUB_KEY_MAIN='{canary}'\nOLD="))
    config.write_text(config.read_text().replace("${FLEETHUB_KEY_MAIN}", canary))
    assert canary in env.read_text() + config.read_text()
    file = tmp_path / "x.plan"
    place.run("plan", "-o", str(file), "--save", "--full", code=0)
    assert "node.a" in file.read_text()
    place.run("apply", str(file), code=0)
    seed = (place.folder / "fleet.seed").read_text().strip()
    kept = [gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in private(place)]
    told = place.run("log", "show", "2", "--full", code=0) + place.run("show", str(file), "--full", code=0)
    for secret in (canary, seed, MASTER, place.env("a")["FLEETHUB_KEY_MAIN"]):
        assert secret not in file.read_text() + told
        assert [data for data in kept if secret.encode() in data] == []


def private(place: Place) -> list[Path]:
    """What FleetHub keeps beside the spec."""
    return [path for path in (place.folder / ".fleethub").rglob("*") if path.is_file()]


def test_by_its_id_from_the_fleets_state(place: Place, proxy: LiteLLM) -> None:
    saved = next(line for line in place.json("plan", "--save") if line["type"] == "saved")
    assert f"(there are: {saved['id']})" in place.run("apply", "--plan", "zz", code=Exit.ERROR)
    shown = place.run("show", "--plan", saved["id"], code=0)
    assert f"Plan {saved['id']}: " in shown
    assert "is FILE or --plan ID" in place.run("apply", "x.plan", "--plan", saved["id"], code=Exit.ERROR)
    place.run("apply", "--plan", saved["id"], code=0)
    assert len(Admin(proxy.url).rows("a")) == 1
    assert "the last apply (serial) was 0, is 1" in place.run("apply", "--plan", saved["id"], code=Exit.STALE)
    planned, applied = (line for line in place.json("log") if line["type"] == "log")
    assert (planned["action"], planned["plan"], applied["approved"]) == ("plan", saved["id"], "a saved plan")
