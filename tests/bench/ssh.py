"""Pushes and plans over SSH, as ratios within one run: ``make bench-ssh``, which installs pyinfra beside the project.

* push of 3 files to 20 hosts: FleetHub, a bare fabric loop that writes and fsyncs the same, OpenSSH, pyinfra ``-y``
* a plan of 100 hosts that has nothing to do: FleetHub, pyinfra ``--dry --diff`` of the same three files, and for
  comparison what 100 logins that do nothing take, by FleetHub's client and by OpenSSH's

All hosts are names for one sshd on this machine's loopback, so the server's work is in every figure.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench.fleets import trust
from tests.ports import free
from tests.real.sshd import client, key
from tests.support import SEED

PUSH, PLAN = 20, 100
(PORT,) = free()
GOALS = {"push against pyinfra": (3.0, "at least"), "plan against pyinfra": (4.0, "at least"),
         "push against bare fabric": (1.3, "at most")}  # fmt: skip
FILES = (
    (".env", b"KEY='1'\n" * 20, 0o600),
    ("compose.yaml", b"a: 1\n" * 300, 0o644),
    ("openclaw.json", b"{}\n" * 900, 0o644),
)
SPEC = """
[fleet]
name = "bench"
key_seed = ["file:fleet.seed"]
[backends.gpu]
host = "gpu"
gpus = [{{ name = "x", vram = "48 GiB" }}]
[backends.gpu.ollama]
url = "http://127.0.0.1:9"
[models.one]
backends = ["gpu"]
route = "ollama_chat/one"
context = 32768
vram = "1 GiB"
[defaults.node]
type = "openclaw-native"
target = "ssh://{user}@{{host}}{root}/{{name}}"
model = {{ model = "one", via = "ollama" }}
settle = "0s"
"""


def address(number: int) -> str:
    """A name for each host, which ~/.ssh/config leads to the one sshd."""
    return f"host{number}"


class Server:
    """One sshd under many names; HOME is replaced while it runs."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        (folder / "remote").mkdir()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        public, operator = key(folder / "host"), key(self.home / ".ssh/id_ed25519")
        (folder / "authorized").write_text(operator + "\n")
        (self.home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{PORT} {public}\n")
        self.names(PLAN)
        (folder / "conf").write_text(
            f"Port {PORT}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\nMaxStartups 300\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"PermitRootLogin prohibit-password\nSetEnv PATH=/usr/bin:/bin HOME={folder}/remote\n"
            "Subsystem sftp internal-sftp\n"
        )
        self.process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "conf")],
                                        stderr=(folder / "log").open("w"))  # fmt: skip
        self.user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        os.environ["HOME"] = str(self.home)
        os.environ["PATH"] = f"{client(folder)}:{os.environ['PATH']}"  # OpenSSH would read the account's own home
        os.environ.pop("SSH_AUTH_SOCK", None)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.ssh(0, "true", b"").returncode:
            time.sleep(0.1)

    def names(self, count: int) -> None:
        """So many Host entries in ~/.ssh/config."""
        names = "".join(f"Host {address(n)}\n  HostName 127.0.0.1\n  Port {PORT}\n" for n in range(count))
        (self.home / ".ssh/config").write_text(names)

    def ssh(self, number: int, command: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
        """One OpenSSH client of its own."""
        known = f"UserKnownHostsFile={self.home}/.ssh/known_hosts"
        argv = ["ssh", "-F", f"{self.home}/.ssh/config", "-i", f"{self.home}/.ssh/id_ed25519", "-o", known,
                "-o", "BatchMode=yes", f"{self.user}@{address(number)}", command]  # fmt: skip
        return subprocess.run(argv, input=data, capture_output=True)


def timed(what: Callable[[int], Any], rounds: int = 3) -> float:
    """The median of some rounds, in seconds."""
    times = []
    for number in range(rounds):
        start = time.perf_counter()
        what(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def everywhere(one: Callable[[Any], Any], hosts: int | list[str]) -> None:
    """The same on each host, 20 at a time."""
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(hosts) if isinstance(hosts, int) else hosts))


def ours(server: Server, root: str) -> None:
    """Deliver by FleetHub's own client."""
    from fleethub.clients.host import Bundle, Hosts
    from fleethub.clients.shell import Shells

    shells = Shells()
    hosts = Hosts(shells, Path("/"))
    bundle = Bundle(FILES, {"serial": 1})
    everywhere(lambda n: hosts.at(f"ssh://{server.user}@{address(n)}{root}/{n}").deliver(bundle), PUSH)
    shells.close()


def reading(server: Server, entries: int) -> float:
    """Have OpenSSH read ~/.ssh/config for each host."""
    from fleethub.clients.ssh import SshConfig

    server.names(entries)
    try:
        return timed(lambda _: everywhere(SshConfig(dict(os.environ)).of, [address(n) for n in range(PLAN)]))
    finally:
        server.names(PLAN)


def logins(server: Server, ssh_program: bool = False) -> None:
    """Log in everywhere by FleetHub's own client, and do nothing there."""
    from fleethub.clients.shell import Shells

    shells = Shells(ssh_program)
    everywhere(lambda n: shells.at(f"{server.user}@{address(n)}").run("true"), PLAN)
    shells.close()


def bare(server: Server, root: str) -> None:
    """A loop over fabric that unpacks, syncs and renames."""
    from fabric import Connection

    from fleethub.clients.host.bundle import archive

    data = archive(FILES)
    names = " ".join(name for name, _, _ in FILES)

    def one(number: int) -> None:
        folder = f"{root}/{number}"
        connection = Connection(address(number), user=server.user)
        connection.open()
        channel = connection.transport.open_session()
        channel.exec_command(
            f"mkdir -p {folder}/in && cd {folder}/in && tar -xpf - && sync {names} && mv {names} .. && sync .."
        )
        channel.sendall(data)
        channel.shutdown_write()
        assert channel.recv_exit_status() == 0, channel.recv_stderr(9999)
        connection.close()

    everywhere(one, PUSH)


def openssh(server: Server, root: str) -> None:
    """A client process for each host."""
    from fleethub.clients.host.bundle import archive

    data = archive(FILES)
    everywhere(lambda n: server.ssh(n, f"mkdir -p {root}/{n} && cd {root}/{n} && tar -xpf - && sync", data), PUSH)


def pyinfra(program: str, server: Server, folder: Path, root: str, count: int, *flags: str) -> None:
    """The same three files by pyinfra."""
    settings = {
        "ssh_hostname": "127.0.0.1",
        "ssh_user": server.user,
        "ssh_port": PORT,
        "ssh_key": f"{server.home}/.ssh/id_ed25519",
    }
    hosts = [(address(n), settings) for n in range(count)]
    (folder / "inventory.py").write_text(f"hosts = {hosts!r}\n")
    puts = ""
    for name, content, mode in FILES:
        (folder / f"src{name}").write_bytes(content)
        puts += (
            f"files.put(src={str(folder / f'src{name}')!r}, dest={root!r} + '/' + host.name + '/{name}', "
            f"mode='{mode:o}', create_remote_dir=True)\n"
        )
    (folder / "deploy.py").write_text(f"from pyinfra import host\nfrom pyinfra.operations import files\n{puts}")
    done = subprocess.run(
        [program, *flags, str(folder / "inventory.py"), str(folder / "deploy.py")], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"pyinfra ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def fleethub(folder: Path, *argv: str) -> None:
    """One command in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "fleethub", "-C", str(folder), *argv], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"fleethub {' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> int:
    """Print the figures and how they stand to the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pyinfra", default="", help="the pyinfra program; without it only the other peers are run")
    program = parser.parse_args().pyinfra
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Server(folder)
        try:
            return run(folder, server, program)
        finally:
            server.process.terminate()
            server.process.wait(20)


def run(folder: Path, server: Server, program: str) -> int:
    """All peers against one sshd."""
    seconds = {
        "FleetHub": timed(lambda i: ours(server, f"{folder}/ours{i}")),
        "bare fabric": timed(lambda i: bare(server, f"{folder}/bare{i}")),
        "OpenSSH": timed(lambda i: openssh(server, f"{folder}/openssh{i}")),
    }
    if program:
        seconds["pyinfra"] = timed(lambda i: pyinfra(program, server, folder, f"{folder}/pyinfra{i}", PUSH, "-y"))
    print(f"push of 3 files to {PUSH} hosts: " + ", ".join(f"{n} {s:.2f} s" for n, s in seconds.items()), flush=True)
    found = {"push against bare fabric": seconds["FleetHub"] / seconds["bare fabric"]}
    fleet = folder / "fleet"
    fleet.mkdir()
    nodes = "".join(f'[nodes.n{n}]\nhost = "{address(n)}"\n' for n in range(PLAN))
    (fleet / "fleet.toml").write_text(SPEC.format(user=server.user, root=folder / "srv") + nodes)
    trust(fleet)
    (fleet / "fleet.seed").write_text(SEED)
    (fleet / "fleet.seed").chmod(0o600)
    fleethub(fleet, "apply", "--auto-approve", "--parallel", "32")
    plans = {
        "FleetHub": timed(lambda _: fleethub(fleet, "plan", "--detailed-exitcode")),
        "its logins alone": timed(lambda _: logins(server)),
        "the same through ssh": timed(lambda _: logins(server, ssh_program=True)),
        "OpenSSH's": timed(lambda _: everywhere(lambda n: server.ssh(n, "true", b""), PLAN)),
    }
    if program:
        root = f"{folder}/steady"
        pyinfra(program, server, folder, root, PLAN, "-y")
        plans["pyinfra"] = timed(lambda _: pyinfra(program, server, folder, root, PLAN, "--dry", "--diff"))
        found["push against pyinfra"] = seconds["pyinfra"] / seconds["FleetHub"]
        found["plan against pyinfra"] = plans["pyinfra"] / plans["FleetHub"]
    print(f"plan of {PLAN} hosts: " + ", ".join(f"{n} {s:.2f} s" for n, s in plans.items()), flush=True)
    for entries in (PLAN, 10 * PLAN):
        print(
            f"~/.ssh/config with {entries} entries read for {PLAN} hosts: {reading(server, entries):.2f} s", flush=True
        )
    for what, ratio in found.items():
        goal, how = GOALS[what]
        print(f"{what}: {ratio:.2f} times (goal: {how} {goal:g})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
