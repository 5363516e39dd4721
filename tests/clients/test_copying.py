"""A node's own folders from one target to another: whole, proved, once, and never over what is no older copy."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.host import Copied, HostError, Target, copy, copying, scripts
from fleethub.clients.shell import Local
from tests.dying import Dying, points

FOLDERS = ("state", "workspace")
OWN = ("workspace/FLEETHUB.md",)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Target, Target]:
    for name in ("old", "new"):
        for folder in (*FOLDERS, ".fleethub"):
            (tmp_path / name / folder).mkdir(parents=True)
        (tmp_path / name / OWN[0]).write_text(name)
    old = tmp_path / "old"
    (old / "state/db").write_bytes(os.urandom(3 << 20))
    (old / "state/db").chmod(0o640)
    (old / "state/a b/empty").mkdir(parents=True)
    (old / "state/a b/-x 'y\"").write_text("z")
    (old / "workspace/link").symlink_to("nowhere")
    (old / "workspace/run.sh").write_text("#!/bin/sh\n")
    (old / "workspace/run.sh").chmod(0o755)
    if os.getuid() == 0:
        os.chown(old / "state/db", 1234, 4321)
    os.utime(old / "workspace/run.sh", (1e9, 1e9))
    return Target(Local(), str(tmp_path / "old")), Target(Local(), str(tmp_path / "new"))


def contents(target: Target) -> dict[str, object]:
    """All that lies in the node's own folders."""
    root = Path(target.path)
    found: dict[str, object] = {}
    for path in sorted(p for folder in FOLDERS for p in (root / folder).rglob("*")):
        info = path.lstat()
        name = str(path.relative_to(root))
        what = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        if name not in OWN:
            found[name] = (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, what)
    return found


def test_it_is_whole_and_the_old_stays(pair: tuple[Target, Target]) -> None:
    old, new = pair
    before = contents(old)
    done = copy(old, new, FOLDERS, OWN)
    assert (done.things, done.anew) == (8, True)
    assert contents(new) == before == contents(old)
    assert (Path(new.path) / "workspace/run.sh").stat().st_mtime == 1e9
    assert (Path(new.path) / OWN[0]).read_text() == "new", "what FleetHub delivered there stays"
    assert sorted(p.name for p in (Path(new.path) / ".fleethub").iterdir()) == ["arrived"]
    assert copy(old, new, FOLDERS, OWN) == Copied(done.things, done.bytes, anew=False)


def test_what_runs_there_by_now_is_not_replaced(pair: tuple[Target, Target]) -> None:
    old, new = pair
    copy(old, new, FOLDERS, OWN)
    (Path(new.path) / "state/db").write_text("written there since")
    assert copy(old, new, FOLDERS, OWN).anew is False
    (Path(old.path) / "state/db").write_text("and here")
    with pytest.raises(HostError, match=r"is no copy of what .*/old has, so it is not replaced: empty those folders"):
        copy(old, new, FOLDERS, OWN)
    assert (Path(new.path) / "state/db").read_text() == "written there since"


def test_an_older_copy_is(pair: tuple[Target, Target]) -> None:
    old, new = pair
    copy(old, new, FOLDERS, OWN)
    (Path(old.path) / "state/db").write_text("went on")
    copy(old, new, FOLDERS, OWN)
    assert contents(new) == contents(old)
    (Path(new.path) / "state/db").write_text("goes back")
    (Path(old.path) / ".fleethub/arrived").unlink(missing_ok=True)
    copy(new, old, FOLDERS, OWN)  # there lies what was copied here
    assert contents(new) == contents(old)


def test_somebody_elses_is_not(pair: tuple[Target, Target]) -> None:
    old, new = pair
    (Path(new.path) / "workspace/mine").write_text("")
    with pytest.raises(HostError, match="is no copy"):
        copy(old, new, FOLDERS, OWN)
    assert list(contents(new)) == ["workspace/mine"]


def test_nothing_to_copy(pair: tuple[Target, Target]) -> None:
    old, new = pair
    copy(new, old, FOLDERS, OWN)  # folders alone
    assert copy(new, old, FOLDERS, OWN) == Copied()
    assert "state/db" in contents(old)


@pytest.mark.parametrize("folder", ["old", "new"])
def test_a_link_in_a_folders_place_is_refused(pair: tuple[Target, Target], folder: str) -> None:
    old, new = pair
    root = Path(pair[folder == "new"].path)
    (root / "state").rename(root / "elsewhere")
    (root / "state").symlink_to("elsewhere")
    with pytest.raises(HostError, match="/state is a link"):
        copy(old, new, FOLDERS, OWN)


def test_what_does_not_arrive_as_it_left_is_not_put_in_place(
    pair: tuple[Target, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = pair
    stream = copying._stream

    def written_to(*args: object) -> None:
        (Path(old.path) / "state/db").write_text("still running")
        stream(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "_stream", written_to)
    with pytest.raises(HostError, match="not the same, so nothing was put in place; is it still written to"):
        copy(old, new, FOLDERS, OWN)
    assert contents(new) == {}


def test_what_does_not_leave_whole_is_not_put_in_place(
    pair: tuple[Target, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = pair
    broken = scripts.LEAVE.replace(
        "tar -cf - ", "tar -cf - ./state/a* | head -c 700; echo the disk is gone >&2; exit 2 #"
    )
    monkeypatch.setattr(scripts, "LEAVE", broken)
    with pytest.raises(HostError, match="/old: the disk is gone"):
        copy(old, new, FOLDERS, OWN)
    assert contents(new) == {}


def test_owners_that_cannot_be_kept_are_said_before_anything_is_sent(
    pair: tuple[Target, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = pair
    look = copying.account

    def as_other(target: Target, *args: Any) -> copying.Account:
        return replace(look(target, *args), me=1001 if target is new else 0, owners=frozenset({0, 1000}))

    monkeypatch.setattr(copying, "account", as_other)
    with pytest.raises(HostError, match=r"files of user 1000 lie in state, workspace.*log in there as root, or as"):
        copy(old, new, FOLDERS, OWN)
    assert contents(new) == {}


def test_who_is_late_is_refused(pair: tuple[Target, Target]) -> None:
    old, new = pair
    (Path(new.path) / ".fleethub/mark.json").write_text('{\n "lineage": "l",\n "serial": 3\n}\n')
    with pytest.raises(HostError, match="apply 3 wrote there since"):
        copy(old, new, FOLDERS, OWN, "l", 2)
    assert contents(new) == {}


def test_memory_is_bounded_and_an_end_is_an_end() -> None:
    pipe = copying._Pipe()
    for n in range(copying.PARTS):
        pipe.write(b"%d" % n)
    pipe.close()
    with pytest.raises(BrokenPipeError):
        pipe.write(b"")
    assert len(list(pipe)) == copying.PARTS


@pytest.mark.parametrize("first", points(24))
def test_it_may_die_anywhere_and_goes_on(
    pair: tuple[Target, Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Each program that a script of it starts dies once, before or after its work: then the rest is done."""
    dying = Dying(_folder(tmp_path / "bin"), tmp_path / "dying")
    monkeypatch.setenv("PATH", f"{dying.folder}:{os.environ['PATH']}")
    old, new = pair
    before = contents(old)
    for n in range(first, 49, 24):
        for when in ("before", "after"):
            for folder in FOLDERS:
                shutil.rmtree(Path(new.path) / folder, ignore_errors=True)
            shutil.rmtree(Path(new.path) / ".fleethub", ignore_errors=True)
            dying.at(n, when)
            with contextlib.suppress(HostError):
                copy(old, new, FOLDERS, OWN)
            dying.disarm()
            copy(old, new, FOLDERS, OWN)
            assert contents(new) == before == contents(old), (n, when)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
