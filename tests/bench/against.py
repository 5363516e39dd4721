"""This tree against another commit of it: ``python -m tests.bench --against REV [ROW ...]``.

REV is unpacked beside (``git archive`` into a temporary folder). Both run in this virtual environment, each with its
own tree first on PYTHONPATH, each on fleets and stand-in proxies of its own: the same specs, applied by its own
``apply``. What a row measures is processor time, taken in turn, so that what else the machine does falls on both.

A row fails when its ratio is above 1.05 beyond noise: the median of the rounds' ratios less two standard errors of it.
Modules may have moved in between: all goes by the command line, but for two probes. ``admission`` is that function of
each tree's own ``tests/bench/__main__.py``, and a lockfile is read by each tree's own ``tests/bench/lockfile.py``.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleethub.testing.litellm import LiteLLM
from tests.bench.fleets import deployment, head, trust
from tests.bench.http import requests
from tests.server.live import Served
from tests.support import MASTER, SEED

ROOT = Path(__file__).parents[2]
BOUND = 1.05
#: Rounds of a row: at least, and at most where noise leaves it open which side of the bound it is on.
FEW, MANY = 7, 31
TICKS = os.sysconf("SC_CLK_TCK")
LOCKFILE = """
import sys, time
from pathlib import Path
try:
    from tests.bench.lockfile import read
except ModuleNotFoundError:  # a commit from before that module
    from fleethub.state.format import load as read
text, times = Path(sys.argv[1]).read_text(), []
for _ in range(5):
    start = time.process_time()
    read(text)
    times.append(time.process_time() - start)
print(min(times))
"""
ADMISSION = "from tests.bench.__main__ import admission; print(admission())"


def nodes(count: int, **fields: str) -> str:
    """Blocks of nodes whose files lie in a folder."""
    more = "".join(f"{name} = {value}\n" for name, value in fields.items())
    return "".join(f'[nodes.n{i}]\nhost = "h{i}"\n{more}' for i in range(count))


#: name -> what stands in its spec after the head
FLEETS = {
    "10 nodes": nodes(10),
    "100 nodes": nodes(100),
    "1000 nodes": nodes(1000),
    "200 keys": "".join(f'[keys.k{i}]\nmodels = ["one"]\nrpm = {i + 1}\n' for i in range(200)),
    "200 drifted": nodes(200, owner='"somebody"'),
}


@dataclass
class Side:
    """One tree and its fleets, which are made when they are first asked for. Close it with ``ends``."""

    tree: Path
    folder: Path
    ends: ExitStack
    _made: dict[str, Path] = field(default_factory=dict)
    _served: Served | None = None
    _applied: int = 0

    def environment(self) -> dict[str, str]:
        """What its processes find: this tree, and nobody's configuration."""
        own = {"PYTHONPATH": str(self.tree), "XDG_CONFIG_HOME": str(self.folder / "config")}
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # it is compiled once
        return {**kept, **own, "LITELLM_MASTER_KEY": MASTER}

    def run(self, *argv: str, cwd: Path) -> float:
        """Seconds of processor time of one process, which must succeed."""
        with (self.folder / "said").open("w") as said:
            process = subprocess.Popen(argv, stdout=said, stderr=said, env=self.environment(), cwd=cwd)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(argv)} of {self.tree} ended with {process.returncode}:\n{self.said()[-3000:]}")
        return usage.ru_utime + usage.ru_stime

    def said(self) -> str:
        """The output of the last process."""
        return (self.folder / "said").read_text()

    def fleethub(self, fleet: str, *argv: str) -> float:
        """Seconds of processor time of one command on a fleet."""
        folder = self.fleet(fleet)
        return self.run(sys.executable, "-m", "fleethub", "-C", str(folder), *argv, cwd=folder)

    def probe(self, code: str, *argv: str) -> float:
        """The seconds that a piece of Python prints last."""
        self.run(sys.executable, "-c", code, *argv, cwd=self.tree)
        return float(self.said().split()[-1])

    def fleet(self, name: str) -> Path:
        """The folder of a fleet that was applied."""
        if name not in self._made:
            folder = self._made[name] = self.laid(name, name.replace(" ", "-"), self.ends)
            self.fleethub(name, "apply", "--auto-approve")
            if name.endswith("drifted"):
                for i in range(0, 200, 7):
                    (folder / f"nodes/n{i}/.env").unlink()
                self.fleethub(name, "observe")
        trust(self._made[name])
        return self._made[name]

    def laid(self, name: str, where: str, ends: ExitStack) -> Path:
        """The folder of a fleet that was not applied, with a proxy of its own."""
        proxy = LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER)
        ends.callback(proxy.stop)
        folder = self.folder / where
        folder.mkdir(parents=True)
        (folder / "fleet.toml").write_text(head(proxy.url) + FLEETS[name])
        (folder / "fleet.seed").write_text(SEED)
        (folder / "fleet.seed").chmod(0o600)
        trust(folder)
        return folder

    def first_apply(self, name: str) -> float:
        """Seconds of processor time of the first apply of such a fleet, and of all that it starts at the targets."""
        self._applied += 1
        with ExitStack() as ends:
            folder = self.laid(name, f"applied-{self._applied}", ends)
            return self.run(sys.executable, "-m", "fleethub", "-C", str(folder), "apply", "--auto-approve", cwd=folder)

    def served(self) -> float:
        """Seconds of the server's processor time for 2000 answers to 20 clients."""
        if self._served is None:
            folder = self.fleet("200 drifted")
            self._served = Served(folder, cwd=folder, **self.environment())
            self.ends.callback(self._served.stop)
            self._served.observed()
        before = used(self._served.process.pid)
        requests(self._served.url, 100)
        return used(self._served.process.pid) - before


def used(pid: int) -> float:
    """Seconds of processor time that a running process has used, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


ROWS: dict[str, Callable[[Side], float]] = {
    "help": lambda side: side.run(sys.executable, "-m", "fleethub", "--help", cwd=side.folder),
    "plan-10": lambda side: side.fleethub("10 nodes", "plan", "--detailed-exitcode"),
    "plan-100": lambda side: side.fleethub("100 nodes", "plan", "--detailed-exitcode"),
    "plan-1000": lambda side: side.fleethub("1000 nodes", "plan", "--detailed-exitcode"),
    "apply-100": lambda side: side.first_apply("100 nodes"),
    "plan-200-keys": lambda side: side.fleethub("200 keys", "plan", "--detailed-exitcode"),
    "status-200": lambda side: side.fleethub("200 drifted", "status"),
    "context-200": lambda side: side.fleethub("200 drifted", "context"),
    "admission-100x20": lambda side: side.probe(ADMISSION),
    "serve-200": Side.served,
    "lockfile-1000": lambda side: side.probe(LOCKFILE, str(side.fleet("1000 nodes") / "fleet.lock")),
}


@dataclass(frozen=True)
class Ratio:
    """What the rounds of a row say."""

    ours: list[float]
    theirs: list[float]

    @property
    def median(self) -> float:
        """Ours over theirs."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def noise(self) -> float:
        """Two standard errors of the median, from the rounds' deviation from it."""
        off = statistics.median(abs(a / b - self.median) for a, b in zip(self.ours, self.theirs, strict=True))
        return 2 * 1.2533 * 1.4826 * off / len(self.ours) ** 0.5

    @property
    def slower(self) -> bool:
        """Above the bound, beyond noise."""
        return self.median - self.noise > BOUND

    @property
    def settled(self) -> bool:
        """More rounds would hardly change the verdict."""
        return abs(self.median - BOUND) > self.noise


def measured(row: Callable[[Side], float], ours: Side, theirs: Side) -> Ratio:
    """Rounds in turn, each time the other one first; one before them warms both up."""
    row(ours), row(theirs)
    found = Ratio([], [])
    while len(found.ours) < FEW or (not found.settled and len(found.ours) < MANY):
        pair = [(ours, found.ours), (theirs, found.theirs)]
        for side, times in pair if len(found.ours) % 2 else reversed(pair):
            times.append(row(side))
    return found


@contextmanager
def trees(revision: str) -> Iterator[tuple[Side, Side]]:
    """This tree and that of a commit, with a temporary folder each."""
    with tempfile.TemporaryDirectory(prefix="fleethub-against-") as name, ExitStack() as ends:
        there = Path(name) / "tree"
        there.mkdir()
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True)
        if archive.returncode != 0:
            sys.exit(f"git archive {revision}: {archive.stderr.decode()}")
        subprocess.run(["tar", "x"], cwd=there, input=archive.stdout, check=True)
        sides = Side(ROOT, Path(name) / "ours", ends), Side(there, Path(name) / "theirs", ends)
        for side in sides:
            side.folder.mkdir()
        yield sides


def against(revision: str, names: list[str]) -> int:
    """Print the table; 1 when a row is slower."""
    slower = []
    print(f"this tree against {revision}, processor time, both in {sys.prefix}", flush=True)
    print(f"{'row':18} {'this':>9} {revision[:9]:>9} {'ratio':>6} {'noise':>6} rounds")
    with trees(revision) as (ours, theirs):
        for name in names or ROWS:
            found = measured(ROWS[name], ours, theirs)
            times = " ".join(f"{statistics.median(side) * 1000:6.0f} ms" for side in (found.ours, found.theirs))
            verdict = f"slower than {BOUND}" if found.slower else ""
            print(f"{name:18} {times} {found.median:6.2f} {found.noise:6.2f} {len(found.ours):6} {verdict}", flush=True)
            slower += [name] * found.slower
    print(f"above {BOUND} beyond noise: {', '.join(slower) or 'no row'}")
    return int(bool(slower))
