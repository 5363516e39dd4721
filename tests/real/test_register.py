"""node register over a real sshd: what lies at the target is told, what cannot be looked at is unknown, all stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.model.edit import Located, Register
from fleethub.operations.register import look
from tests.editing import SPEC, VOLTA
from tests.real.sshd import Machine

pytestmark = pytest.mark.real


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "fleet/nodes").mkdir(parents=True)
    (tmp_path / "fleet/fleet.toml").write_text(SPEC.format(url="http://127.0.0.1:9"))
    (tmp_path / "fleet/nodes/volta.toml").write_text(VOLTA)
    return tmp_path / "fleet"


def register(machine: Machine, folder: Path) -> Register:
    return Register("lima", {"host": "lima", "role": "worker", "target": f"ssh://{machine.address}{folder}"})


@pytest.mark.sample
def test_files_on_a_host_are_told_and_stay(fleet: Path, machine: Machine, tmp_path: Path) -> None:
    there = tmp_path / "srv"
    (there / ".openclaw").mkdir(parents=True)
    (there / "compose.yml").write_text("services:\n  gw: {}\n")
    (there / "docker-compose.yml").write_text("services:\n  old: {}\n")
    (there / ".env").symlink_to("/etc/hostname")
    (there / ".openclaw/openclaw.json").write_text('{"gateway": {"auth": {"token": "hunter2"}}}')
    before = {p: p.lstat().st_mtime_ns for p in there.rglob("*")}
    edit, found = look(fleet, register(machine, there), {})
    assert found == (
        Located("env", ".env", "other", ".env: a link is in its place"),
        Located("compose", "compose.yml", "found", "recognised by its services:"),
        Located("compose", "docker-compose.yml", "found", "recognised by its services:"),
        Located("openclaw", ".openclaw/openclaw.json", "found", "recognised by its sections gateway"),
    )
    assert {k: v for k, v in edit.fields.items() if k.startswith("files")} == {
        "files.compose": "compose.yml",
        "files.openclaw": ".openclaw/openclaw.json",
    }
    assert "hunter2" not in repr(found)
    assert {p: p.lstat().st_mtime_ns for p in there.rglob("*")} == before
    absolute = {"compose": str(there / "docker-compose.yml")}
    edit, _ = look(fleet, register(machine, there), absolute)
    assert edit.fields["files.compose"] == "docker-compose.yml"


def test_a_host_that_is_not_known_leaves_everything_unknown(fleet: Path, machine: Machine, tmp_path: Path) -> None:
    machine.known_hosts("")
    edit, found = look(fleet, register(machine, tmp_path / "srv"), {})
    assert [(one.role, one.state) for one in found] == [
        ("env", "unknown"),
        ("compose", "unknown"),
        ("openclaw", "unknown"),
    ]
    assert all("known_hosts" in one.says or "host key" in one.says for one in found)
    assert not any(name.startswith("files") for name in edit.fields)


def test_a_folder_that_is_not_there_has_no_files(fleet: Path, machine: Machine, tmp_path: Path) -> None:
    _, found = look(fleet, register(machine, tmp_path / "srv"), {})
    assert [one.state for one in found] == ["absent"] * 3
    assert not (tmp_path / "srv").exists()
