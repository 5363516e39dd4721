"""``fleethub verify`` over a real sshd: the script runs on the "node", and what crosses the wire has no key in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.ssh.library import Library
from fleethub.model.exit import Exit
from fleethub.testing.server import Record
from tests.real.sshd import Machine
from tests.support import Place
from tests.verifying.fleet import Town

pytestmark = pytest.mark.real
BROKEN = "#!/bin/sh\necho 'cannot open shared object file' >&2; exit 127\n"


@pytest.fixture
def town() -> Iterator[Town]:
    found = Town()
    yield found
    found.stop()


@pytest.fixture
def place(town: Town, tmp_path: Path, machine: Machine) -> Place:
    """Applied to a folder, then the same folder over SSH."""
    found = town.place(tmp_path / "fleet")
    found.edit('target = "nodes/{name}"', f'target = "ssh://{machine.address}{found.folder}/nodes/{{name}}"')
    return found


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What goes over the connection, both ways, one pair for each exec."""
    carried: list[bytes] = []
    original = Library.run

    def spy(self: Library, command: str, data: bytes, *more: Any) -> Any:
        output = original(self, command, data, *more)
        carried.extend([command.encode() + data, output.out + output.err])
        return output

    monkeypatch.setattr(Library, "run", spy)
    return carried


def told(place: Place, *argv: str) -> tuple[list[str], set[str]]:
    """Codes, and from where was asked."""
    lines = place.json("verify", *argv)
    codes = [line["code"] for line in lines if line["type"] == "finding"]
    return codes, {line["from"] for line in lines if line["type"] == "check"}


@pytest.mark.sample
def test_from_the_node_in_one_exec(place: Place, town: Town, wire: list[bytes]) -> None:
    assert told(place, "--live") == ([], {"node"})
    assert len(wire) == 2
    town.admin.update("volta", models=["qwen3-32b"])
    assert told(place, "--live") == (["verify.key-scope"], {"node"})
    town.second.stop()
    assert told(place) == (["verify.replica-dead", "verify.key-scope"], {"node"})
    key = place.env("volta")["FLEETHUB_KEY_MAIN"].encode()
    assert not any(key in data for data in wire)
    assert key.decode() not in place.out


def test_a_key_that_is_alone_in_its_file_is_the_nodes_own_too(
    town: Town, tmp_path: Path, machine: Machine, wire: list[bytes]
) -> None:
    place = town.place(tmp_path / "fleet")
    folder = tmp_path / "tc"
    folder.mkdir(mode=0o700)
    (folder / "orchestration-profiles.json").write_text("{}")
    (folder / "orchestration-profiles.json").chmod(0o600)
    text = (place.folder / "fleet.toml").read_text()
    at = f'host = "node"\ntarget = "ssh://{machine.address}{folder}"'
    place.write(f'{text}[nodes.tc]\ntype = "tangleclaw"\n{at}\nmodel = "qwen3-32b"\n')
    place.apply()
    wire.clear()
    assert told(place, "tc", "--live") == ([], {"node"})
    key = (folder / "fleethub.key").read_bytes().strip()
    assert key.startswith(b"sk-")
    assert not any(key in data for data in wire)
    (folder / "fleethub.key").write_text("sk-somebody-elses-0123456789\n")
    assert told(place, "tc")[0] == ["verify.wrong-key"]


def test_a_broken_curl_leaves_wget_and_then_this_machine(place: Place, machine: Machine) -> None:
    machine.tool("curl", BROKEN)
    assert told(place, "--live") == ([], {"node"})
    machine.tool("wget", BROKEN)
    assert told(place, "--live") == ([], {"here"})
    assert "from here: the node has neither curl nor GNU wget" in place.run("verify", code=0)


def test_the_process_list_of_the_node_has_no_key(place: Place, town: Town) -> None:
    """Every command line of this machine while calls wait for their answers."""
    key = place.env("volta")["FLEETHUB_KEY_MAIN"]
    seen: set[str] = set()
    done = threading.Event()
    passes = 0

    def looked_at(record: Record) -> None:
        """A call waits until the process list was read twice, so once wholly, while it was under way."""
        wanted = passes + 2
        while record.path.startswith("/v1/") and passes < wanted and not done.is_set():
            time.sleep(0.01)

    for stand_in in (town.first, town.second):
        stand_in.before = looked_at

    def watch() -> None:
        nonlocal passes
        while not done.is_set():
            for folder in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        seen.add((folder / name).read_bytes().decode(errors="replace"))
                    except OSError:
                        continue
            passes += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert told(place, "--live")[0] == []
    finally:
        done.set()
        watcher.join()
    assert any("chat/completions" in line for line in seen)
    assert not any(key in line for line in seen)


def test_a_node_that_is_away(place: Place, machine: Machine) -> None:
    machine.known_hosts("")
    assert told(place) == (["verify.node-unread"], {"here"})
    assert place.code == Exit.ERROR
    assert "is not known" in place.run("verify")
