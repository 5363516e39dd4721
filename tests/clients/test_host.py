"""Targets, by the scripts that run there: absence is not unreadability, a set is whole, removal takes what is ours."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from fleethub.clients import process, shell
from fleethub.clients.host import Bundle, Delivered, HostError, Hosts, Removed, SetCheck, Target, scripts
from fleethub.clients.host.folder import look
from fleethub.clients.host.target import split
from fleethub.clients.shell import Shells
from fleethub.model.secret import Blob
from tests.answers import NOISE, Instead, Printing
from tests.dying import ALL, Dying, points

OLD = ((".env", b"KEY='1'\n", 0o600), ("compose.yaml", b"a: 1\n", 0o644), ("openclaw.json", b"{}\n", 0o644))
NEW = ((".env", b"KEY='2'\n", 0o600), ("compose.yaml", b"a: 2\n", 0o644), ("openclaw.json", b"[]\n", 0o644))
PATHS = tuple(path for path, _, _ in OLD)
EVERY = 12


@pytest.fixture(autouse=True)
def carrier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who does it. A folder of this machine is read and delivered to without its script, which is what is tested here:
    ``test_folder.py`` and ``test_placing.py`` hold that both come to the same, and what is left to the script. Rows of
    ``both`` run with either."""
    monkeypatch.setattr("fleethub.clients.host.target.look", lambda folder, asked, inside, once: None)
    name = str(getattr(request, "param", "script"))
    if name == "script":
        monkeypatch.setattr("fleethub.clients.host.target.place", lambda folder, bundle, holder: False)
    return name


both = pytest.mark.parametrize("carrier", ["script", "here"], indirect=True)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    shells = Shells()
    yield Hosts(shells, tmp_path)
    shells.close()


@pytest.fixture
def node(hosts: Hosts) -> Target:
    return hosts.at("n")


def bundle(files: tuple[tuple[str, bytes, int], ...] = OLD, serial: int = 1, **more: object) -> Bundle:
    return Bundle(files, {"lineage": "l", "serial": serial, "generation": 1}, **more)  # type: ignore[arg-type]


def contents(node: Target) -> dict[str, bytes]:
    return {p: f.content.reveal() for p, f in node.read(PATHS).files.items() if f.content}


def of(files: tuple[tuple[str, bytes, int], ...]) -> dict[str, bytes]:
    return {path: content for path, content, _ in files}


def test_nothing_there(node: Target) -> None:
    assert not node.read(PATHS).exists


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are told on Linux alone")
@pytest.mark.parametrize("ss", ["", "exit 1", "echo 'Usage: ss [ OPTIONS ]' >&2; exit 255"], ids=["ss", "fails", "old"])
def test_who_listens_on_a_port_is_told_with_ss_and_without(
    ss: str, node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ss:
        (tools := tmp_path / "tools").mkdir()
        (tools / "ss").write_text(f"#!/bin/sh\n{ss}\n")
        (tools / "ss").chmod(0o755)
        monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    elif not shutil.which("ss"):
        pytest.skip("there is no ss here")
    node.deliver(bundle())
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, free = one.getsockname()[1], other.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):  # which has the port too, and does not listen
            other.close()
            far = replace(node, remote="far")
            read = far.read([*PATHS, f"port:{port}", f"port:{free}"])
            assert far.read([*PATHS, f"waits:{port}"]).listens == {}
            node.deliver(bundle(serial=2, port=port))
            assert far.read([*PATHS, f"waits:{port}"]).listens == {port: read.listens[port]}
        assert read.listens == {port: str(os.fstat(one.fileno()).st_ino), free: ""}
        assert node.read(PATHS).listener == read.listens[port]


def test_a_file_in_the_folders_place_is_unreadable_not_absent(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "n").write_text("")
    for path in ("n", "n/below"):
        with pytest.raises(HostError, match="not a folder"):
            hosts.at(path).read(PATHS)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_looked_into_is_not_absent(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "n/state").mkdir(parents=True)
    (tmp_path / "n/state").chmod(0)
    with pytest.raises(HostError, match="no permission"):
        hosts.at("n").read(["state/openclaw.json"])


@pytest.mark.parametrize(
    ("before", "after"), [*NOISE[-2:], *(pytest.param(*row, marks=pytest.mark.long) for row in NOISE[:-2])]
)
def test_what_a_login_script_writes_around_it_is_skipped(
    node: Target, tmp_path: Path, before: bytes, after: bytes
) -> None:
    printing = replace(node, shell=Printing(node.shell, before, after))
    assert not printing.read(PATHS).exists
    printing.deliver(bundle())
    (tmp_path / "n/compose.yaml").write_text("somebody else's")
    reading = printing.read(PATHS)
    assert reading.exists
    assert reading.files["compose.yaml"].content.reveal() == b"somebody else's"  # type: ignore[union-attr]
    assert reading.mark == {"lineage": "l", "serial": 1, "generation": 1}
    assert printing.activate(["true"], 0, 1, fresh=False).code == 0
    printing.deliver(bundle(NEW, 2))
    printing.stamp({"serial": 3})
    assert printing.back(0)
    assert contents(node) == of(OLD)
    stays = printing.remove({path: Blob(content) for path, content, _ in OLD}).stays
    assert stays == (".fleethub/overwritten",)  # what somebody else had there is kept


@pytest.mark.parametrize("says", [b"", b"Welcome\n", b"\nabsent\nend\n", b"fleethub 1\nabsent\nend\n", b"removed\n"])
def test_an_answer_that_is_not_the_scripts_says_nothing(node: Target, says: bytes) -> None:
    node.deliver(bundle())
    other = replace(node, shell=Instead(node.shell, says))
    every: list[Callable[[], object]] = [
        lambda: other.read(PATHS),
        lambda: other.deliver(bundle(NEW)),
        lambda: other.activate((), 0, 1, fresh=False),
        lambda: other.stamp({}),
        lambda: other.back(0),
        lambda: other.remove({}),
    ]
    for run in every:
        with pytest.raises(HostError, match="a login script of that account writes into it"):
            run()


def test_an_answer_that_is_cut_anywhere_says_nothing(node: Target) -> None:
    node.deliver(bundle())
    whole = 0

    class Counting(Printing):
        def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> shell.Output:
            nonlocal whole
            done = super().run(script, stdin, timeout)
            whole = len(done.out)
            return done

    replace(node, shell=Counting(node.shell)).read(PATHS)
    for length in [*range(0, whole, max(1, whole // 12)), whole - 1]:
        with pytest.raises(HostError):
            replace(node, shell=Instead(node.shell, None, length)).read(PATHS)


def test_what_is_written_into_the_archive_hides_no_file(node: Target) -> None:
    node.deliver(bundle())

    class Inside(Printing):
        """A process that a login script left behind writes while the files are sent."""

        def run(self, script: str, stdin: bytes = b"", timeout: float = 20.0) -> shell.Output:
            done = super().run(script, stdin, timeout)
            at = done.out.index(b"\nend\n") + 5 + 700
            return shell.Output(done.code, done.out[:at] + b"job done\n" + done.out[at:], done.err)

    with pytest.raises(HostError, match=r"is not in what it sent|cannot be read"):
        replace(node, shell=Inside(node.shell)).read(PATHS)


def test_hard_links_are_files(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    (tmp_path / "n/compose.yaml").unlink()
    (tmp_path / "n/compose.yaml").hardlink_to(tmp_path / "n/openclaw.json")
    assert contents(node)["compose.yaml"] == b"{}\n"


def test_a_name_that_is_listed_and_cannot_be_looked_at_is_not_absent(hosts: Hosts, tmp_path: Path) -> None:
    """As on a file system whose server is gone: the folder lists it, and stat fails."""
    script = scripts.LOOK.replace('for entry in "$above"/*', 'for entry in "$above"/.env')
    (tmp_path / "n").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scripts, "LOOK", script)
        with pytest.raises(HostError, match=r"\.env cannot be looked at"):
            hosts.at("n").read(PATHS)


def test_nothing_is_removed_where_nothing_can_be_seen(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="is not a folder"):
        hosts.at("file/n").remove({})
    assert hosts.at("nowhere/n").remove({}).stays == ()


@both
def test_deliver_and_read_back(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle(folders=("state", "workspace")))
    reading = node.read(PATHS)
    assert {p: (f.content.reveal(), f.mode) for p, f in reading.files.items() if f.content} == {
        p: (c, m) for p, c, m in OLD
    }
    assert reading.mark == {"lineage": "l", "serial": 1, "generation": 1}
    assert {p: b.reveal() for p, b in reading.applied.items()} == of(OLD)
    assert stat.S_IMODE((tmp_path / "n/.fleethub/applied").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "n/state").stat().st_mode) == 0o755
    assert sorted(p.name for p in (tmp_path / "n/.fleethub").iterdir()) == ["applied", "mark.json"]


@both
def test_files_in_folders(hosts: Hosts, tmp_path: Path) -> None:
    files = (("deploy/a b/.env", b"1", 0o600), ("own/openclaw.json", b"2", 0o644))
    node = hosts.at("n")
    node.deliver(bundle(files))
    assert {p: f.mode for p, f in node.read([p for p, _, _ in files]).files.items()} == {
        "deploy/a b/.env": 0o600,
        "own/openclaw.json": 0o644,
    }
    assert stat.S_IMODE((tmp_path / "n/own").stat().st_mode) == 0o755


@both
def test_a_link_is_replaced_and_its_target_left_alone(node: Target, tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "n/openclaw.json").symlink_to(tmp_path / "precious")
    assert node.read(PATHS).files["openclaw.json"].kind == "link"
    node.deliver(bundle(expects={"openclaw.json": None}))
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "n/openclaw.json").is_symlink()


@both
def test_a_target_that_leads_out_through_a_link_is_refused(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "fleet", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    (root / "n").symlink_to(elsewhere)
    with pytest.raises(HostError, match="leads out"):
        Hosts(Shells(), root).at("n").deliver(bundle())
    assert not list(elsewhere.iterdir())


def committed(node: Path, path: str) -> None:
    """A delivery of one file that waits to be finished, as a repository can bring it."""
    for folder in ("next/files", "applied/.fleethub"):
        (node / ".fleethub" / folder).mkdir(parents=True)
    (node / ".fleethub/next/order").write_text(f"{path}\n")
    (node / ".fleethub/next/stale").write_text("")
    (node / ".fleethub/applied/.fleethub/mark.json").write_text("{}")
    source = Path(f"{node}/.fleethub/next/files/{path}")
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("theirs")


@both
@pytest.mark.parametrize(
    "way", ["absolute", "up", "link", "up through a folder", "the mark", "a set", "all of .fleethub"]
)
def test_a_delivery_that_came_with_the_repository_writes_nowhere_else(tmp_path: Path, way: str) -> None:
    root, home = tmp_path / "fleet", tmp_path / "home"
    node = root / "n"
    node.mkdir(parents=True)
    home.mkdir()
    (home / ".profile").write_text("mine")
    (home / "link").mkdir()
    if way == "link":
        (node / "sub").symlink_to(home)
    if way == "up through a folder":
        (node / "sub").mkdir()
    named = {"absolute": f"{home}/.profile", "up": "../../home/.profile", "link": "sub/.profile"}
    committed(node, named.get(way, "sub/../../../home/.profile" if way.startswith("up") else "a.txt"))
    if way == "a set":  # which would come back one day
        (node / "sub").symlink_to(home)
        (node / ".fleethub/next/applied/sub").mkdir(parents=True)
        (node / ".fleethub/next/applied/sub/.profile").write_text("theirs")
    if way == "the mark":
        (node / ".fleethub/mark.tmp").symlink_to(home / ".profile")
    if way == "all of .fleethub":
        (node / ".fleethub").rename(home / "link/own")
        (node / ".fleethub").symlink_to(home / "link/own")
    target = Hosts(Shells(), root).at("n")
    for ask in (lambda: target.read(PATHS), lambda: target.deliver(bundle()), lambda: target.remove({})):
        with pytest.raises(HostError, match="leads out of this folder, or is a link"):
            ask()
    assert (home / ".profile").read_text() == "mine"
    assert {path.name for path in home.iterdir()} == {".profile", "link"}


@both
@pytest.mark.parametrize("paths", [["sub/openclaw.json"], ["sub/a/openclaw.json"]])
def test_a_file_behind_a_link_that_leads_out_is_neither_read_nor_written(tmp_path: Path, paths: list[str]) -> None:
    root, home = tmp_path / "fleet", tmp_path / "home"
    (root / "n").mkdir(parents=True)
    home.mkdir()
    (root / "n/sub").symlink_to(home)
    target = Hosts(Shells(), root).at("n")
    with pytest.raises(HostError, match="leads out of this folder"):
        target.read(paths)
    with pytest.raises(HostError, match="leads out of this folder"):
        target.deliver(bundle(((paths[0], b"{}", 0o600),)))
    assert not list(home.iterdir())


@both
@pytest.mark.parametrize("there", [True, False], ids=["a folder", "nothing there"])
def test_a_path_that_is_no_part_of_the_target_is_refused(tmp_path: Path, there: bool) -> None:
    root, victim = tmp_path / "fleet", tmp_path / "victim"
    (root / "n" if there else root).mkdir(parents=True)
    victim.write_text("mine")
    target = Hosts(Shells(), root).at("n")
    for path in (str(victim), "../../victim"):
        with pytest.raises(HostError, match="leads out of this folder"):
            target.deliver(bundle(OLD, stale={path: Blob(b"mine")}))
        with pytest.raises(HostError, match="leads out of this folder"):
            target.remove({path: Blob(b"mine")})
    assert victim.read_text() == "mine"


@both
def test_a_link_within_the_target_and_one_that_was_kept_are_no_way_out(node: Target, tmp_path: Path) -> None:
    (tmp_path / "n/state").mkdir(parents=True)
    (tmp_path / "n/sub").symlink_to("state")
    (tmp_path / "n/.env").symlink_to("/dev/null")
    node.deliver(bundle((*OLD, ("sub/a.json", b"{}", 0o644))))
    assert next((tmp_path / "n/.fleethub/overwritten").glob("*/.env")).is_symlink()
    assert (tmp_path / "n/state/a.json").read_text() == "{}"
    assert contents(node) == of(OLD)


@both
def test_what_is_there_as_wanted_is_not_renamed_again(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    before = (tmp_path / "n/.env").stat()
    node.deliver(bundle(serial=2, keep=frozenset(PATHS)))
    assert (tmp_path / "n/.env").stat() == before
    assert node.read(PATHS).mark == {"lineage": "l", "serial": 2, "generation": 1}


@both
def test_what_changed_since_the_plan_is_left_alone(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    (tmp_path / "n/compose.yaml").write_text("by hand")
    seen: dict[str, Blob | None] = {path: Blob(content) for path, content, _ in OLD}
    with pytest.raises(HostError, match=r"compose.yaml changed since the plan was made"):
        node.deliver(bundle(NEW, expects=seen))
    with pytest.raises(HostError, match=r"compose.yaml changed since the plan was made"):
        node.deliver(bundle(NEW, expects={"compose.yaml": None}))
    assert (tmp_path / "n/compose.yaml").read_text() == "by hand"
    assert contents(node)[".env"] == b"KEY='1'\n"
    assert not (tmp_path / "n/.fleethub/incoming").exists()


@both
@pytest.mark.parametrize(
    "edit", ["echo 'by hand' >{}", "rm {}", "mv {0} {0}.his && ln -s compose.yaml.his {0}", "echo x >{}.new"]
)
def test_what_changes_while_the_set_is_judged_is_left_alone(node: Target, tmp_path: Path, edit: str) -> None:
    node.deliver(bundle())
    seen: dict[str, Blob | None] = {path: Blob(content) for path, content, _ in OLD}
    slow = SetCheck("the judge", ("sh", "-c", f"cd {tmp_path}/n; {edit.format('compose.yaml')}"))
    with pytest.raises(HostError, match=r"compose.yaml(\.new)? changed since the plan was made"):
        node.deliver(bundle(NEW, expects={**seen, "compose.yaml.new": None}, checks=[slow]))
    assert contents(node)[".env"] == b"KEY='1'\n"
    there = tmp_path / "n/compose.yaml"
    assert not there.exists() or there.is_symlink() or there.read_text() in ("by hand\n", "a: 1\n")


@both
def test_stale_files_go_only_when_they_are_still_ours(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    (tmp_path / "n/kept.yaml").write_text("changed")
    (tmp_path / "n/gone.yaml").write_bytes(b"a: 1\n")
    node.deliver(bundle(stale={"gone.yaml": Blob(b"a: 1\n"), "kept.yaml": Blob(b"a: 1\n")}))
    assert not (tmp_path / "n/gone.yaml").exists()
    assert (tmp_path / "n/kept.yaml").exists()


@both
def test_an_apply_that_was_frozen_while_another_came_by_changes_nothing(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle(OLD, serial=3))
    before = contents(node)
    why = "apply 3 wrote there since, and this is apply 2; plan again"
    for late in (
        lambda: node.deliver(bundle(NEW, serial=2)),
        lambda: node.stamp({"lineage": "l", "serial": 2, "generation": 1}),
        lambda: node.remove({path: Blob(content) for path, content, _ in OLD}, lineage="l", serial=2),
    ):
        with pytest.raises(HostError, match=why):
            late()
        assert contents(node) == before
        assert json.loads((tmp_path / "n/.fleethub/mark.json").read_text())["serial"] == 3
        assert not (tmp_path / "n/.fleethub/mark.tmp").exists()
    node.deliver(Bundle(NEW, {"lineage": "another", "serial": 1, "generation": 1}))  # a fleet that began anew
    assert contents(node) == of(NEW)
    (tmp_path / "n/.fleethub/mark.json").write_text('{"lineage": "l", "serial": "$(touch x)"}')
    node.deliver(bundle(OLD, serial=1))
    assert contents(node) == of(OLD)


def test_a_check_on_the_node_refuses_a_set(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    bad = SetCheck("the judge", ("sh", "-c", "pwd; cat compose.yaml; exit 15"))
    with pytest.raises(HostError, match=r"the judge ended with 15: \S*/n/.fleethub/incoming/applied a: 2"):
        node.deliver(bundle(NEW, checks=[bad]))
    assert contents(node) == of(OLD)
    word = SetCheck("its path", ("sh", "-c", 'test -f "${0#PLACE=}"', "PLACE=@set@/.env"))
    missing = SetCheck("a tool", ("no-such-tool",), when=("sh", "-c", "command -v no-such-tool"))
    assert node.deliver(bundle(NEW, checks=[word, missing])).unchecked == ("a tool",)
    assert contents(node) == of(NEW)


@pytest.mark.parametrize("said", ['{"valid": true, "warnings": [{"message": "x"}]}', '{"valid":false}', "", "no"])
def test_a_validator_that_warns_refuses(node: Target, said: str) -> None:
    with pytest.raises(HostError, match="the judge ended with 1"):
        node.deliver(bundle(checks=[SetCheck("the judge", ("echo", said), json=True)]))
    good = SetCheck("the judge", ("printf", '{\\n "valid": true,\\n "path": "x",\\n "warnings": [ ]\\n}'), json=True)
    node.deliver(bundle(checks=[good]))


@both
def test_the_set_before_comes_back(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    assert node.back(0) is None
    node.deliver(bundle((*NEW, ("more.txt", b"new", 0o644)), serial=2))
    assert node.back(0) == Delivered()
    reading = node.read((*PATHS, "more.txt"))
    assert {p: f.content.reveal() for p, f in reading.files.items() if f.content} == of(OLD)
    assert reading.files[".env"].mode == 0o600
    assert reading.mark == {"lineage": "l", "serial": 1, "generation": 1}
    assert not (tmp_path / "n/.fleethub/previous").exists()


def test_a_way_back_for_which_there_is_no_room_leaves_nothing_that_takes_some(
    node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.deliver(bundle())
    node.deliver(bundle(NEW, serial=2))
    (tools := tmp_path / "tools").mkdir()
    (tools / "cp").write_text(f'#!/bin/sh\n{shutil.which("cp")} "$@"; echo cp: No space left on device >&2; exit 1\n')
    (tools / "cp").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tools), prepend=os.pathsep)
        with pytest.raises(HostError, match="No space left on device"):
            node.back(0)
    assert not (tmp_path / "n/.fleethub/incoming").exists()
    assert contents(node) == of(NEW)


def test_no_set_comes_back_whose_newer_files_would_stay_unseen(
    node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the list of them cannot be written, or one of them not be read."""
    node.deliver(bundle())
    node.deliver(bundle((*NEW, ("more.txt", b"new", 0o644)), serial=2))
    (tools := tmp_path / "tools").mkdir()
    (tools / "sha256sum").write_text("#!/bin/sh\necho sha256sum: No space left on device >&2; exit 1\n")
    (tools / "sha256sum").chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tools), prepend=os.pathsep)
        with pytest.raises(HostError, match=r"newer set at .* cannot be told .*No space left on device"):
            node.back(0)
    assert not (tmp_path / "n/.fleethub/incoming").exists()
    assert contents(node) == of(NEW)
    assert node.back(0) == Delivered()
    assert not (tmp_path / "n/more.txt").exists()


def test_a_command_that_fails_and_one_that_is_not_there(node: Target) -> None:
    node.deliver(bundle())
    done = node.activate(("sh", "-c", "echo so; echo what >&2; exit 3"), 0, 1, fresh=True)
    assert (done.code, done.said) == (3, "so what")
    with pytest.raises(HostError, match="no no-such-tool on this machine"):
        node.activate(("no-such-tool",), 0, 1, fresh=True)


@both
def test_remove_takes_what_is_ours_and_names_the_rest(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle(folders=("state",)))
    (tmp_path / "n/compose.yaml").write_text("changed by hand")
    assert node.remove({p: Blob(c) for p, c, _ in OLD}) == Removed(("compose.yaml", "state"))
    assert sorted(p.name for p in (tmp_path / "n").iterdir()) == ["compose.yaml", "state"]


@both
def test_remove_leaves_no_empty_folder(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    files = {p: Blob(c) for p, c, _ in OLD}
    assert node.remove(files, ("touch", "../was-here")) == Removed()
    assert (tmp_path / "was-here").exists()
    assert not (tmp_path / "n").exists()
    assert node.remove(files) == Removed()


def test_what_cannot_be_ended_there_is_removed_and_told(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    files = {p: Blob(c) for p, c, _ in OLD}
    assert node.remove(files, ("touch", "../was-here"), ("false",)) == Removed(unstopped=True)
    assert not (tmp_path / "was-here").exists()
    assert not (tmp_path / "n").exists()
    node.deliver(bundle())
    with pytest.raises(HostError, match="false ended with 1"):
        node.remove(files, ("false",), ("true",))
    assert contents(node) == of(OLD), "a command that fails says nothing of what runs"


def test_a_mark_that_is_no_json_is_there_and_says_nothing(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    (tmp_path / "n/.fleethub/mark.json").write_text(json.dumps([1]))
    assert node.read(PATHS).mark == {}


@pytest.mark.parametrize("first", [True, False], ids=["the first set", "the next one"])
def test_a_reading_that_a_delivery_overtakes_is_made_again(
    first: bool, node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read may be of both sets. The delivery comes as the reading's tar is started, once."""
    if not first:
        node.deliver(bundle())
    (tmp_path / "n").mkdir(exist_ok=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    come, real = tmp_path / "come", shutil.which("tar")
    (tmp_path / "n/openclaw.json").write_text("{}\n")  # so that there is something to read
    (tools / "tar").write_text(
        f"#!/bin/sh\ncase $1 in -cf) mkdir {come} 2>/dev/null && {{ touch {come}/now; "
        f'while [ -e {come}/now ]; do sleep 0.02; done; }};; esac\nexec {real} "$@"\n'
    )
    (tools / "tar").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(node.read, PATHS)
        end = time.monotonic() + 300
        while not (come / "now").exists() and time.monotonic() < end:
            time.sleep(0.02)
        node.deliver(bundle(NEW, serial=2))
        (come / "now").unlink()
        found = reading.result(300)
    assert {p: f.content.reveal() for p, f in found.files.items() if f.content} == of(NEW)
    assert found.mark is not None
    assert found.mark["serial"] == 2


def test_a_node_that_is_written_again_and_again_is_not_read(node: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    node.deliver(bundle())
    for name in ("LOOK", "READ"):
        monkeypatch.setattr(scripts, name, getattr(scripts, name).replace('[ "$which" = "$before" ]', "false"))
    with pytest.raises(HostError, match="delivers there again and again"):
        node.read(PATHS)


def test_a_folder_that_takes_no_lock_is_told(node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node.deliver(bundle())
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "mkdir").write_text(
        f'#!/bin/sh\ncase $* in */lock) echo so it is >&2; exit 1;; esac\nexec {shutil.which("mkdir")} "$@"\n'
    )
    (tools / "mkdir").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    with pytest.raises(HostError, match=r"cannot write to \S+/n/\.fleethub \(so it is\)"):
        node.deliver(bundle(NEW))
    assert contents(node) == of(OLD)


def test_two_at_a_time_wait_for_each_other(node: Target, tmp_path: Path) -> None:
    """The one that holds the lock is named to the other, and a holder that is dead counts as none."""
    node.deliver(bundle())
    lock = tmp_path / "n/.fleethub/lock"
    lock.mkdir()
    (lock / "holder").write_text("999999999 somebody@else\n")
    node.deliver(bundle(NEW))
    assert contents(node) == of(NEW)
    slow = SetCheck("slow", ("sleep", "2"))
    threads = [threading.Thread(target=node.deliver, args=(bundle(f, checks=[slow]),)) for f in (OLD, NEW)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(node) in (of(OLD), of(NEW))
    assert not lock.exists()


@both
def test_a_living_holder_is_waited_for_and_named(node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node.deliver(bundle())
    lock = tmp_path / "n/.fleethub/lock"
    lock.mkdir()
    (lock / "holder").write_text(f"{os.getpid()} somebody@else\n")
    monkeypatch.setattr(scripts, "DELIVER", scripts.DELIVER.replace("sleep 1", ":"))
    monkeypatch.setattr(scripts, "READ", scripts.READ.replace("sleep 1", ":"))
    for operation in (lambda: node.deliver(bundle(NEW)), lambda: node.read(PATHS)):
        with pytest.raises(HostError, match="somebody@else is writing there now"):
            operation()
    shutil.rmtree(lock)
    assert contents(node) == of(OLD)


@pytest.mark.parametrize("wrong", ["ssh://", "ssh://host", "ssh:///path"])
def test_what_is_no_target(wrong: str) -> None:
    with pytest.raises(HostError, match="is not ssh://user@host/path"):
        split(wrong)


@pytest.mark.parametrize("first", points(4))
def test_an_archive_that_breaks_off_anywhere_changes_nothing(
    first: int, node: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.deliver(bundle())
    whole = Bundle.pack
    size = len(bundle(NEW, serial=2).pack())
    for length in range(512 * (first - 1), size, 512 * 4):
        monkeypatch.setattr(Bundle, "pack", lambda self, n=length: whole(self)[:n])
        said = ""
        try:
            node.deliver(bundle(NEW, serial=2))
        except HostError as error:
            said = str(error)
        if not said:  # only the zeros at the end of the archive were missing
            assert length > size - 10240
            assert contents(node) == of(NEW)
            break
        assert "did not arrive whole" in said
        assert contents(node) == of(OLD)


@pytest.fixture(params=["sh", pytest.param("busybox", marks=pytest.mark.long)])
def any_sh(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """dash or bash as ``sh``; and BusyBox, where there is one."""
    if request.param == "busybox":
        if not shutil.which("busybox"):
            pytest.skip("no busybox on this machine")
        original = process.subprocess.Popen

        def popen(argv: list[str], **kwargs: object) -> object:
            return original(["busybox", "sh", *argv[1:]], **kwargs)  # type: ignore[call-overload]

        monkeypatch.setattr(process.subprocess, "Popen", popen)
    return str(request.param)


def kept(node: Target) -> list[tuple[str, bytes]]:
    """Path and content of what was kept, in the order of the folders' names."""
    folder = Path(node.path) / ".fleethub/overwritten"
    paths = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    return [(str(path.relative_to(folder)).partition("/")[2], path.read_bytes()) for path in paths]


@both
def test_what_others_wrote_is_kept_before_it_is_overwritten(any_sh: str, node: Target, tmp_path: Path) -> None:
    guided = (*OLD, ("workspace/FLEETHUB.md", b"text", 0o644))
    node.deliver(bundle(guided))
    assert node.deliver(bundle((*NEW, guided[3]), serial=2)).kept == ()
    (tmp_path / "n/.env").write_bytes(b"KEY='2'\nDEBUG=1\n")
    (tmp_path / "n/workspace/FLEETHUB.md").write_bytes(b"mine")
    (tmp_path / "n/openclaw.json").unlink()
    (tmp_path / "n/openclaw.json").symlink_to("elsewhere.json")
    (tmp_path / "elsewhere.json").write_bytes(b"never read")
    done = node.deliver(bundle((*OLD, guided[3]), serial=3))
    assert contents(node) == of(OLD)
    folders = {path.rpartition("/")[0].removesuffix("/workspace") for path in done.kept}
    assert len(folders) == 1, "one folder for each delivery"
    (folder,) = folders
    assert done.kept == tuple(f"{folder}/{name}" for name in (".env", "openclaw.json", "workspace/FLEETHUB.md"))
    assert (tmp_path / "n" / folder / ".env").read_bytes() == b"KEY='2'\nDEBUG=1\n"
    assert (tmp_path / "n" / folder / "workspace/FLEETHUB.md").read_bytes() == b"mine"
    assert (tmp_path / "n" / folder / "openclaw.json").readlink() == Path("elsewhere.json")
    for path in (tmp_path / "n" / folder, tmp_path / "n/.fleethub/overwritten", tmp_path / "n" / folder / "workspace"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "n" / folder / ".env").stat().st_mode) == 0o600


@both
def test_the_way_back_keeps_what_others_wrote_too(any_sh: str, node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    node.deliver(bundle(NEW, serial=2))
    (tmp_path / "n/compose.yaml").write_bytes(b"mine")
    done = node.back(0)
    assert done is not None
    assert contents(node) == of(OLD)
    assert [(tmp_path / "n" / path).read_bytes() for path in done.kept] == [b"mine"]


def test_somebody_elses_files_come_back_as_he_had_them(node: Target, tmp_path: Path) -> None:
    """Before the first delivery, and with what he wrote between two; a file that FleetHub made goes."""
    folder = tmp_path / "n"
    folder.mkdir()
    (folder / "openclaw.json").write_text("{} // his\n")
    his = frozenset({"openclaw.json"})
    files = ((".env", b"KEY='1'\n", 0o600), ("openclaw.json", b"[] // his\n", 0o640))
    there = {".env": None, "openclaw.json": Blob(b"{} // his\n")}
    node.deliver(bundle(files, owners=his, expects=there))
    assert (folder / "openclaw.json").read_text() == "[] // his\n"
    assert node.back(0) == Delivered()
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == {
        "openclaw.json": "{} // his\n"
    }
    node.deliver(bundle(files, owners=his, expects=there))
    (folder / "openclaw.json").write_text("[] // more\n")
    both = frozenset({".env", "openclaw.json"})
    node.deliver(bundle((files[0], ("openclaw.json", b"[2] // more\n", 0o640)), owners=both, keep=frozenset({".env"})))
    assert node.back(0) == Delivered()
    assert (folder / "openclaw.json").read_text() == "[] // more\n"
    assert (folder / ".env").read_bytes() == files[0][1]


def test_what_is_his_since_then_is_not_put_back(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    (tmp_path / "n/compose.yaml").write_text("by hand")
    his = tuple(file for file in NEW if file[0] != "compose.yaml")
    node.deliver(bundle(his, serial=2, owners=frozenset({".env", "openclaw.json"})))
    assert node.back(0) == Delivered()
    assert contents(node) == {**of(OLD), "compose.yaml": b"by hand"}


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_somebody_elses_file_stays_his(node: Target, tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    (folder / "openclaw.json").write_text("{}")
    os.chown(folder / "openclaw.json", 1000, 1001)
    node.deliver(bundle((("openclaw.json", b"[]", 0o600),), owners=frozenset({"openclaw.json"})))
    there = (folder / "openclaw.json").stat()
    assert (there.st_uid, there.st_gid, stat.S_IMODE(there.st_mode)) == (1000, 1001, 0o600)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives folders away")
@pytest.mark.parametrize("first", ["rmdir", "mkdir"])
def test_what_a_link_leads_to_is_given_to_nobody(
    first: str, node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may write at the target may put one in a folder's place in the moment after it was made, or before."""
    (victim := tmp_path / "victim").mkdir()
    (tools := tmp_path / "tools").mkdir()
    real = shutil.which("mkdir")
    link, make = f'case " $* " in *" ./state"*) ln -s {victim} state;; esac', f'{real} "$@" || exit'
    away = 'case " $* " in *" ./state"*) rmdir state;; esac'
    text = f"{link}\n{make}\n" if first == "mkdir" else f"{make}\n{away}\n{link}\n"
    (tools / "mkdir").write_text(f"#!/bin/sh\n{text}")
    (tools / "mkdir").chmod(0o755)
    (tools / "install").write_text(f'#!/bin/sh\n{link}\nexec {shutil.which("install")} "$@"\n')
    (tools / "install").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    node.deliver(bundle(folders=("state",), uid=1000))
    assert (tmp_path / "n/state").is_symlink()
    assert victim.stat().st_uid == 0


@pytest.mark.parametrize(("said", "fine"), [('{"valid": true, "warnings": ["x"]}', True), ('{"valid": false}', False)])
def test_a_lenient_check_lets_warnings_pass(said: str, fine: bool, node: Target) -> None:
    check = SetCheck("judge", ("printf", "%s", said), json=True, lenient=True)
    with contextlib.nullcontext() if fine else pytest.raises(HostError, match="judge ended with 1"):
        node.deliver(bundle(checks=(check,)))
    with pytest.raises(HostError):
        node.deliver(bundle(NEW, checks=(replace(check, lenient=False),)))


@pytest.mark.parametrize(
    "second",
    [
        pytest.param("30", id="stands"),
        pytest.param("$((59 - $(wc -c <ticks)))", id="is set back", marks=pytest.mark.long),
    ],
)
def test_what_was_just_kept_is_never_let_go(
    second: str, node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = tmp_path / "bin/date"
    clock.parent.mkdir()
    clock.write_text(f'#!/bin/sh\ncd {tmp_path} && printf . >>ticks && printf "20260102T0304%sZ" "{second}"\n')
    clock.chmod(0o755)
    monkeypatch.setenv("PATH", f"{clock.parent}:{os.environ['PATH']}")
    node.deliver(bundle())
    for n in range(12):
        (tmp_path / "n/compose.yaml").write_bytes(b"%d" % n)
        (path,) = node.deliver(bundle(serial=n + 2)).kept
        assert (tmp_path / "n" / path).read_bytes() == b"%d" % n
    assert len(kept(node)) <= 11


def test_as_many_are_kept_as_there_is_use_for(any_sh: str, node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    for n in range(13):
        (tmp_path / "n/compose.yaml").write_bytes(b"%d" % n)
        assert len(node.deliver(bundle(serial=n + 2)).kept) == 1
    assert kept(node) == [("compose.yaml", b"%d" % n) for n in range(3, 13)]
    files = {p: Blob(c) for p, c, _ in OLD}
    assert node.remove(files) == Removed((".fleethub/overwritten",)), "what others wrote is not FleetHub's to remove"
    assert len(kept(node)) == 10
    assert not node.read(PATHS).files


def test_what_cannot_be_kept_is_not_overwritten(node: Target, tmp_path: Path) -> None:
    node.deliver(bundle())
    (tmp_path / "n/compose.yaml").write_bytes(b"mine")
    (tmp_path / "n/.fleethub/overwritten").write_text("in the way")
    with pytest.raises(HostError, match="cannot be kept"):
        node.deliver(bundle(NEW, serial=2))
    assert contents(node)["compose.yaml"] == b"mine"
    assert contents(node)[".env"] == b"KEY='1'\n"


@pytest.mark.parametrize("first", points(EVERY))
def test_killed_at_every_program_nothing_that_others_wrote_is_lost(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    dying = Dying(tools, tmp_path / "state")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    for n in range(first, 200, EVERY):
        node = Hosts(Shells(), tmp_path).at(f"{n}")
        node.deliver(bundle())
        (Path(node.path) / "openclaw.json").write_bytes(b"mine")
        dying.at(n, "before" if n % 2 else "after")
        with contextlib.suppress(HostError):
            node.deliver(bundle(NEW, serial=2))
        dying.disarm()
        there = contents(node)["openclaw.json"]
        assert there == b"mine" or ("openclaw.json", b"mine") in kept(node), n
        if dying.ran < n:
            break
    assert n > 8


@pytest.mark.parametrize("first", points(EVERY))
@pytest.mark.parametrize("operation", ["deliver", pytest.param("back", marks=pytest.mark.long)])
@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.long)])
def test_killed_at_every_program_the_set_is_whole(
    first: int, operation: str, when: str, any_sh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    dying = Dying(tools, tmp_path / "state")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    outcomes: set[str] = set()
    for n in range(first, 200, EVERY):
        node = Hosts(Shells(), tmp_path).at(f"{n}-{when}")
        node.deliver(bundle())
        if operation == "back":
            node.deliver(bundle(NEW, serial=2))
        dying.at(n, when)
        try:
            if operation == "deliver":
                node.deliver(bundle(NEW, serial=2))
            else:
                node.back(0)
        except HostError:
            pass
        dying.disarm()
        over = dying.ran < n
        reading = node.read(PATHS)
        serial = (reading.mark or {}).get("serial")
        assert contents(node) == of(NEW if serial == 2 else OLD), f"{n} {when}"
        assert {p: b.reveal() for p, b in reading.applied.items()} == contents(node), f"{n} {when}"
        outcomes.add(str(serial))
        node.deliver(bundle(NEW, serial=3))  # and it goes on from there
        assert contents(node) == of(NEW)
        if over:
            break
    assert outcomes == {"1", "2"} or first > 1, "a row that begins behind the commit sees only what comes after"
    assert n > 8


@both
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_committed(node: Target) -> None:
    node.deliver(bundle())
    folder = Path(node.path) / "workspace"
    folder.mkdir()
    folder.chmod(0o555)
    guided = (*NEW, ("workspace/FLEETHUB.md", b"text", 0o644))
    with pytest.raises(HostError, match=r"no permission to write to .*/workspace"):
        node.deliver(bundle(guided, 2))
    assert contents(node) == of(OLD)
    folder.chmod(0o755)
    node.deliver(bundle(guided, 3))
    assert (folder / "FLEETHUB.md").read_bytes() == b"text"


@both
@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("folder", "n/sub/deep/a.json is a folder, not a file: remove it"),
        *((what, "n/sub is not a folder: remove it") for what in ("file", "link", "pipe")),
    ],
)
def test_what_cannot_be_put_in_its_place_is_told_before_anything_is_committed(
    what: str, says: str, node: Target, tmp_path: Path
) -> None:
    """As Docker leaves it, which makes a folder of a file that it is to mount and that is not there."""
    node.deliver(bundle())
    path = tmp_path / "n/sub"
    if what == "folder":
        (path / "deep/a.json").mkdir(parents=True)
    elif what == "link":
        path.symlink_to("nowhere")
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("")
    with pytest.raises(HostError, match=says):
        node.deliver(bundle((*NEW, ("sub/deep/a.json", b"{}", 0o644)), 2))
    assert contents(node) == of(OLD)


@both
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_in_the_place_of_the_mark_is_no_absent_mark(
    make: Callable[[Path], None], node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``mv`` puts the new mark into a folder, and what reads a pipe waits for ever."""
    node.deliver(bundle())
    mark = tmp_path / "n/.fleethub/mark.json"
    mark.unlink()
    make(mark)
    with monkeypatch.context() as patch:
        patch.setattr("fleethub.clients.host.target.look", look)
        for ask in (lambda: node.read(PATHS), lambda: node.deliver(bundle(NEW, 2)), lambda: node.stamp({})):
            with pytest.raises(HostError, match=r"n/\.fleethub/mark\.json is not a file: remove it"):
                ask()
    assert not mark.is_file()
    assert (tmp_path / "n/compose.yaml").read_bytes() == b"a: 1\n"


@pytest.mark.parametrize("carrier", ["here"], indirect=True)
def test_a_set_that_an_older_fleethub_committed_is_taken_up(node: Target, tmp_path: Path) -> None:
    """It had another name there."""
    node.deliver(bundle())
    whole = tmp_path / "n/.fleethub"
    node.deliver(bundle(NEW, 2))
    shutil.copytree(whole / "applied", whole / "next/set")
    (whole / "next/files").mkdir()
    (whole / "next/order").touch()
    (whole / "next/stale").touch()
    shutil.copy(whole / "mark.json", whole / "next/mark.json")
    reading = node.read(PATHS)
    assert {path: blob.reveal() for path, blob in reading.applied.items()} == of(NEW)
    assert reading.mark == {"lineage": "l", "serial": 2, "generation": 1}
    assert not (whole / "next").exists()


@pytest.mark.parametrize("files", [30, pytest.param(3, marks=pytest.mark.long)])
def test_a_delivery_runs_few_programs_however_many_files_it_brings(
    files: int, node: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a millisecond of somebody's processor, and a delivery over SSH is a third of them. A file or folder is
    brought to disk once, what holds them all a second time."""
    (tmp_path / "tools").mkdir()
    counting = Dying(tmp_path / "tools", tmp_path / "state", names=ALL)
    synced = tmp_path / "synced"
    real = (tmp_path / "tools/sync").read_text()
    (tmp_path / "tools/sync").write_text(real.replace("\n", f'\nprintf "%s\\n" "$@" >>{synced}\n', 1))
    monkeypatch.setenv("PATH", f"{tmp_path}/tools:{os.environ['PATH']}")
    ran = []
    for serial in (1, 2, 3):
        brought = tuple((f"file-{n}", b"%d" % serial, 0o644) for n in range(files))
        counting.at(0, "never")
        node.deliver(bundle(brought, serial=serial, folders=("state", "workspace")))
        ran.append(counting.ran)
    assert ran == [12 if os.getuid() == 0 else 11, 12, 13]
    paths = synced.read_text().splitlines()
    assert len(paths) == 3 * (2 * files + 11)


@contextlib.contextmanager
def held(*argv: str, undo: tuple[str, ...]) -> Iterator[None]:
    """What an administrator did to a file, undone in the end; skipped where this account or file system cannot."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False) if shutil.which(argv[0]) else None
    if done is None or done.returncode:
        pytest.skip(f"{' '.join(argv[:2])} does not work here")
    try:
        yield
    finally:
        subprocess.run(undo, check=True)


@both
@pytest.mark.parametrize("how", ["immutable", "mounted"])
@pytest.mark.parametrize("name", ["compose.yaml", "old.txt"])
def test_a_file_that_must_not_change_is_told_before_anything_is_committed(node: Target, how: str, name: str) -> None:
    """Replaced or removed: the delivery stood half done until somebody let it go."""
    old = (*OLD, ("old.txt", b"old", 0o644))
    node.deliver(bundle(old))
    stale = {"old.txt": Blob(b"old")}
    file = f"{node.path}/{name}"
    ways = {
        "immutable": (("chattr", "+i", file), ("chattr", "-i", file)),
        "mounted": (("mount", "--bind", "-o", "ro", file, file), ("umount", file)),
    }
    do, undo = ways[how]
    with held(*do, undo=undo):
        with pytest.raises(HostError, match=re.escape(f"{file} must not change: chattr -i there, or")):
            node.deliver(bundle(NEW, 2, stale=stale))
        assert {p: c for p, c in contents(node).items() if p in of(OLD)} == of(OLD)
        assert not (Path(node.path) / ".fleethub/next").exists()
        if name == "old.txt":  # what is no longer as it was brought stays, and is no obstacle
            node.deliver(bundle(NEW, 3, stale={"old.txt": Blob(b"another")}))
    node.deliver(bundle(NEW, 4, stale=stale))
    assert contents(node) == of(NEW)
    assert not (Path(node.path) / "old.txt").exists()


@both
def test_a_file_without_the_right_to_write_is_replaced_all_the_same(node: Target) -> None:
    node.deliver(bundle())
    (Path(node.path) / "compose.yaml").chmod(0o444)
    node.deliver(bundle(NEW, 2))
    assert contents(node) == of(NEW)
