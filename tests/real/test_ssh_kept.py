"""Connections that are kept from one look to the next: how many logins there are, and when they are made anew."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleethub.clients.shell import ShellError, Shells
from fleethub.clients.ssh import destination, program
from fleethub.clients.ssh.kept import Kept
from fleethub.model.trust import Guard
from fleethub.operations.snapshots import SnapshotCache
from tests.fleets import direct, fleet
from tests.real.sshd import Machine, key
from tests.support import Place

pytestmark = pytest.mark.real
PARENT = "echo $PPID"
Look = Callable[..., int]


@pytest.fixture
def kept() -> Iterator[Kept]:
    found = Kept()
    yield found
    found.close()


@pytest.fixture(params=[False, True], ids=["paramiko", "ssh"])
def look(request: pytest.FixtureRequest, kept: Kept, machine: Machine) -> Look:
    """One look at machines; the process of the last one's session."""

    def once(*addresses: str, guard: Guard | None = None) -> int:
        shells, last = Shells(request.param, guard=guard, kept=kept), 0
        try:
            for address in addresses or (machine.address,):
                last = int(shells.at(address).run(PARENT).out)
        finally:
            shells.close()
        return last

    return once


def logins(machine: Machine) -> int:
    return machine.log().count("Accepted publickey")


def ended(session: int) -> None:
    """Wait until a session is over."""
    end = time.monotonic() + 300
    while time.monotonic() < end and Path(f"/proc/{session}").exists():
        time.sleep(0.02)
    assert not Path(f"/proc/{session}").exists()


@pytest.mark.sample
def test_looks_share_one_login(look: Look, machine: Machine) -> None:
    before = logins(machine)
    assert len({look() for _ in range(5)}) == 1
    assert logins(machine) == before + 1


@pytest.mark.sample
def test_a_connection_that_was_killed_in_between_is_made_anew(look: Look, machine: Machine) -> None:
    before, session = logins(machine), look()
    os.kill(session, signal.SIGKILL)
    ended(session)
    assert look() != session
    assert logins(machine) == before + 2


def test_a_connection_that_died_unseen_is_made_anew(
    machine: Machine, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session answers nothing more, and nothing says so."""
    first = Shells(kept=kept)
    session = int(first.at(machine.address).run(PARENT).out)
    first.close()
    os.kill(session, signal.SIGSTOP)
    monkeypatch.setattr(destination, "CONNECT", 2.0)
    second = Shells(kept=kept)
    answers: list[int] = []

    def ask() -> None:
        answers.append(int(second.at(machine.address).run(PARENT).out))

    try:
        threads = [threading.Thread(target=ask) for _ in range(3)]  # a node and its machine are read side by side
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
    finally:
        second.close()
        os.kill(session, signal.SIGKILL)
    assert len(answers) == 3
    assert session not in answers


@pytest.mark.parametrize("ssh_program", [False, True], ids=["paramiko", "ssh"])
def test_a_connection_on_which_something_hung_is_not_kept(machine: Machine, kept: Kept, ssh_program: bool) -> None:
    def look(timeout: float) -> int:
        shells = Shells(ssh_program, kept=kept)
        try:
            return int(shells.at(machine.address).run(PARENT, timeout=timeout).out)
        finally:
            shells.close()

    session = look(300)
    os.kill(session, signal.SIGSTOP)
    try:
        with pytest.raises(ShellError, match="did not end within"):
            look(0.5)
        assert look(60) != session
    finally:
        os.kill(session, signal.SIGKILL)


def test_the_ssh_program_sees_by_itself_that_the_other_side_is_gone(
    machine: Machine, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nothing is sent between two looks, nothing else would tell."""
    monkeypatch.setattr(program, "ALIVE", {"ServerAliveInterval": "1", "ServerAliveCountMax": "1"})
    first = Shells(True, kept=kept)
    session = int(first.at(machine.address).run(PARENT).out)
    first.close()
    os.kill(session, signal.SIGSTOP)
    try:
        holder = kept._open[(machine.address, True, frozenset())]._connection
        assert holder is not None
        end = time.monotonic() + 300
        while holder.alive() and time.monotonic() < end:
            time.sleep(0.05)
        second = Shells(True, kept=kept)
        try:
            assert int(second.at(machine.address).run(PARENT).out) != session
        finally:
            second.close()
    finally:
        os.kill(session, signal.SIGKILL)


def test_another_host_key_is_refused_though_a_connection_was_kept(look: Look, machine: Machine, tmp_path: Path) -> None:
    session = look()
    machine.known_hosts(f"[127.0.0.1]:{machine.port} {key(tmp_path / 'other')}\n")
    with pytest.raises(ShellError, match="is not the one in known_hosts"):
        look()
    ended(session)
    machine.known_hosts(machine.known)
    assert look() != session


def test_another_line_of_known_hosts_costs_no_login(look: Look, machine: Machine, tmp_path: Path) -> None:
    session = look()
    machine.known_hosts(machine.known + f"elsewhere {key(tmp_path / 'other')}\n")
    assert look() == session


def test_another_configuration_is_heeded(look: Look, machine: Machine) -> None:
    lines = f"Host far\n  HostName 127.0.0.1\n  User {machine.user}\n"
    machine.config(f"{lines}  Port {machine.port}\n")
    session = look("far")
    machine.config(f"{lines}  Port {machine.port}\n# nothing that matters\n")
    assert look("far") == session
    machine.config(f"{lines}  Port 1\n")
    with pytest.raises(ShellError, match="cannot connect"):
        look("far")
    ended(session)


def test_what_is_not_asked_or_not_trusted_any_more_is_closed(look: Look, machine: Machine) -> None:
    machine.config(f"Host one two\n  HostName 127.0.0.1\n  User {machine.user}\n  Port {machine.port}\n")
    one = look("one")
    two = look("two")
    ended(one)
    with pytest.raises(ShellError, match="is not known on this machine"):
        look("two", guard=Guard())
    ended(two)


def test_no_more_are_kept_than_may_be_and_none_for_long(machine: Machine) -> None:
    machine.config(f"Host one two\n  HostName 127.0.0.1\n  User {machine.user}\n  Port {machine.port}\n")
    kept = Kept(most=1, idle=0.1)
    shells = Shells(kept=kept)
    sessions = [int(shells.at(name).run(PARENT).out) for name in ("one", "two")]
    shells.close()
    for session in sessions:
        ended(session)


def test_one_command_keeps_nothing(machine: Machine) -> None:
    shells = Shells()
    session = int(shells.at(machine.address).run(PARENT).out)
    shells.close()
    ended(session)


@pytest.mark.sample
def test_a_served_fleet_logs_in_once_however_often_it_is_looked_at(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"n{number}" for number in range(3)]
    machine.config(f"Host {' '.join(names)}\n  HostName 127.0.0.1\n  Port {machine.port}\n  User {machine.user}\n")
    spec = fleet(None).backend("gpu", "http://127.0.0.1:9").model("one", on="gpu", vram="1 GiB")
    spec = spec.table(
        "defaults.node", type="openclaw-native", target=f"ssh://{{host}}{tmp_path}/srv/{{name}}", image=None
    )
    for name in names:
        spec = spec.node(name, direct("one"))
    place = Place(tmp_path / "fleet", spec.text)
    place.apply()
    before, snapshots = logins(machine), SnapshotCache(place.folder)
    try:
        for _ in range(3):
            seen = snapshots.refresh()
            assert seen.fleet_status is not None
            assert {node.state for node in seen.fleet_status.nodes} == {"there"}
            assert logins(machine) == before + len(names)
    finally:
        snapshots.close()
