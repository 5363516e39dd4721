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


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Host x # the lab's\n  Port 2222 # the second one\n  User ops #1\n", {"port": "2222", "user": "ops"}),
        ("Host x\n  User ops#1\n", {"user": "ops#1"}),
        ("Host x\n  User 'ops'\n  HostName \"gpu.example\" # lab\n", {"user": "ops", "hostname": "gpu.example"}),
        ("Host x\n  ProxyCommand nc -x '#1' %h # 5\n", {"proxycommand": "nc -x '#1' x # 5"}),
        ("Host x\n  ConnectTimeout 1m30s\n", {"connecttimeout": "90"}),
        ("Host x\n  Port ssh\n", {"port": "22"}),
        ("Host [x]\n  User other\n", {"user": None}),
        ('Match host=x !user "no body"\n  User ops\n', {"user": "ops"}),
        ("Match originalhost y,x !user bob # those\n  User ops\n", {"user": "ops"}),
        ("Match all\n  User ops\n", {"user": "ops"}),
    ],
)
def test_a_line_is_read_as_ssh_reads_it(home: Path, text: str, wanted: dict[str, str | None]) -> None:
    (home / "config").write_text(text)
    read = found("x")
    assert {name: read.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Match localnetwork 203.0.113.0/24\n  User away\n", "config:1: Match localnetwork cannot be judged without"),
        (
            "Host y\n  Port 1\nMatch !version OpenSSH_9.*\n  User old\n",
            "config:3: Match version cannot be judged without",
        ),
        ("Host x\n  Port nowhere\n", "Port nowhere is no port"),
        ("Host x\n  ConnectTimeout soon\n", "ConnectTimeout soon is no time"),
    ],
)
def test_what_cannot_be_judged_or_is_wrong_is_said(home: Path, text: str, says: str) -> None:
    (home / "config").write_text(text)
    with pytest.raises(ShellError, match=says):
        found("x")
