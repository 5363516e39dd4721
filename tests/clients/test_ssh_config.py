"""Without ssh: what an Include of ~/.ssh/config names stands in its place, and applies to whom it would for ssh."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleethub.clients.process import ShellError
from fleethub.clients.ssh.fallback import DEPTH, lookup, parts


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh"


def found(host: str) -> dict[str, str]:
    return {name: value[0] for name, value in lookup(host, None, None).items()}


def test_the_first_value_counts_wherever_it_comes_from(home: Path) -> None:
    (home / "a").write_text("Port 1\nHost x\n  User inner\n")
    (home / "b").write_text("User of-y\n")
    (home / "config").write_text("Include a\nPort 2\nHost x\n  User outer\nHost=y\n  include = b\n  User outer\n")
    assert (found("x")["user"], found("x")["port"]) == ("inner", "1")
    assert found("y")["user"] == "of-y"
    assert "user" not in found("z")


def test_a_pattern_no_file_and_files_that_include_each_other(home: Path) -> None:
    (home / "d").mkdir()
    (home / "d/1").write_text("Port 1\n")
    (home / "d/2").write_text("Port 2\nUser two\nInclude d/2\n")
    (home / "config").write_text("Include d/* missing\n")
    assert (found("x")["port"], found("x")["user"]) == ("1", "two")
    assert len(list(parts(home / "config", home))) < 5 * DEPTH


def test_hosts_within_a_block_are_not_taken_for_everybodys(home: Path) -> None:
    (home / "a").write_text("Host *\n  ProxyJump evil\n")
    (home / "config").write_text("Host work\n  Include a\n")
    with pytest.raises(ShellError, match="include it at the top"):
        found("x")


def test_no_config(home: Path) -> None:
    assert "user" not in found("x")
