"""Hosts that OpenSSH's files treat alike: it is asked once for all of them, and each gets what it says of that host."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleethub.clients import process
from fleethub.clients.process import Output, ShellError
from fleethub.clients.ssh.alike import NotUnderstood, Rules, Traced, traced
from fleethub.clients.ssh.config import SshConfig, options
from tests.real.sshd import client

NAMES = ("web1", "web2", "db", "db.example", "gate", "10.0.0.7")
MORE = {
    "more": "Host web*\n  Port 2201\n",
    "d/1": "User one\n",
    "d/2": "Host db\n  User two\n",
    "d/.3": "Port 9\n",
    "late": "Match final\n  User x\n  Port 4\n",
    "soon": "Match final\n  User x\nHost *\n  Port 4\n",
    "later": "Host *\n  Port 4\nMatch all\n  User x\n",
}
BLOCKS = "".join(f"Host {name}\n  HostName 10.1.1.{n}\n  Port 22{n}2\n" for n, name in enumerate(NAMES[:4]))
#: What stands in ~/.ssh/config, and how often OpenSSH is asked for the six names.
FILES = {
    "nothing": ("", 1),
    "a block each": ("".join(f"Host {name}\n HostName 10.1.1.{n}\n" for n, name in enumerate(NAMES)), 1),
    "that differ": (BLOCKS, 5),
    "patterns": ("Host web? !web2\n  Port 1\nHost *.example 10.*\n\tUser=o\nHost *\n  HostName %h.lan\n  Port 5\n", 3),
    "first counts": ("Port 7\nHost web1 web2\n  HostName a\n  Port 8\nHost *\n  HostName b\n", 2),
    "included": ("Include more\nHost db*\n  Include d/*\nHost *\n  Include nothing/* missing\n  Port 1\n", 4),
    "all, at last": ("Host web*\n  Port 3\nMatch all\n  User last\nHost db\n  Port 4\n", 3),
    "a second pass": ("Host web*\n  HostName db\nMatch final all\n  User last\nHost db\n  Port 4\n", 3),
    "through one": ("Host !gate *\n  ProxyJump ops@gate:22\n", 3),
    "a second pass of some": ("Host web1\n Include late\nHost web2\n Include soon\nHost *\n User o\n Port 7\n", 3),
    "an include in a second pass": ("Host web1\n User a\nMatch final\n Include later\nHost *\n Port 7\n", 6),
    "blanks that are none": ("IgnoreUnknown *\nHost web1\n User x\nHost web2\n User x\nHost\x0bdb a\n Port 5\n", 6),
    "case": ("Host Web1 DB\n  Port 1\nHost *\n  User UPPER\n", 3),
    "odd words": ('Host "web1" web2\n  User x\n', 6),
    "a comment behind": ("Host web1 # mine\n  User x\n", 6),
    "tokens": ("IdentityFile ~/.ssh/%n\nControlPath ~/%h\n", 6),
    "a question": ("Match host web*\n  Port 1\n", 6),
    "a program": ("Match exec \"test %n = web1\"\n  Port 1\n", 6),
    "through names": ("CanonicalizeHostname no\nUser o\n", 6),
}  # fmt: skip


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return client(tmp_path_factory.mktemp("ssh"))


@pytest.fixture
def home(tmp_path: Path, ssh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(ssh), prepend=os.pathsep)
    for name, text in MORE.items():
        (path := tmp_path / ".ssh" / name).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    found: list[str] = []
    real = process.run

    def run(argv: list[str], *args: object) -> Output:
        found.append(argv[-1])
        return real(argv, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "run", run)
    return found


def said(name: str) -> dict[str, tuple[str, ...]]:
    """What OpenSSH says of this host itself."""
    argv = ["ssh", "-G", "-T", "-o", "ControlPath=~/%C", "--", name]
    found = options(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    return {key: value for key, value in found.items() if key not in ("controlpath", "loglevel")}


@pytest.mark.real
@pytest.mark.parametrize("name", FILES)
def test_each_gets_what_openssh_says_of_it(name: str, home: Path, asked: list[str]) -> None:
    text, times = FILES[name]
    (home / ".ssh/config").write_text(text)
    config = SshConfig(dict(os.environ))
    with ThreadPoolExecutor(6) as pool:
        found = dict(zip(NAMES, pool.map(lambda one: dict(config.of(one).options), NAMES), strict=True))
    for one in NAMES:
        assert found[one].pop("controlpath")[0].startswith(str(home))
        assert found[one] == said(one), one
    assert len(asked) == times, asked


@pytest.mark.real
def test_what_openssh_refuses_is_told_of_each_host_by_its_name(home: Path) -> None:
    (home / ".ssh/config").write_text("Host *\n  Nonsense 1\n")
    config = SshConfig(dict(os.environ))
    for name in NAMES[:3]:
        with pytest.raises(ShellError, match=rf"^{name}: ssh cannot use its configuration: .*line 2: Bad config"):
            config.of(name)


def test_files_that_are_not_those_that_openssh_read_say_nothing(tmp_path: Path) -> None:
    (config := tmp_path / "config").write_text("Include other\nHost a\n  Port 1\n")
    (other := tmp_path / "other").write_text("")
    both = (str(config), str(other))
    assert Rules(both).of("a") == (("Port 1",), "a")
    assert Rules(both).of("a", Traced(both, ((str(config), 2),)))
    for given in (Traced(both, ()), Traced(both, ((str(config), 3),)), Traced(both, ((str(config), 2),) * 2)):
        with pytest.raises(NotUnderstood):
            Rules(both).of("a", given)
    for files in ((), both[:1], both[:1] * 2, both * 2, (*both, str(tmp_path / "none")), ("/dev/null",)):
        with pytest.raises(NotUnderstood):
            Rules(files)


def test_what_it_says_of_its_reading() -> None:
    text = "OpenSSH_9.2p1\ndebug1: Reading configuration data /a b\r\ndebug1: /a b line 7: Applying options for *\nx\n"
    assert traced(text) == Traced(("/a b",), (("/a b", 7),))
