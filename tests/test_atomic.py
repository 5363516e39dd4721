"""Files are there whole or not at all: on a full disk, and whoever else writes them."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleethub.atomic import Lines, create, replace
from fleethub.fleetspec.scaffold import GITIGNORE
from fleethub.stores.lock import local_lock
from tests.cli.test_streams import RUN, shell

#: No file may grow beyond 1 KiB, which is less than any spec: what a full disk does, and no other process feels it.
FULL = "export PYTHONDONTWRITEBYTECODE=1; ulimit -f 1; "  # nor may what Python compiles be cut off


def test_init_without_room_leaves_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    code, said = shell(tmp_path, f"{FULL}{RUN} init alpha")
    assert code == 1
    assert f"File too large: '{tmp_path}/fleet.toml'" in said
    assert not list(tmp_path.iterdir())
    assert shell(tmp_path, f"{RUN} init alpha")[0] == 0
    assert shell(tmp_path, f"{RUN} validate")[0] == 0


def test_a_gitignore_of_any_bytes_keeps_them(tmp_path: Path) -> None:
    assert shell(tmp_path, f"{RUN} init alpha")[0] == 0
    mine = b"caf\xe9\r\n" + b"x" * 1010
    (tmp_path / ".gitignore").write_bytes(mine)
    (tmp_path / ".gitignore").chmod(0o600)
    code, said = shell(tmp_path, f"{FULL}{RUN} init alpha")
    assert code == 1
    assert ".gitignore" in said
    assert (tmp_path / ".gitignore").read_bytes() == mine
    assert not list(tmp_path.glob(".*.tmp"))
    assert shell(tmp_path, f"{RUN} init alpha")[0] == 0
    assert (tmp_path / ".gitignore").read_bytes() == mine + b"\n" + GITIGNORE.encode()
    assert (tmp_path / ".gitignore").stat().st_mode & 0o777 == 0o600


def test_what_cannot_take_its_place_leaves_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "place" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="place"):
        replace(tmp_path / "place", b"data", 0o644)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_a_line_that_found_no_room_hides_no_later_one(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from fleethub.atomic import Lines\n"
        "Lines(pathlib.Path('log'), 0o600).add(b'first')\n"
        "try: Lines(pathlib.Path('log'), 0o600).add(b'x' * 2000)\n"
        "except OSError as error: print(error.filename)\n"
    )
    (tmp_path / "script.py").write_text(script)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        ["/bin/bash", "-c", f"{FULL}{sys.executable} script.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("log\n", "")
    assert (tmp_path / "log").stat().st_size == 1024
    log = Lines(tmp_path / "log", 0o600)
    log.add(b"last")
    log.close()
    assert (tmp_path / "log").read_bytes().splitlines()[0::2] == [b"first", b"last"]


def test_lines_that_come_together_wait_for_the_disk_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is on disk when its call returns: by a wait that began after it was written, its own or another's."""
    log, syncs, slow = Lines(tmp_path / "log", 0o600), 0, threading.Event()
    on_disk = b""
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        nonlocal syncs, on_disk
        syncs += 1
        there = (tmp_path / "log").read_bytes()
        if syncs == 1:
            assert slow.wait(60), "the other lines are written meanwhile"
        fsync(descriptor)
        on_disk = there

    def add(line: bytes) -> None:
        log.add(line)
        assert line + b"\n" in on_disk

    monkeypatch.setattr(os, "fsync", counted)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(add, b"first")
        while not syncs:
            threading.Event().wait(0.001)
        others = [pool.submit(add, b"line %d" % n) for n in range(8)]
        while (tmp_path / "log").read_bytes().count(b"\n") < 9:
            threading.Event().wait(0.001)
        slow.set()
        for one in (first, *others):
            one.result()
    assert syncs == 2
    log.add(b"last", settle=False)
    assert syncs == 2
    log.close()
    assert len((tmp_path / "log").read_bytes().splitlines()) == 10


def test_a_disk_that_lost_a_line_is_never_said_to_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so once, to one of those who wait: a second fsync finds nothing left to write, and all well."""
    log, syncs, slow = Lines(tmp_path / "log", 0o600), 0, threading.Event()
    log.add(b"kept")

    def loses_once(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == 1:
            assert slow.wait(60), "the other line is written meanwhile"
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", loses_once)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(log.add, b"first")
        while not syncs:
            threading.Event().wait(0.001)
        second = pool.submit(log.add, b"second")
        while (tmp_path / "log").read_bytes().count(b"\n") < 3:
            threading.Event().wait(0.001)
        slow.set()
        for one in (first, second):
            with pytest.raises(OSError, match=f"Input/output error.*{tmp_path}/log"):
                one.result()
    with pytest.raises(OSError, match="what was written before did not come to disk"):
        log.add(b"third", settle=False)
    assert syncs == 1
    assert (tmp_path / "log").read_bytes().splitlines()[0] == b"kept"
    log.close()
    again = Lines(tmp_path / "log", 0o600)  # another apply, whose lines are its own
    again.add(b"fourth")
    assert syncs == 2
    again.close()


@pytest.mark.parametrize("made", [create, replace, lambda path, data, mode: Lines(path, mode)])
def test_a_file_whose_name_did_not_come_to_disk_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Callable[[Path, bytes, int], object]
) -> None:
    fsync = os.fsync

    def of_files_alone(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", of_files_alone)
        with pytest.raises(OSError, match=str(tmp_path)):
            made(tmp_path / "file", b"data", 0o600)
    if made is create:
        assert not (tmp_path / "file").exists()
    made(tmp_path / "file", b"data", 0o600)


def test_writers_in_threads_of_one_process_do_not_meet(tmp_path: Path) -> None:
    path, together, failed = tmp_path / "file", threading.Barrier(4), []

    def write(data: bytes) -> None:
        together.wait()
        try:
            for _ in range(50):
                replace(path, data, 0o600)
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter * 9000,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(set(path.read_bytes())) == 1
    assert len(path.read_bytes()) == 9000
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


KILLED = """
import os, pathlib, signal, sys
from fleethub import atomic
place = pathlib.Path(sys.argv[1])
def dies(*args): os.kill(os.getpid(), signal.SIGKILL)
atomic.os.fsync = dies
atomic.replace(place, b"half", 0o600)
"""


def test_nothing_is_written_or_emptied_through_a_link(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for target in (mine, tmp_path / "absent"):
        mine.write_text("mine")
        link = tmp_path / "link"
        link.symlink_to(target)
        with pytest.raises(OSError, match="it is a link"):
            Lines(link, 0o600)
        with pytest.raises(OSError, match="it is a link"), local_lock(link, "apply"):
            pass
        link.unlink()
    assert mine.read_text() == "mine"
    assert not (tmp_path / "absent").exists()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".tmp"))


def test_what_a_killed_writer_left_goes_with_the_next_write_of_the_file(tmp_path: Path) -> None:
    place = tmp_path / "fleet.toml"
    place.write_bytes(b"old")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", KILLED, str(place)], env=environment)
    assert done.returncode == -signal.SIGKILL
    assert len(left(tmp_path)) == 1
    assert place.read_bytes() == b"old"
    others = (".other.toml.0123456789ab.tmp", ".fleet.toml.mine.tmp", "fleet.toml.0123456789ab.tmp")
    for name in others:
        (tmp_path / name).write_bytes(b"not ours to remove")
    (tmp_path / ".fleet.toml.aaaaaaaaaaaa.tmp").symlink_to(place)
    replace(place, b"new", 0o644)
    assert left(tmp_path) == sorted((*others, ".fleet.toml.aaaaaaaaaaaa.tmp"))
    assert place.read_bytes() == b"new"


def test_what_a_living_writer_holds_stays(tmp_path: Path) -> None:
    place = tmp_path / "fleet.toml"
    held = tmp_path / ".fleet.toml.0123456789ab.tmp"
    with held.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        replace(place, b"new", 0o644)
        assert held.exists()
    replace(place, b"newer", 0o644)
    assert not held.exists()
