"""A delivery to a folder of this machine takes no process, leaves what the script would leave, and dies as it does."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import stat
from atexit import register
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from fleethub.clients import process
from fleethub.clients.host import Bundle, HostError, Hosts, SetCheck, Target, placing, target
from fleethub.clients.shell import Shells
from fleethub.model.secret import Blob
from tests.dying import Dying, points

OLD = ((".env", b"KEY='1'\n", 0o600), ("compose.yaml", b"a: 1\n", 0o644), ("state/a.json", b"{}\n", 0o640))
NEW = ((".env", b"KEY='2'\n", 0o600), ("compose.yaml", b"a: 2\n", 0o644), ("state/a.json", b"[]\n", 0o640))
PATHS = tuple(path for path, _, _ in OLD)
SEEN: dict[str, Blob | None] = {path: Blob(content) for path, content, _ in OLD}
#: What a delivery is made of: each may be the last thing that a process does.
CALLS = ("mkdir", "open", "write", "fchmod", "fchown", "chown", "chmod", "fsync", "rename", "unlink", "rmdir")


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[[str], Target]]:
    shells = Shells()
    yield Hosts(shells, tmp_path).at
    shells.close()


def bundle(files: tuple[tuple[str, bytes, int], ...] = OLD, serial: int = 1, **more: Any) -> Bundle:
    return Bundle(files, {"lineage": "l", "serial": serial, "generation": 1}, **more)


def tree(node: Target) -> dict[str, tuple[int, int, int, bytes]]:
    """All that lies there: mode, owner, group, content or where a link leads."""
    found = {}
    for path in sorted(Path(node.path).rglob("*")):
        seen = path.lstat()
        file, link = stat.S_ISREG(seen.st_mode), stat.S_ISLNK(seen.st_mode)
        content = path.read_bytes() if file else os.fsencode(path.readlink()) if link else b""
        found[str(path.relative_to(node.path))] = (seen.st_mode, seen.st_uid, seen.st_gid, content)
    return found


def by_script(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(target, "place", lambda folder, bundle, holder: False)


def nothing(node: Path) -> None:
    pass


@cache
def applied() -> Path:
    """A target with the old set, as the script leaves it."""
    folder = Path(mkdtemp(prefix="fleethub-placing-"))
    register(shutil.rmtree, folder)
    with pytest.MonkeyPatch.context() as patch:
        by_script(patch)
        Hosts(Shells(), folder).at("n").deliver(bundle())
    return folder / "n"


def old_set(node: Path) -> None:
    shutil.copytree(applied(), node)


def two_sets(node: Path) -> None:
    old_set(node)
    shutil.copytree(node / ".fleethub/applied", node / ".fleethub/previous")


def by_hand(node: Path) -> None:
    old_set(node)
    (node / "compose.yaml").write_text("by hand")


def a_link(node: Path) -> None:
    old_set(node)
    (node / "compose.yaml").unlink()
    (node / "compose.yaml").symlink_to("elsewhere")


def a_folder(node: Path) -> None:
    old_set(node)
    (node / "compose.yaml").unlink()
    (node / "compose.yaml").mkdir()


def broken_off(node: Path) -> None:
    """As one that was killed while it received a set."""
    old_set(node)
    (node / ".fleethub/incoming/applied").mkdir(parents=True)
    (node / ".fleethub/incoming/applied/.env").write_text("half")


def dead_lock(node: Path) -> None:
    old_set(node)
    (node / ".fleethub/lock").mkdir()
    (node / ".fleethub/lock/holder").write_text("999999999 somebody@else\n")


def later(node: Path) -> None:
    old_set(node)
    mark = node / ".fleethub/mark.json"
    mark.write_text(mark.read_text().replace('"serial": 1', '"serial": 9'))


def another_lineage(node: Path) -> None:
    later(node)
    mark = node / ".fleethub/mark.json"
    mark.write_text(mark.read_text().replace('"l"', '"other"'))


def odd_mark(node: Path) -> None:
    old_set(node)
    (node / ".fleethub/mark.json").write_text('{"lineage": "l", "serial": 9}')


def link_within(node: Path) -> None:
    (node / "else").mkdir(parents=True)
    (node / "state").symlink_to("else")


def above_is_a_file(node: Path) -> None:
    old_set(node)
    (node / "state/a.json").unlink()
    (node / "state").rmdir()
    (node / "state").write_text("in the way")


def mark_is_a_folder(node: Path) -> None:
    old_set(node)
    (node / ".fleethub/mark.json").unlink()
    (node / ".fleethub/mark.json").mkdir()


STATES = (
    *(nothing, old_set, two_sets, by_hand, a_link, a_folder, broken_off),
    *(dead_lock, later, another_lineage, odd_mark, link_within, above_is_a_file, mark_is_a_folder),
)
#: Who does it where nothing lies there, or the set that came last.
BUNDLES: dict[str, tuple[Bundle, bool]] = {
    "a set": (bundle(NEW, 2, restart=False), True),
    "a set that starts anew": (bundle(NEW, 2), True),
    "with folders": (bundle(NEW, 2, folders=("state", "work/deep"), uid=1234), True),
    "with a file for its process": (bundle(NEW, 2, private=frozenset({".env"}), uid=1234), True),
    "of which most lies there": (bundle((NEW[0], *OLD[1:]), 2, keep=frozenset(PATHS[1:])), True),
    "with what goes": (bundle(NEW[:1], 2, stale={"compose.yaml": Blob(b"a: 1\n"), "state/a.json": Blob(b"?")}), True),
    "where the plan saw nothing": (bundle(NEW, 2, expects=dict.fromkeys(PATHS)), True),
    "where the plan saw the old set": (bundle(NEW, 2, expects=SEEN), True),
    "with a program that checks it": (bundle(NEW, 2, checks=[SetCheck("it", ("true",))]), False),
    "of somebody else's files": (bundle(NEW, 2, owners=frozenset({"compose.yaml"})), False),
    "of a program that listens": (bundle(NEW, 2, port=1), False),
    "with modes": (bundle(((".env", b"", 0o400), ("run", b"x" * 70000, 0o4755)), 2), True),
}
#: Where it is plain who does it: in the others some bundles are refused, or keep what somebody wrote.
PLAIN = {nothing: ("where the plan saw the old set",), old_set: ("where the plan saw nothing",)}


def delivered(node: Target, brought: Bundle) -> str:
    """What came of it, without the node's own name."""
    try:
        return str(node.deliver(brought)).replace(node.path, "NODE")
    except HostError as error:
        return str(error).replace(node.path, "NODE")


def undated(found: Any) -> Any:
    """Without when something was kept."""
    if isinstance(found, str):
        return re.sub(r"\d{8}T\d{6}Z", "THEN", found)
    return {undated(path): what for path, what in found.items()}


ROWS = [
    pytest.param(state, name, marks=() if state is old_set or name == "a set" else pytest.mark.long)
    for state in STATES
    for name in BUNDLES
]


@pytest.mark.parametrize(("state", "name"), ROWS)
def test_both_leave_the_same(
    state: Callable[[Path], None], name: str, nodes: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    brought, plainly = BUNDLES[name]
    did: list[bool] = []

    def place(*args: Any) -> bool:
        did.append(placing.place(*args))
        return did[-1]

    here, there = nodes("here"), nodes("there")
    for node in (here, there):
        state(Path(node.path))
    monkeypatch.setattr(target, "place", place)
    got = delivered(here, brought), tree(here)
    by_script(monkeypatch)
    wanted = delivered(there, brought), tree(there)
    assert undated(got[0]) == undated(wanted[0])
    assert undated(got[1]) == undated(wanted[1])
    if state in PLAIN:
        assert did == [plainly and name not in PLAIN[state]]


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_what_umask_we_have_is_all_the_same(umask: int, nodes: Callable[[str], Target]) -> None:
    here, there = nodes("deep/here"), nodes("deep/there")
    before = os.umask(umask)
    try:
        for node, serial in ((here, 2), (here, 3)):
            assert placing.place(node.path, bundle(NEW, serial, folders=("a/b",)), "me")
        with pytest.MonkeyPatch.context() as patch:
            by_script(patch)
            for serial in (2, 3):
                there.deliver(bundle(NEW, serial, folders=("a/b",)))
    finally:
        os.umask(before)
    assert tree(here) == tree(there)
    above = Path(here.path).parent.stat()
    assert stat.S_IMODE(above.st_mode) == 0o755


def test_no_link_that_comes_in_between_opens_what_it_leads_to(
    nodes: Callable[[str], Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (victim := tmp_path / "victim").mkdir(mode=0o700)
    node, mkdir = nodes("n"), os.mkdir

    def swapped(path: Any, *args: Any, **more: Any) -> None:
        mkdir(path, *args, **more)
        if path == "state":
            os.rmdir(path, dir_fd=more["dir_fd"])
            os.symlink(victim, path, dir_fd=more["dir_fd"])

    monkeypatch.setattr(os, "mkdir", swapped)
    before = os.umask(0o077)
    try:
        placing.place(node.path, bundle(NEW[:2], 1, folders=("state",)), "me")
    finally:
        os.umask(before)
    assert (Path(node.path) / "state").is_symlink()
    assert stat.S_IMODE(victim.stat().st_mode) == 0o700


def test_no_process_is_started(nodes: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "start", None)
    node = nodes("n")
    node.deliver(bundle())
    node.deliver(bundle(NEW, 2, expects=SEEN))
    assert node.read(PATHS).files[".env"].mode == 0o600


def killed(node: Target, brought: Bundle, at: int) -> bool:
    """Whether a process that delivers dies before its ``at``-th call; each of them is a step on the disk."""
    if (pid := os.fork()) == 0:
        code = 1
        try:
            left = at

            def dying(call: Callable[..., Any]) -> Callable[..., Any]:
                def run(*args: Any, **more: Any) -> Any:
                    nonlocal left
                    left -= 1
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return call(*args, **more)

                return run

            for name in CALLS:
                setattr(os, name, dying(getattr(os, name)))
            code = 0 if placing.place(node.path, brought, "me") else 2
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


STEPS = 30


@pytest.mark.parametrize("first", points(STEPS))
@pytest.mark.parametrize("finisher", ["script", "here"])
def test_killed_at_every_call_the_set_is_whole(
    first: int, finisher: str, nodes: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finished by a reading, which takes the script; or by the next delivery, which takes it where it must."""
    whole = nodes("whole")
    old_set(Path(whole.path))
    sets = {1: tree(whole)}
    brought = bundle(NEW, 2, expects=SEEN, stale={"gone": Blob(b"")})
    by_script(monkeypatch)
    whole.deliver(brought)
    sets[2] = tree(whole)
    whole.deliver(bundle(NEW, 3))
    sets[3] = tree(whole)
    monkeypatch.undo()
    outcomes, n = set(), first
    while True:
        node = nodes(f"n{n}")
        old_set(Path(node.path))
        if not killed(node, brought, n):
            break
        if finisher == "script":
            with monkeypatch.context() as patch:
                patch.setattr(target, "look", lambda folder, asked, inside, once: None)
                serial = (node.read(PATHS).mark or {}).get("serial", 0)
            found = {path: what for path, what in tree(node).items() if not path.startswith(".fleethub/incoming")}
            assert found == sets[serial], n
            outcomes.add(serial)
        node.deliver(bundle(NEW, 3))
        assert {p: w for p, w in tree(node).items() if "/previous" not in p} == {
            p: w for p, w in sets[3].items() if "/previous" not in p
        }, n
        n += STEPS
    assert tree(node) == sets[2]
    assert n > 60
    # the commit is among the last calls, which not every row comes to
    assert finisher == "here" or outcomes == {1, 2} or (outcomes == {1} and first > 1)


@pytest.mark.parametrize("first", points(STEPS))
def test_what_a_script_left_that_was_killed_is_taken_up(
    first: int, nodes: Callable[[str], Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tools := tmp_path / "tools").mkdir()
    dying = Dying(tools, tmp_path / "state")
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    for n in range(first, 200, STEPS):
        node = nodes(f"n{n}")
        old_set(Path(node.path))
        dying.at(n, "after" if n % 2 else "before")
        with monkeypatch.context() as patch, suppress(HostError):
            by_script(patch)
            node.deliver(bundle(NEW, 2))
        dying.disarm()
        over = dying.ran < n
        node.deliver(bundle(NEW, 3))
        reading = node.read(PATHS)
        assert {path: file.content.reveal() for path, file in reading.files.items() if file.content} == {
            path: content for path, content, _ in NEW
        }
        assert (reading.mark or {})["serial"] == 3
        own = sorted(path.name for path in Path(node.path, ".fleethub").iterdir())
        assert own == ["applied", "mark.json", "previous"]
        if over:
            break
    assert n > 12


def test_what_cannot_be_put_in_place_once_it_is_committed_is_the_scripts(
    nodes: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``state/`` may be a mount: there is no renaming into it, and ``mv`` copies."""
    rename = os.rename

    def other_disk(old: str, new: str, **more: Any) -> None:
        if new.startswith("state/"):
            raise OSError(errno.EXDEV, "another disk")
        rename(old, new, **more)

    here, there = nodes("here"), nodes("there")
    old_set(Path(here.path))
    old_set(Path(there.path))
    monkeypatch.setattr(os, "rename", other_disk)
    here.deliver(bundle(NEW, 2, expects=SEEN))
    monkeypatch.undo()
    by_script(monkeypatch)
    there.deliver(bundle(NEW, 2, expects=SEEN))
    assert tree(here) == tree(there)


def test_what_cannot_be_finished_is_told(nodes: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch) -> None:
    node = nodes("n")
    old_set(Path(node.path))
    forward = placing._Place.forward

    def in_the_way(self: Any) -> None:
        (Path(node.path) / "compose.yaml").unlink()
        (Path(node.path) / "compose.yaml").mkdir()
        forward(self)

    monkeypatch.setattr(placing._Place, "forward", in_the_way)
    with pytest.raises(HostError, match="a committed delivery cannot be finished"):
        node.deliver(bundle(NEW, 2))


def test_a_mark_nested_deeper_than_it_can_be_written_is_the_scripts(
    nodes: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser may go deeper than the writer: from Python 3.12 on each has a limit of its own."""

    def too_deep(mark: object) -> bytes:
        raise RecursionError

    node = nodes("n")
    old_set(Path(node.path))
    monkeypatch.setattr(placing, "mark_bytes", too_deep)
    assert not placing.place(node.path, bundle(NEW, 2), "me")


def test_a_lock_that_cannot_be_let_go_makes_nothing_undone(
    nodes: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be delivered a second time, and refused: what lies there is no more what the plan saw."""
    remove = placing._remove

    def stays(at: int, folder: str, *known: str) -> None:
        if folder == "lock":
            raise OSError(errno.ENOTEMPTY, "somebody took it over")
        remove(at, folder, *known)

    node = nodes("n")
    old_set(Path(node.path))
    monkeypatch.setattr(placing, "_remove", stays)
    assert placing.place(node.path, bundle(NEW, 2, expects=SEEN), "me")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what a descriptor is of is told on Linux alone")
def test_all_of_a_set_is_on_disk_before_it_is_committed(
    nodes: Callable[[str], Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = nodes("here"), nodes("there")
    synced: set[str] = set()
    wanted: dict[str, set[str]] = {}
    fsync, rename = os.fsync, os.rename

    def sync(descriptor: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def commit(old: str, new: str, **more: Any) -> None:
        if new == "next":
            incoming = Path(here.path) / ".fleethub/incoming"
            wanted["here"] = {str(path) for path in (incoming, *incoming.rglob("*"))}
            assert wanted["here"] <= synced
        rename(old, new, **more)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "rename", commit)
    here.deliver(bundle())
    assert len(wanted["here"]) == 17

    by_script(monkeypatch)
    (tools := tmp_path / "tools").mkdir()
    (tools / "sync").write_text(
        f'#!/bin/sh\nfor path; do readlink -f "$path"; done >>{tmp_path}/synced\nexec {shutil.which("sync")} "$@"\n'
    )
    (tools / "sync").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    there.deliver(bundle())
    by_program = {line.removeprefix(there.path) for line in (tmp_path / "synced").read_text().splitlines()}
    assert {path.removeprefix(here.path) for path in wanted["here"]} <= by_program
