"""A node that moves to another machine, each with an sshd, tools and containers of its own; and comes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.ports import free
from tests.real.docker_stand_in import alive
from tests.real.far import Far
from tests.real.sshd import key, listening
from tests.real.test_activation import kept, lives

pytestmark = pytest.mark.real
#: Another address is another machine: two ports of one are not.
ELSEWHERE = "127.0.0.2"


@dataclass
class Second:
    """The other machine, as ``far`` is; ``target`` is where its nodes lie, for the spec."""

    far: Far
    target: str


@pytest.fixture
def second(far: Far, tmp_path: Path) -> Iterator[Second]:
    folder, root, state = tmp_path / "second", tmp_path / "second/srv", tmp_path / "second/docker"
    tools, home = folder / "bin", folder / "home"
    for made in (root, state, tools, home):
        made.mkdir(parents=True)
    host = key(folder / "host")
    shutil.copy(far.machine.home / ".ssh/id_ed25519.pub", folder / "authorized")
    environment = f"SetEnv PATH={tools}:/usr/bin:/bin HOME={home}"
    with listening(folder, environment, address=ELSEWHERE) as port:
        known = f"[{ELSEWHERE}]:{port} {host}\n"
        far.machine.known_hosts(far.machine.known + known)
        machine = replace(far.machine, bin=tools, remote=home, journal=folder / "log")
        other = Far(machine, far.place, root, state, far.admin, far.proxy)
        other.has_docker()
        yield Second(other, f"ssh://{machine.user}@{ELSEWHERE}:{port}{root}/{{name}}")


def test_what_it_keeps_goes_along_to_another_machine_and_back(far: Far, second: Second) -> None:
    old, new = free(2)  # both are on one kernel here, and a port that is taken is no other machine's
    far.add("volta", old, move_state="true")
    far.place.apply()
    mine, first = lives(far, "volta"), far.pid("openclaw-volta")
    here = f"ssh://{far.machine.address}{far.root}/{{name}}"
    far.place.edit(here, second.target)
    far.place.edit(f"port = {old}", f"port = {new}")
    said = far.place.run("plan")
    assert "is copied along, and stays there too" in said, said
    out = far.place.apply()
    assert "node.volta/copy" in out
    assert not alive(first)
    there = second.far
    moved = there.pid("openclaw-volta")
    assert alive(moved)
    assert kept(there.root / "volta") == mine == kept(far.root / "volta")
    assert sorted(p.name for p in (far.root / "volta").iterdir()) == ["state", "workspace"]
    assert (there.root / "volta/.env").exists()
    far.place.plan_is_empty()

    (there.root / "volta/workspace/notes ü.md").write_text("went on")
    newer = kept(there.root / "volta")
    far.place.edit(second.target, here)
    far.place.edit(f"port = {new}", f"port = {old}")
    far.place.apply()
    assert not alive(moved)
    assert alive(far.pid("openclaw-volta"))
    assert kept(far.root / "volta") == newer
    far.place.plan_is_empty()


def test_a_move_that_cannot_be_delivered_leaves_it_running_where_it_is(far: Far, second: Second) -> None:
    old, new = free(2)
    far.add("volta", old, move_state="true")
    far.place.apply()
    mine, first = lives(far, "volta"), far.pid("openclaw-volta")
    (second.far.root / "volta").write_text("a file in the folder's place")
    far.place.edit(f"ssh://{far.machine.address}{far.root}/{{name}}", second.target)
    far.place.edit(f"port = {old}", f"port = {new}")
    out = far.place.run("apply", "--auto-approve")
    assert far.place.code != 0
    assert "is not a folder" in out, out
    assert alive(first)
    assert kept(far.root / "volta") == mine
