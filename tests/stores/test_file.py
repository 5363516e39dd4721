"""The file store: atomic, with backups, edited by git; the lock names its holder and dies with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleethub.lockfile.errors import LockfileError
from fleethub.lockfile.text import dump, load
from fleethub.model.exit import Exit
from fleethub.model.observation import Lockfile
from fleethub.operations import plan as planning
from fleethub.operations.held import HeldPlan
from fleethub.operations.state_versions import versions
from fleethub.stores.file import BACKUPS, FileStore
from fleethub.stores.interface import LockedError, StaleLockfileError
from fleethub.stores.lock import local_lock
from tests.stores.conformance import Conformance, Opens
from tests.test_laws import World
from tests.views.test_text import MODELS

LOCKFILE = Lockfile("monad", "lineage", 1, "fp1:0")
NODE = '\n[nodes.volta]\nhost = "volta"\nmodel = "qwen3-32b"\n'


class TestFileStore(Conformance):
    @pytest.fixture
    def opens(self, tmp_path: Path) -> Opens:
        return lambda: FileStore(tmp_path)


def test_backups_are_kept_by_serial_and_bounded(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    others = tmp_path / "others"  # the folder of backups may be a link, which may have come with the repository
    others.mkdir()
    (others / "0-precious.lock").write_text("mine")
    (tmp_path / ".fleethub").mkdir()
    (tmp_path / ".fleethub/backups").symlink_to(others)
    version = ""
    for serial in range(1, BACKUPS + 5):
        for _ in range(2):
            version = store.write(replace(LOCKFILE, serial=serial), version)
    assert (others / "0-precious.lock").read_text() == "mine"
    kept = sorted(p.name for p in (tmp_path / ".fleethub/backups").iterdir() if p.name[1] != "-")
    assert len(kept) == BACKUPS
    assert kept[-1] == f"{BACKUPS + 3:08d}.lock"
    assert store.read().lockfile == replace(LOCKFILE, serial=BACKUPS + 4)
    assert not list(tmp_path.glob(".fleet.lock.*"))


def test_twins_are_both_kept(tmp_path: Path) -> None:
    """Two clones' applies reached one serial; git brings one after the other, and each becomes a backup."""
    store, path = FileStore(tmp_path), tmp_path / "fleet.lock"
    mine, theirs = (replace(LOCKFILE, serial=2, apply=name) for name in ("mine0000", "theirs00"))
    for twin in (mine, theirs, mine):
        path.write_text(dump(twin))
        store.write(replace(LOCKFILE, serial=3), store.version())
    assert store.at(2) == mine
    assert [one.apply for one in store.every(2)] == ["mine0000", "theirs00"]
    assert store.serials() == (2,)
    assert [(v.lockfile.serial, v.lockfile.apply) for v in versions(store)] == [
        (3, ""),
        (2, "theirs00"),
        (2, "mine0000"),
    ]
    for serial in range(3, BACKUPS + 5):
        store.write(replace(LOCKFILE, serial=serial), store.version())
    assert not list((tmp_path / ".fleethub/backups").glob("00000002*"))


def test_what_was_edited_since_is_left_and_what_is_refused_is_kept(tmp_path: Path) -> None:
    store, path = FileStore(tmp_path), tmp_path / "fleet.lock"
    version = store.write(LOCKFILE, "")
    edited = path.read_text() + "# by hand\n"
    path.write_text(edited)
    for base in (version, ""):
        with pytest.raises(StaleLockfileError, match=r"\.fleethub/refused\.lock.*plan again"):
            store.write(replace(LOCKFILE, serial=2), base)
    assert path.read_text() == edited
    assert load((tmp_path / ".fleethub/refused.lock").read_text()).serial == 2
    path.unlink()
    with pytest.raises(StaleLockfileError):
        store.write(replace(LOCKFILE, serial=2), version)
    assert not path.exists()


def test_a_git_pull_while_the_plan_is_read_ends_the_apply_before_any_request(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = world.place(tmp_path, MODELS + NODE)
    place.apply()
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    path, before, reads = place.folder / "fleet.lock", world.admin.row("volta"), planning.read_and_plan

    def read_and_plan(*args: Any, **options: Any) -> HeldPlan:
        made = reads(*args, **options)
        path.write_text(path.read_text().replace("serial = 1", "serial = 2"))
        return made

    monkeypatch.setattr(planning, "read_and_plan", read_and_plan)
    out = place.apply(code=Exit.STALE)
    assert "fleet.lock was changed by somebody else since it was read" in out
    assert "serial = 2" in path.read_text()
    assert world.admin.row("volta") == before


def test_an_empty_file_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "fleet.lock").touch()
    with pytest.raises(StaleLockfileError):
        FileStore(tmp_path).write(LOCKFILE, "")


def test_a_git_pull_while_steps_are_done_is_told_with_what_was_done(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = world.place(tmp_path, MODELS + NODE)
    place.apply()
    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    path, write = place.folder / "fleet.lock", FileStore.write

    def first(store: FileStore, lockfile: Lockfile, base: str) -> str:
        version = write(store, lockfile, base)
        monkeypatch.setattr(FileStore, "write", write)
        path.write_text(path.read_text() + "# pulled\n")
        return version

    monkeypatch.setattr(FileStore, "write", first)
    out = place.apply(code=Exit.STALE)
    assert "git diff --no-index fleet.lock .fleethub/refused.lock" in out
    assert "fleet.lock was changed by somebody else during this apply; nothing more was done" in out
    assert path.read_text().endswith("# pulled\n")
    (place.folder / ".fleethub/refused.lock").replace(path)  # what the note says
    place.apply()
    place.plan_is_empty()


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "fleet.lock").mkdir()
    with pytest.raises(LockfileError, match="cannot be read"):
        FileStore(tmp_path).read()


def test_what_is_no_text_says_where_to_get_it_back(tmp_path: Path) -> None:
    (tmp_path / "fleet.lock").write_bytes(b"\xff\xfe")
    with pytest.raises(LockfileError, match=r"is not UTF-8; take it from git again, or from \.fleethub/backups"):
        FileStore(tmp_path).read()


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    path = tmp_path / ".fleethub/lock"
    code = (
        "import sys; from pathlib import Path; from fleethub.stores.lock import local_lock\n"
        f"with local_lock(Path({str(path)!r}), 'apply'):\n    print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockedError, match=f"pid {holder.pid}, apply"), local_lock(path, "apply"):
        pass
    holder.kill()
    holder.wait()
    with local_lock(path, "destroy"):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert path.read_text() == ""
