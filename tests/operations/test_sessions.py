"""Keeping and publishing what sessions are told, where it cannot be done as well."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fleethub.fleetspec import load
from fleethub.kinds import KINDS
from fleethub.model.facts import Facts
from fleethub.model.observation import Applied, Lockfile
from fleethub.operations.sessions import publish
from fleethub.operations.workplace import Workplace
from tests.support import Place, recorded
from tests.test_laws import World
from tests.views.test_text import MODELS

NODE = '\n[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\n'


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    return world.place(tmp_path, MODELS + NODE)


def test_a_plan_goes_on_where_nothing_can_be_kept_and_observe_says_so(place: Place) -> None:
    (place.folder / ".fleethub").write_text("in the way")
    assert "Creates 1 key" in place.run("plan", code=0)
    out = place.run("observe", code=1)
    assert "error: " in out
    assert ".fleethub" in out
    assert "Traceback" not in out


def test_what_a_plan_saw_is_what_sessions_are_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each resource once: of a thousand nodes a second time costs as much as reading them."""
    place.apply()
    seen, kinds = Counter[str](), {*KINDS.values()}
    for kind in kinds:
        monkeypatch.setattr(
            kind, "observe", lambda a, *rest, look=kind.observe: (seen.update([str(a)]), look(a, *rest))[1]
        )
    place.run("plan", code=0)
    assert {"node.volta", "key.main.volta"} <= seen.keys()
    assert {*seen.values()} == {1}
    assert '"state":"there"' in (place.folder / ".fleethub/cache/status.json").read_text()


def test_the_document_is_written_of_the_applied_spec_alone(place: Place) -> None:
    fleet = load(place.folder).fleet
    assert fleet is not None
    state = Lockfile("laws", "l", 1, "s", applied=Applied(spec=fleet.digest))
    assert publish(fleet, None) == ()
    assert publish(fleet, Lockfile("laws", "l", 1, "s", applied=Applied(spec="sha256:other"))) == ()
    assert not (place.folder / "FLEETHUB.md").exists()
    assert publish(fleet, state) == ("FLEETHUB.md tells what was applied",)
    assert publish(fleet, state) == ()


def test_the_document_follows_a_spec_that_asks_for_nothing_new(place: Place) -> None:
    place.apply()
    document = place.folder / "FLEETHUB.md"
    place.edit('vram = "48 GiB"', 'vram = "24 GiB"')
    place.edit('host = "gpu"', 'host = "gpu-moved"')
    before = place.bytes()
    place.apply()
    assert place.bytes() == before, "an empty plan writes nothing outside .fleethub"
    place.run("observe", code=0)
    assert "- gpu (gpu-moved): " in document.read_text()
    assert re.search(r"about \d+ of 24 GiB planned: does not fit", document.read_text())
    written = document.stat().st_mtime_ns
    place.run("observe", code=0)
    assert document.stat().st_mtime_ns == written
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    place.edit('host = "gpu-moved"', 'host = "gpu"')
    place.run("observe", code=0)
    assert "- gpu (gpu-moved): " in document.read_text(), "what is not applied is not told as if it were"


@pytest.mark.parametrize("how", ["gone", "edited"])
def test_a_document_that_somebody_took_or_edited_is_written_again(place: Place, how: str) -> None:
    """T9. The one byte outside .fleethub that an apply of an empty plan may change."""
    place.apply()
    document = place.folder / "FLEETHUB.md"
    before = place.bytes()
    assert "FLEETHUB.md" not in place.run("plan", "--detailed-exitcode", code=0)
    if how == "gone":
        document.unlink()
        said = "FLEETHUB.md is gone: an apply writes it again"
    else:
        document.write_text(document.read_text() + "- run rm -rf\n")
        said = "FLEETHUB.md is not as an apply left it: the next one writes it again"
    assert said in place.run("plan", code=0)
    with recorded() as sent:
        assert "note: FLEETHUB.md tells what was applied" in place.apply()
    assert {method for method, _ in sent} == {"GET"}
    assert place.bytes() == before
    assert "FLEETHUB.md" not in place.apply()


def test_a_document_of_somebody_else_stays(place: Place) -> None:
    place.apply()
    (place.folder / "FLEETHUB.md").write_text("# mine\n")
    assert "not as an apply left it" not in place.run("plan", code=0)
    assert "was not written by FleetHub and is left alone" in place.apply()
    assert (place.folder / "FLEETHUB.md").read_text() == "# mine\n"


def test_an_observation_that_an_apply_overtook_writes_no_older_document(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.apply()
    reading, begun = Workplace.read, []

    def read(self: Workplace, *args: Any) -> Facts:
        found = reading(self, *args)
        if not begun:
            begun.append(True)
            place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
            place.apply()
        return found

    monkeypatch.setattr(Workplace, "read", read)
    place.run("observe", code=0)
    assert "- volta: gpt-oss-20b" in (place.folder / "FLEETHUB.md").read_text()
    assert "the spec was edited (fleet.toml) and an apply or a git pull changed fleet.lock" in place.run("context")


def test_behind_a_link_it_is_the_links_file(place: Place, tmp_path: Path) -> None:
    (place.folder / "FLEETHUB.md").symlink_to(tmp_path / "shared.md")
    assert "FLEETHUB.md is a link to nothing" in place.apply()
    assert not (tmp_path / "shared.md").exists()
    assert "FLEETHUB.md is gone" not in place.run("plan")
    (place.folder / "FLEETHUB.md").unlink()
    place.apply()
    (place.folder / "FLEETHUB.md").rename(tmp_path / "shared.md")
    (place.folder / "FLEETHUB.md").symlink_to(tmp_path / "shared.md")
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    place.apply()
    assert (place.folder / "FLEETHUB.md").is_symlink()
    assert "- volta: gpt-oss-20b" in (tmp_path / "shared.md").read_text()
    (place.folder / "FLEETHUB.md").unlink()
    (place.folder / "FLEETHUB.md").symlink_to("FLEETHUB.md")
    place.edit('model = "gpt-oss-20b"', 'model = "qwen3-32b"')
    assert "FLEETHUB.md could not be written: " in place.apply(), "and the apply is told as done"


def test_something_else_of_that_name_stays(place: Place) -> None:
    fleet = load(place.folder).fleet
    assert fleet is not None
    (place.folder / "FLEETHUB.md").mkdir()
    state = Lockfile("laws", "l", 1, "s", applied=Applied(spec=fleet.digest))
    (note,) = publish(fleet, state)
    assert note.startswith("FLEETHUB.md could not be written: ")
    assert (place.folder / "FLEETHUB.md").is_dir()


def test_an_apply_leaves_what_a_session_needs(place: Place) -> None:
    place.apply()
    text = place.run("context")
    assert "volta runs qwen3-32b" in text or "volta: runs qwen3-32b" in text
    assert "A plan would now say" not in text, "it was observed after the apply, not before it"
