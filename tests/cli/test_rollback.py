"""Rollback from outside: an ordinary plan toward an earlier spec, which is then in the working files again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from tests.cli.test_confirm import terminal
from tests.fleets import deployment, fleet
from tests.proxies import Admin
from tests.support import MASTER, Place


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    with LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER, cache_ttl=0.01) as found:
        yield found


@pytest.fixture
def place(proxy: LiteLLM, tmp_path: Path) -> Place:
    spec = fleet(proxy.url).models("one", "two").node("a", "one").key("a", rpm=5)
    place = Place(tmp_path / "fleet", 'include = ["more/*.toml"]\n' + spec.text)
    (place.folder / "more").mkdir()
    return place


def git(place: Place, *words: str) -> str:
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example"]
    return subprocess.run(
        ["git", *who, "-C", str(place.folder), *words], capture_output=True, text=True, check=True
    ).stdout


def test_there_and_back(place: Place, proxy: LiteLLM) -> None:
    first = (place.folder / "fleet.toml").read_text()
    place.apply()
    place.edit("rpm = 5", "rpm = 9")
    (place.folder / "more/b.toml").write_text('[nodes.b]\nhost = "b"\nmodel = "two"\n')
    place.apply()
    second = (place.folder / "fleet.toml").read_text()
    shown = place.run("rollback", "1", "--dry-run", code=0)
    assert "Roll back to the spec of apply 1 (" in shown
    assert "+rpm = 5" in shown
    assert "--- more/b.toml" in shown
    assert "Deletes 1 key; deletes 1 node" in shown
    assert (place.folder / "fleet.toml").read_text() == second
    done = place.run("rollback", "1", "-y", code=0)
    assert "The spec is that of apply 1 again" in done
    assert (place.folder / "fleet.toml").read_text() == first
    assert not (place.folder / "more/b.toml").exists()
    place.plan_is_empty()
    admin = Admin(proxy.url)
    assert (admin.row("a")["rpm_limit"], admin.rows("b")) == (5, [])
    assert "Nothing is to be done." in place.run("rollback", "1", "-y", code=0)
    place.run("rollback", "2", "-y", code=0)  # and forth
    assert (place.folder / "fleet.toml").read_text() == second
    assert (place.folder / "more/b.toml").exists()
    place.plan_is_empty()
    log = [line for line in place.json("log") if line["type"] == "log" and line["serial"]]
    assert [line["action"] for line in log] == ["apply", "apply", "rollback to 1", "rollback to 2"]


def test_the_plan_is_shown_where_the_spec_says_so_already(place: Place) -> None:
    place.apply()
    place.run("destroy", "--auto-approve", code=0)
    shown = place.run("rollback", "1", "--dry-run", code=0)
    assert "The spec says so already: nothing to write." in shown
    assert "Creates 1 key; creates 1 node" in shown


def test_secrets_stay_as_they_are_now(place: Place, proxy: LiteLLM) -> None:
    place.apply()
    old = place.env("a")["FLEETHUB_KEY_MAIN"]
    place.run("rotate", "a", "--yes", code=0)
    place.edit("rpm = 5", "rpm = 9")
    place.apply()
    place.apply()
    new = place.env("a")["FLEETHUB_KEY_MAIN"]
    assert old != new
    place.run("rollback", "1", "-y", code=0)
    assert place.env("a")["FLEETHUB_KEY_MAIN"] == new
    assert "generation = 2" in (place.folder / "fleet.toml").read_text()
    assert Admin(proxy.url).row("a")["rpm_limit"] == 5
    place.plan_is_empty()


def test_it_leads_out_of_a_spec_that_does_not_hold_together(place: Place) -> None:
    (place.folder / "more/b.toml").write_text('[nodes.b]\nhost = "b"\nmodel = "two"\n')
    place.apply()
    first = (place.folder / "fleet.toml").read_text()
    git(place, "init", "-q")
    (place.folder / ".gitignore").write_text("nodes/\nfleet.seed\n.fleethub/\n")
    (place.folder / "fleet.toml").write_text(first.replace("[fleet]", "[fleet"))
    assert "apply 1  " in place.run("log", code=0)
    assert "spec.uncommitted" in place.run("rollback", "1", "-y", code=Exit.REFUSED)
    git(place, "add", "fleet.toml")
    git(place, "commit", "-qm", "broken")
    (place.folder / "elsewhere").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "folder", place.folder / "elsewhere")
        assert "spec.unreadable" in place.run("log", code=Exit.ERROR)
    assert "The spec is that of apply 1 again" in place.run("rollback", "1", "-y", code=0)
    assert (place.folder / "fleet.toml").read_text() == first


def test_edits_that_nobody_knows_are_not_lost(place: Place) -> None:
    place.apply()
    place.edit("rpm = 5", "rpm = 9")
    place.apply()
    place.edit("rpm = 9", "rpm = 11")  # neither applied nor committed
    before = place.bytes()
    said = place.run("rollback", "1", "-y", code=Exit.REFUSED)
    assert "fleet.toml has edits that nobody committed and no apply carried, and they would be lost" in said
    assert place.bytes() == before
    git(place, "init", "-q")
    (place.folder / ".gitignore").write_text("nodes/\nfleet.seed\n.fleethub/\n")
    git(place, "add", "fleet.toml", ".gitignore")
    git(place, "commit", "-qm", "first")
    assert "that apply was of commit" not in place.run("rollback", "1", "--dry-run", code=0)
    place.apply()
    place.edit("rpm = 11", "rpm = 12")
    place.apply()
    said = place.run("rollback", "3", "-y", code=0)  # 12 was applied: the history has it
    assert "that apply was of commit" in said
    assert "rpm = 11" in (place.folder / "fleet.toml").read_text()


def test_what_is_not_kept_or_cannot_be_done_changes_nothing(place: Place, proxy: LiteLLM) -> None:
    assert "nothing is kept of apply 1" in place.run("rollback", "1", "-y", code=Exit.ERROR)
    place.apply()
    place.edit("rpm = 5", "rpm = 9")
    place.apply()
    before = place.bytes()
    assert "there is no terminal to ask on" in place.run("rollback", "1", code=Exit.ERROR)
    for document in (place.folder / ".fleethub/specs").iterdir():
        document.unlink()
    assert "the spec of apply 1 is not kept here" in place.run("rollback", "1", "-y", code=Exit.ERROR)
    assert place.bytes() == before


def test_a_stop_is_passed_by_the_command_that_it_names(place: Place, proxy: LiteLLM) -> None:
    place.edit('drift = "repair"', 'drift = "repair"\nmin_existing = 1')
    place.apply()
    place.edit("[nodes.a]", '[nodes.c]\nhost = "c"\nmodel = "one"\n[nodes.a]')
    place.apply()
    before = place.bytes()
    said = place.run("rollback", "1", "-y", code=Exit.REFUSED)
    assert "rollback 1 --allow stop.deletes" in said
    assert place.bytes() == before
    place.run("rollback", "1", "-y", "--allow", "stop.deletes", code=0)
    assert Admin(proxy.url).rows("c") == []


@pytest.mark.long
def test_on_a_terminal_it_asks(place: Place) -> None:
    place.apply()
    place.edit("rpm = 5", "rpm = 9")
    place.apply()
    before = place.bytes()
    code, screen = terminal(place, ["rollback", "1"], ("apply this plan?", "n"))
    assert (code, "Not done." in screen) == (0, True)
    assert place.bytes() == before
    code, screen = terminal(place, ["rollback", "1"], ("apply this plan?", "y"))
    assert code == 0, screen
    place.plan_is_empty()


def test_who_is_killed_after_the_spec_was_written_goes_on_with_the_next_apply(
    place: Place, proxy: LiteLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.apply()
    first = (place.folder / "fleet.toml").read_text()
    place.edit("rpm = 5", "rpm = 9")
    place.apply()

    def killed(*args: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fleethub.operations.apply.carry_out", killed)
        place.run("rollback", "1", "-y", code=Exit.INTERRUPTED)
    assert (place.folder / "fleet.toml").read_text() == first
    assert Admin(proxy.url).row("a")["rpm_limit"] == 9
    place.apply()
    assert Admin(proxy.url).row("a")["rpm_limit"] == 5
    place.plan_is_empty()
