"""A real sshd of our own on the loopback, with its own keys, ended by its pid; nothing of this machine's changes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleethub.clients.ssh import destination
from tests.ports import free


def find() -> str:
    found = os.environ.get("FLEETHUB_SSHD") or shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found or not shutil.which("ssh-keygen"):
        if os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail("FLEETHUB_REQUIRE_REAL is set, and there is no sshd (apt-get install openssh-server)")
        pytest.skip("no real sshd: FLEETHUB_SSHD is not set and none is on PATH, see tests/real/README.md")
    return found


#: OpenSSH takes the home of the account from the system's list, whatever HOME says; here it takes HOME's.
HOME_OF = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pwd.h>
#include <stdlib.h>
struct passwd *getpwuid(uid_t uid) {
    struct passwd *found = ((struct passwd *(*)(uid_t))dlsym(RTLD_NEXT, "getpwuid"))(uid);
    if (found && getenv("HOME")) found->pw_dir = getenv("HOME");
    return found;
}
"""


def client(folder: Path) -> Path:
    """A folder with the real ``ssh``, which reads the files below HOME instead of this account's."""
    ssh, compiler = shutil.which("ssh"), shutil.which("cc")
    if not ssh or not compiler:
        if os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail("FLEETHUB_REQUIRE_REAL is set, and there is no ssh or no cc (apt-get install gcc libc6-dev)")
        pytest.skip("no ssh, or no C compiler (cc) to give it another home, see tests/real/README.md")
    library = folder / "home.so"
    argv = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-ldl"]
    subprocess.run(argv, input=HOME_OF, text=True, check=True)
    tools = folder / "client"
    tools.mkdir()
    (tools / "ssh").write_text(f'#!/bin/sh\nLD_PRELOAD={library} exec {ssh} "$@"\n')
    (tools / "ssh").chmod(0o755)
    return tools


@dataclass
class Machine:
    """A running sshd and what its sessions find; ``home`` is the operator's, with ~/.ssh."""

    port: int
    home: Path
    bin: Path
    known: str
    user: str
    journal: Path
    remote: Path

    @property
    def address(self) -> str:
        return f"{self.user}@127.0.0.1:{self.port}"

    def tool(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def log(self) -> str:
        """What sshd wrote."""
        return self.journal.read_text()

    def prints(self) -> bytes:
        """What a command that says nothing has in its output: what the account's start-up files write."""
        known = self.home / ".ssh/known_hosts"
        options = ("-o", f"UserKnownHostsFile={known}", "-i", str(self.home / ".ssh/id_ed25519"))
        argv = ("ssh", "-F", "none", *options, "-p", str(self.port), f"{self.user}@127.0.0.1", "true")
        return subprocess.run(argv, capture_output=True, check=True, timeout=300).stdout

    def known_hosts(self, text: str) -> None:
        (self.home / ".ssh/known_hosts").write_text(text)

    def config(self, text: str) -> None:
        (self.home / ".ssh/config").write_text(text)


def key(path: Path) -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    kind, public, *_ = path.with_suffix(".pub").read_text().split()
    return f"{kind} {public}"


@contextmanager
def listening(folder: Path, *options: str, address: str = "127.0.0.1") -> Iterator[int]:
    """An sshd with a host key of its own (``folder/host``); whom it lets in stands in ``folder/authorized``."""
    sshd = find()
    # sshd of Debian wants its folder for unprivileged children; a container may not have made it yet
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (port,) = free()
    lines = (
        *options,  # the first that is found counts
        f"Port {port}\nListenAddress {address}\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "MaxStartups 300\nLogLevel VERBOSE\nPermitRootLogin prohibit-password\n",
    )
    (folder / "conf").write_text("\n".join(lines))
    process = subprocess.Popen([sshd, "-D", "-e", "-f", str(folder / "conf")], stderr=(folder / "log").open("w"))
    try:
        end = time.monotonic() + 300
        while time.monotonic() < end and process.poll() is None:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as trial:
                if trial.connect_ex((address, port)) == 0:
                    break
            time.sleep(0.05)
        assert process.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(300)


@contextmanager
def agent(folder: Path, *keys: Path) -> Iterator[Path]:
    """An ssh-agent that holds keys; its socket."""
    door = folder / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(door)], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 300
        while time.monotonic() < end and process.poll() is None:  # it is there before anybody listens at it
            with socket.socket(socket.AF_UNIX) as trial:
                if trial.connect_ex(str(door)) == 0:
                    break
            time.sleep(0.02)
        for path in keys:
            subprocess.run(["ssh-add", "-q", str(path)], env={**os.environ, "SSH_AUTH_SOCK": str(door)}, check=True)
        yield door
    finally:
        process.terminate()
        process.wait(300)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    find()
    folder = tmp_path_factory.mktemp("sshd")
    home, tools = folder / "home", folder / "bin"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    tools.mkdir()
    (folder / "remote").mkdir()  # a home without start-up files: those of root run at every exec, and may hang
    host_key, operator = key(folder / "host"), key(home / ".ssh/id_ed25519")
    (folder / "authorized").write_text(operator + "\n")
    with listening(folder, f"SetEnv PATH={tools}:/usr/bin:/bin HOME={folder}/remote") as port:
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        yield Machine(port, home, tools, f"[127.0.0.1]:{port} {host_key}\n", user, folder / "log", folder / "remote")


@pytest.fixture(scope="session")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return client(tmp_path_factory.mktemp("openssh"))


@pytest.fixture
def machine(server: Machine, openssh: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("HOME", str(server.home))
    monkeypatch.setenv("PATH", str(openssh), prepend=os.pathsep)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(destination, "CONNECT", 60.0)  # a machine on which much else runs is no host that hangs
    monkeypatch.setattr(destination, "LOGIN", 120.0)
    server.known_hosts(server.known)
    (server.home / ".ssh/config").unlink(missing_ok=True)
    for old in server.bin.iterdir():
        old.unlink()
    return server
