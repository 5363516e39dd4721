"""The file store: atomic, with backups; the lock names its holder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.lockfile.errors import LockfileError
from fleethub.model.observation import Lockfile
from fleethub.stores.file import BACKUPS, FileStore
from fleethub.stores.lock import LockedError, local_lock

LOCKFILE = Lockfile("monad", "lineage", 1, "fp1:0")


def test_no_lockfile_is_none(tmp_path: Path) -> None:
    assert FileStore(tmp_path).read() is None


def test_backups_are_kept_by_serial_and_bounded(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    others = tmp_path / "others"  # the folder of backups may be a link, which may have come with the repository
    others.mkdir()
    (others / "0-precious.lock").write_text("mine")
    (tmp_path / ".fleethub").mkdir()
    (tmp_path / ".fleethub/backups").symlink_to(others)
    for serial in range(1, BACKUPS + 5):
        store.write(replace(LOCKFILE, serial=serial))
        store.write(replace(LOCKFILE, serial=serial))
    assert (others / "0-precious.lock").read_text() == "mine"
    kept = sorted(p.name for p in (tmp_path / ".fleethub/backups").iterdir() if p.name[1] != "-")
    assert len(kept) == BACKUPS
    assert kept[-1] == f"{BACKUPS + 3:08d}.lock"
    assert store.read() == replace(LOCKFILE, serial=BACKUPS + 4)
    assert not list(tmp_path.glob(".fleet.lock.*"))


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
