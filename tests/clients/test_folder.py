"""A folder of this machine is read without a process, and what is said of it is what ``read.sh`` says."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients import process
from fleethub.clients.host import Bundle, HostError, Hosts, Once, Target
from fleethub.clients.host.folder import look
from fleethub.clients.process import LARGEST
from fleethub.clients.shell import Shells
from fleethub.model.readings.host import HostReading

FILES = ((".env", b"KEY='1'\n", 0o600), ("compose.yaml", b"a: 1\n", 0o644), ("state/openclaw.json", b"{}\n", 0o640))
ASKED = (*(path for path, _, _ in FILES), "notes.md", "state/none/deep.txt")


def delivered(target: Target) -> Path:
    target.deliver(Bundle(FILES, {"lineage": "l", "serial": 1}, folders=("state",), uid=os.getuid()))
    return Path(target.path)


def changed(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\x00by hand")
    (folder / "compose.yaml").chmod(0o4755)
    (folder / "docker-compose.yml").write_text("b: 2")
    (folder / "compose.yml").mkdir()


def odd(folder: Path) -> None:
    (folder / ".env").unlink()
    (folder / ".env").symlink_to("nowhere")
    (folder / "compose.yaml").unlink()
    (folder / "compose.yaml").mkdir()
    os.mkfifo(folder / "notes.md")


def no_mark(folder: Path) -> None:
    (folder / ".fleethub/mark.json").unlink()


def broken_mark(folder: Path) -> None:
    (folder / ".fleethub/mark.json").write_text("[1")


def listening(folder: Path) -> None:
    (folder / ".fleethub/applied/.fleethub/listener").write_text("12 13 \n")


def linked(folder: Path) -> None:
    (folder / "state/openclaw.json").unlink()
    (folder / "state/openclaw.json").hardlink_to(folder / "compose.yaml")


STATES: dict[str, Callable[[Path], object]] = {
    "as delivered": lambda folder: None,
    "changed": changed,
    "other things in the place of files": odd,
    "without a mark": no_mark,
    "with a broken mark": broken_mark,
    "with a listener": listening,
    "a hard link": linked,
}


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with closing(Shells()) as shells:
        yield Hosts(shells, tmp_path).at("nodes/n")


def told(reading: HostReading) -> dict[str, Any]:
    def shown(value: Any) -> Any:
        return value.reveal() if hasattr(value, "reveal") else value

    files = {path: (shown(f.content), f.mode, f.kind, f.owner) for path, f in reading.files.items()}
    applied = {path: shown(blob) for path, blob in reading.applied.items()}
    rest = (reading.exists, reading.mark, reading.compose, reading.uid, reading.listener, reading.tools)
    return {"files": files, "applied": applied, "rest": rest}


def by_script(target: Target, monkeypatch: pytest.MonkeyPatch) -> HostReading:
    with monkeypatch.context() as patch:
        patch.setattr("fleethub.clients.host.target.look", lambda folder, asked, inside, once: None)
        return target.read(ASKED)


@pytest.mark.parametrize("state", STATES)
def test_both_say_the_same(target: Target, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    STATES[state](delivered(target))
    found = look(target.path, ASKED)
    assert found is not None
    assert told(found) == told(by_script(target, monkeypatch))


@pytest.mark.parametrize("by", ["here", "script"])
def test_what_many_have_alike_is_held_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    with closing(Shells()) as shells:
        hosts = Hosts(shells, tmp_path, Once())
        for name in ("n", "m"):
            delivered(hosts.at(f"nodes/{name}"))
        changed(tmp_path / "nodes/n")
        if by == "script":
            monkeypatch.setattr("fleethub.clients.host.target.look", lambda folder, asked, inside, once: None)
        readings = [hosts.at(f"nodes/{name}").read(ASKED) for name in ("n", "m")]
    files = [one.content for reading in readings for one in reading.files.values()]
    held = [blob for blob in (*files, *(one for reading in readings for one in reading.applied.values())) if blob]
    assert len({id(blob) for blob in held}) == len({blob.reveal() for blob in held}) == 4 < len(held)


@pytest.mark.parametrize("above", ["", "nodes", "nodes/n"])
def test_what_is_not_there(target: Target, above: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / above).mkdir(parents=True, exist_ok=True)
    found = look(target.path, ASKED)
    assert found is not None
    assert found.exists == (above == "nodes/n")
    assert told(found) == told(by_script(target, monkeypatch))


def test_no_process_is_started(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(target)
    monkeypatch.setattr(process, "start", None)
    assert target.read(ASKED).files[".env"].mode == 0o600


def test_what_only_the_script_can_do_is_left_to_it(target: Target) -> None:
    """A delivery that goes on or broke off, more than may be read, what lies in the folder's place."""
    folder = delivered(target)
    for name in ("lock", "next"):
        (folder / ".fleethub" / name).mkdir()
        assert look(str(folder), ASKED) is None
        (folder / ".fleethub" / name).rmdir()
    (folder / "notes.md").write_bytes(b" " * (LARGEST + 1))
    assert look(str(folder), ASKED) is None
    with pytest.raises(HostError, match="wrote more than"):
        target.read(ASKED)
    assert look(str(folder / "notes.md"), ASKED) is None
    assert look(str(folder / "notes.md/below"), ASKED) is None


def test_a_mark_that_changes_meanwhile_is_no_answer(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = delivered(target)
    from fleethub.clients.host import folder as module

    real = module._file

    def slow(path: str, kind: str, once: Once | None) -> Any:
        found = real(path, kind, once)
        if path.endswith("/compose.yaml"):
            (folder / ".fleethub/mark.json").write_text("{}")
        return found

    monkeypatch.setattr(module, "_file", slow)
    assert look(str(folder), ASKED) is None


def test_each_folder_is_listed_once_and_each_file_opened_once(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice what tells of a delivery, at the end again, and the folder, which is entered to tell where it is."""
    folder, seen = delivered(target), Counter[str]()
    for name in ("scandir", "open"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda path, *args, real=real: (seen.update([str(path).rstrip("/")]), real(path, *args))[1]
        )
    assert look(str(folder), ASKED, str(target.inside)) is not None
    twice = {str(folder), f"{folder}/.fleethub", f"{folder}/.fleethub/mark.json"}
    assert {path for path, times in seen.items() if times != 1} == twice
    assert sum(seen.values()) == len(seen) + len(twice)


def outside(folder: Path) -> None:
    (folder / "state").rename(folder.parent / "elsewhere")
    (folder / "state").symlink_to("../elsewhere")


def moved_out(folder: Path) -> None:
    folder.rename(folder.parents[2] / "moved")
    folder.symlink_to("../../moved")


LINKS: dict[str, Callable[[Path], object]] = {
    "a folder of its files leads out": outside,
    "it leads out itself": moved_out,
    "what FleetHub keeps there": lambda folder: (folder / ".fleethub/applied/x").symlink_to("nowhere"),
    "its .fleethub": lambda folder: (
        (folder / ".fleethub").rename(folder / "f") and (folder / ".fleethub").symlink_to("f")
    ),
}


@pytest.mark.parametrize("link", LINKS)
def test_nothing_is_read_through_a_link(tmp_path: Path, link: str) -> None:
    """The script's checks say what is wrong, also where none of the files that were asked for lies behind the link."""
    with closing(Shells()) as shells:
        target = Hosts(shells, tmp_path / "fleet").at("nodes/n")
        LINKS[link](delivered(target))
        for asked in (ASKED, ()):
            assert look(target.path, asked, str(target.inside)) is None
            with pytest.raises(HostError, match="leads out of"):
                target.read(asked)


def test_a_link_that_stays_inside_is_followed(target: Target) -> None:
    folder = delivered(target)
    folder.rename(folder.parent / "real")
    folder.symlink_to("real")
    assert target.read(ASKED).files[".env"].mode == 0o600


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_left_to_the_script(target: Target) -> None:
    folder = delivered(target)
    (folder / "state").chmod(0)
    assert look(str(folder), ASKED) is None
    with pytest.raises(HostError, match="no permission"):
        target.read(ASKED)
