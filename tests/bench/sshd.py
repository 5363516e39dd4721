"""One sshd of this machine under many names, and what a command over it costs: client, server and wall."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free
from tests.real.sshd import client, find, key

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """Seconds: processor time of the client with its children, that of sshd with all that it started, the wall."""

    client: float
    server: float
    wall: float

    @property
    def total(self) -> float:
        """All processor time."""
        return self.client + self.server


class Server:
    """One sshd under many names; HOME is replaced while it runs."""

    def __init__(self, folder: Path, names: int) -> None:
        self.home, self.folder = folder / "home", folder
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        (folder / "remote").mkdir()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        (self.port,) = free()
        public, operator = key(folder / "host"), key(self.home / ".ssh/id_ed25519")
        (folder / "authorized").write_text(operator + "\n")
        (self.home / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}\n")
        self.names(names)
        (folder / "conf").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
            f"MaxStartups 300\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
            f"SetEnv PATH=/usr/bin:/bin HOME={folder}/remote\nSubsystem sftp internal-sftp\n"
        )
        self.process = subprocess.Popen([find(), "-D", "-e", "-f", str(folder / "conf")],
                                        stderr=(folder / "log").open("w"))  # fmt: skip
        self.user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        os.environ["HOME"] = str(self.home)
        os.environ["PATH"] = f"{client(folder)}:{os.environ['PATH']}"  # OpenSSH would read the account's own home
        os.environ.pop("SSH_AUTH_SOCK", None)
        end = time.monotonic() + 60
        while time.monotonic() < end and subprocess.run(["ssh", "host0", "true"], capture_output=True).returncode:
            time.sleep(0.1)

    def names(self, count: int) -> None:
        """So many Host entries in ~/.ssh/config, each of which leads here; one is for all names."""
        each = range(count) if count > 1 else ["*"]
        names = "".join(f"Host host{n}\n  HostName 127.0.0.1\n  Port {self.port}\n" for n in each)
        (self.home / ".ssh/config").write_text(names)

    def used(self) -> float:
        """Seconds of processor time so far, that of every session included: those are waited for."""
        pid, end = self.process.pid, time.monotonic() + 60
        while time.monotonic() < end and Path(f"/proc/{pid}/task/{pid}/children").read_text().strip():
            time.sleep(0.01)
        return sum(_times(pid))

    def now(self) -> float:
        """The same, with what sessions that are open have used so far."""
        return _tree(self.process.pid)

    def spent(self, run: Callable[[], float]) -> Spent:
        """What ``run`` costs, which tells the seconds of its own processor time."""
        before, start = self.used(), time.perf_counter()
        client_ = run()
        wall = time.perf_counter() - start
        return Spent(client_, self.used() - before, wall)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)


def _times(pid: int) -> tuple[float, float]:
    """Seconds of a process, and of the children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    own, children = (int(fields[11]) + int(fields[12])), (int(fields[13]) + int(fields[14]))
    return own / TICKS, children / TICKS


def _tree(pid: int) -> float:
    """Seconds of a process and of all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(_times(pid)) + sum(_tree(int(child)) for child in children)
    except OSError:  # it ended meanwhile, and its parent has its time
        return 0.0


def command(argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> float:
    """Seconds of processor time of a program and its children; it must succeed."""
    said = folder / "said"
    with said.open("w") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=env, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(argv)} ended with {process.returncode}:\n{said.read_text()[-3000:]}")
    return usage.ru_utime + usage.ru_stime


def in_turn(rows: Mapping[str, Callable[[int], Spent]], rounds: int) -> dict[str, list[Spent]]:
    """Each row once a round, in an order that turns; a round before them warms all up."""
    found: dict[str, list[Spent]] = {name: [] for name in rows}
    for number in range(rounds + 1):
        for name in rows if number % 2 else reversed(list(rows)):
            spent = rows[name](number)
            if number:
                found[name].append(spent)
    return found


def table(what: str, found: Mapping[str, Sequence[Spent]]) -> None:
    """Print the medians of each row."""
    print(f"{what}: seconds of processor time (client + server), wall", flush=True)
    for name, all_ in found.items():
        middle = [statistics.median(getattr(s, part) for s in all_) for part in ("client", "server", "total", "wall")]
        print("  {:34} {:6.2f} + {:6.2f} = {:6.2f}   wall {:6.2f}".format(name, *middle), flush=True)


def ratio(ours: Sequence[Spent], theirs: Sequence[Spent], part: str = "total") -> float:
    """The median of the rounds' ratios."""
    return statistics.median(getattr(a, part) / getattr(b, part) for a, b in zip(ours, theirs, strict=True))
