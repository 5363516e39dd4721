"""Whose edits an apply would carry, by git's blame and the history of edits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fleethub.fleetspec import load
from fleethub.model.observation import Applied, Lockfile
from fleethub.operations import carried, history
from fleethub.stores.file import FileStore

FIRST = '[fleet]\nname = "x"\n\n[policy]\ndrift = "stop"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(FIRST)
    return tmp_path


def git(folder: Path, author: str, *words: str) -> None:
    who = ["-c", f"user.name={author}", "-c", f"user.email={author}@example"]
    subprocess.run(["git", *who, "-C", str(folder), *words], capture_output=True, check=True)


def applied(folder: Path) -> Lockfile:
    """The spec of now was applied, and is kept."""
    loaded = load(folder)
    history.keep_spec(FileStore(folder), loaded.digest, loaded.texts)
    return Lockfile("x", "l", 1, "", applied=Applied(spec=loaded.digest))


def notes(folder: Path, lockfile: Lockfile | None) -> list[str]:
    loaded = load(folder)
    return carried.notes(FileStore(folder), folder, loaded.digest, loaded.texts, lockfile)


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "fleet.toml"
    path.write_text(path.read_text().replace(old, new))


def test_each_line_since_the_last_apply_has_its_author(folder: Path) -> None:
    git(folder, "Ana", "init", "-q")
    git(folder, "Ana", "add", "fleet.toml")
    git(folder, "Ana", "commit", "-qm", "first")
    lockfile = applied(folder)
    assert notes(folder, lockfile) == []
    edit(folder, '"stop"', '"repair"')
    git(folder, "Ben Ito", "commit", "-qam", "second")
    (folder / "fleet.toml").write_text((folder / "fleet.toml").read_text() + 'reserve = "2 GiB"\n')
    (told,) = notes(folder, lockfile)
    by_ben, by_nobody = told.removeprefix("fleet.toml was edited since the last apply: ").split("; ")
    assert by_ben.startswith('line 5 "Ben Ito" (')
    assert by_nobody.startswith("line 6 not committed (the file is ")


def test_lines_that_went_have_who_took_them_out(folder: Path) -> None:
    git(folder, "Ana", "init", "-q")
    git(folder, "Ana", "add", "fleet.toml")
    git(folder, "Ana", "commit", "-qm", "first")
    lockfile = applied(folder)
    edit(folder, 'drift = "stop"\n', "")
    (told,) = notes(folder, lockfile)
    assert told.startswith(
        "fleet.toml was edited since the last apply: lines were removed, not committed (the file is "
    )
    git(folder, "Ben", "commit", "-qam", "second")
    (told,) = notes(folder, lockfile)
    assert told.startswith("fleet.toml was edited since the last apply: lines were removed, Ben (")


def test_without_an_apply_only_what_nobody_committed_is_told(folder: Path) -> None:
    assert notes(folder, None) == []  # not in git
    git(folder, "Ana", "init", "-q")
    assert notes(folder, None) == []
    git(folder, "Ana", "add", "fleet.toml")
    git(folder, "Ana", "commit", "-qm", "first")
    assert notes(folder, None) == []
    edit(folder, '"stop"', '"repair"')
    (told,) = notes(folder, None)
    assert told.startswith("fleet.toml was edited since the last commit: line 5 not committed (")


def test_without_git_the_history_of_edits_says_who(folder: Path) -> None:
    lockfile = applied(folder)
    edit(folder, '"stop"', '"repair"')
    assert notes(folder, lockfile) == []  # nothing is known of who did that
    edit(folder, '"repair"', '"stop"')
    edit(folder, 'name = "x"\n', 'name = "x"\nssh_program = true\n')
    digest = load(folder).digest
    line = {"by": "ops@desk", "project": "Volta", "says": "set ssh", "action": "set", "address": "node.a"}
    with history_of(folder) as edits:
        edits.append({**line, "after": digest})
    (told,) = notes(folder, lockfile)
    who = "line 3 not committed, by ops@desk for Volta (set ssh, "
    assert told.replace('"', "").startswith(f"fleet.toml was edited since the last apply: {who}")


def history_of(folder: Path):  # type: ignore[no-untyped-def]
    from fleethub.stores.history import History

    return History(folder / ".fleethub/history.ndjson")
