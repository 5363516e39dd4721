"""Benchmarks, as ratios within one run: ``make bench``. Exits 1 when a ratio is over its bound.

* a steady plan of 10, 100 and 1000 nodes on stand-ins: t(1000) / t(100) at most 12
* ``fleethub --help``, and ``context`` on a fleet of 200 nodes, against ``python -c "import click"``: at most 2
* ``GET /api/fleet`` at 200 nodes with 20 clients against a bare route with the same bytes: p99 at most 2
* ``import --all`` of 200 keys and 100 nodes against the plan after it, processor time: at most 2
* a plan of 1,000 nodes whose lockfile lies in a real PostgreSQL against ``fleet.lock``: aimed at 1.15, held at
  1.3, for both are walls of less than two seconds
* a proposal for 1,000 backends and 5,000 models with its diff, against loading their spec, processor time: at most 20;
  and where they are so large that many find no room
* memory of a served fleet of 20 nodes after 200 looks over that after 25: at most 1.05
* admission of 20 models on each of 100 backends against two million plain sums, processor time: at most 15

``--against REV [ROW ...]`` compares with another commit instead: see ``against.py``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from fleethub.engines.ollama.admission import admit
from fleethub.engines.ollama.load import load
from fleethub.engines.ollama.server import server_of
from fleethub.model.facts import Facts
from fleethub.model.readings.server import ServerReading
from fleethub.testing.litellm import LiteLLM
from tests.bench.adoption import adoption_ratio
from tests.bench.against import ROWS, against
from tests.bench.fleets import deployment, head, trust
from tests.bench.http import fleet_ratio
from tests.bench.memory import memory_ratio
from tests.bench.placement import CROWDED, placement_ratio
from tests.bench.stores import store_ratio
from tests.placement.asking import CATALOG, backend, fleet, installed, model
from tests.support import MASTER, SEED

SIZES = (10, 100, 1000)


def fleethub(folder: Path, *argv: str) -> float:
    """Seconds of one command in a process of its own, which must succeed."""
    env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "fleethub", "-C", str(folder), *argv], env=env, capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"fleethub {' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds


def spent(folder: Path, *argv: str) -> float:
    """Seconds of processor time of such a command: what else the machine does falls on a wall."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    fleethub(folder, *argv)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def plans() -> dict[int, float]:
    """Size -> seconds of a plan that has nothing to do, the best of three."""
    found = {}
    for size in SIZES:
        models = [deployment("one"), deployment("two")]
        with tempfile.TemporaryDirectory() as name, LiteLLM(models=models, master_key=MASTER) as proxy:
            folder = Path(name)
            nodes = "".join(f'[nodes.n{i}]\nhost = "h{i}"\n' for i in range(size))
            (folder / "fleet.toml").write_text(head(proxy.url) + nodes)
            trust(folder)
            (folder / "fleet.seed").write_text(SEED)
            (folder / "fleet.seed").chmod(0o600)
            applied = fleethub(folder, "apply", "--auto-approve")
            found[size] = min(fleethub(folder, "plan", "--detailed-exitcode") for _ in range(3))
            print(f"{size:5} nodes: plan {found[size]:.2f} s, first apply {applied:.1f} s", flush=True)
    return found


def start_up(argv: list[str], folder: Path) -> float:
    """The cost of a command over that of importing click, medians of 21, taken in turn."""
    ours, peer = [], []
    env = {**os.environ, "XDG_CONFIG_HOME": str(folder)}
    for _ in range(21):
        for command, times in (
            ([sys.executable, "-m", "fleethub", *argv], ours),
            ([sys.executable, "-c", "import click"], peer),
        ):
            start = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=env)
            times.append(time.perf_counter() - start)
            if command[1] == "-m" and "fleet" not in done.stdout:
                sys.exit(f"fleethub {' '.join(argv)} said nothing: {done.stderr}")
    mine, theirs = sorted(ours)[10], sorted(peer)[10]
    name = " ".join(argv)
    print(f"{name} {mine * 1000:.0f} ms, python -c 'import click' {theirs * 1000:.0f} ms: {mine / theirs:.2f}")
    return mine / theirs


def sessions() -> dict[str, float]:
    """Start-up ratios: ``--help``, and ``context`` in a fleet of 200 nodes, some of them drifted."""
    models = [deployment("one"), deployment("two")]
    with tempfile.TemporaryDirectory() as name, LiteLLM(models=models, master_key=MASTER) as proxy:
        folder = Path(name)
        nodes = "".join(f'[nodes.n{i}]\nhost = "h{i}"\nowner = "Owner {i}"\nport = {18000 + i}\n' for i in range(200))
        (folder / "fleet.toml").write_text(head(proxy.url) + nodes)
        trust(folder)
        (folder / "fleet.seed").write_text(SEED)
        (folder / "fleet.seed").chmod(0o600)
        fleethub(folder, "apply", "--auto-approve")
        for i in range(0, 200, 7):
            (folder / f"nodes/n{i}/.env").unlink()
        fleethub(folder, "observe")
        return {argv[0]: start_up(argv, folder) for argv in (["--help"], ["context"])}


def admission() -> float:
    """Seconds of one processor to place 20 models of six shapes on each of 100 backends and judge each set; best of 5.

    Backends of one to eight GPUs, from far too small to roomy; of the models one to twenty are primaries.
    """
    shapes = list(installed(*CATALOG).values())
    disk = {f"m{i}:latest": replace(shapes[i % len(shapes)], digest=f"sha256:{i}") for i in range(20)}
    models = [model(f"m{i}", f"m{i}", "b0", context=4096 * (1 + i % 4)) for i in range(20)]
    backends = [backend(f"b{i}", *[24 * (1 + i)] * (1 + i % 8), max_loaded_models=20) for i in range(100)]
    spec = fleet(backends, models, {})
    seen = Facts("now", {("ollama", f"http://{b.name}"): ServerReading("0.32.1", disk, ()) for b in backends})
    times: list[float] = []
    fits: Counter[str] = Counter()
    for _ in range(5):
        start, fits = time.process_time(), Counter()  # whatever else the machine does
        for n, one in enumerate(backends):
            server = server_of(spec, one, seen)
            loads = [load(server, m, seen, primary=i <= n % 20) for i, m in enumerate(models)]
            fits[admit(server, loads).fit.value] += 1
        times.append(time.process_time() - start)
    counted = ", ".join(f"{n} {fit}" for fit, n in sorted(fits.items()))
    print(f"admission of 100 backends x 20 models {min(times):.2f} s ({counted})")
    return min(times)


def sums() -> float:
    """Seconds of one processor for two million plain sums, best of 5: how fast this machine and its Python are."""
    times: list[float] = []
    for _ in range(5):
        start, total = time.process_time(), 0
        for i in range(2_000_000):
            total += i % 7
        times.append(time.process_time() - start)
    return min(times)


def main() -> int:
    """Print the figures; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=main.__doc__)
    parser.add_argument("--against", metavar="REV", help="compare with another commit of this repository instead")
    parser.add_argument("rows", metavar="ROW", nargs="*", help=f"with --against, only some of: {', '.join(ROWS)}")
    asked = parser.parse_args()
    if unknown := sorted({*asked.rows} - ROWS.keys()):
        parser.error(f"there is no row {unknown[0]!r}; there are {', '.join(ROWS)}")
    if asked.against:
        return against(asked.against, asked.rows)
    judged = admission() / sums()
    print(f"admission / sums = {judged:.1f} (at most 15)")
    placed = placement_ratio()
    print(f"place / load = {placed:.1f} (at most 20)")
    crowded = placement_ratio(CROWDED)
    print(f"place / load, crowded = {crowded:.1f} (at most 20)")
    grown = memory_ratio()
    print(f"memory after 200 looks / after 25 = {grown:.3f} (at most 1.05)")
    times = plans()
    growth = times[1000] / times[100]
    print(f"t(1000) / t(100) = {growth:.1f} (at most 12)")
    ratios = sessions()
    print("start-up ratios " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()) + " (at most 2)")
    adopted = adoption_ratio(spent)
    print(f"import / plan = {adopted:.2f} (at most 2)")
    served = fleet_ratio()
    print(f"GET /api/fleet p99 ratio {served:.2f} (at most 2)")
    kept = store_ratio(fleethub)
    print(f"plan on PostgreSQL / on fleet.lock = {kept:.2f} (aimed at 1.15, at most 1.3)")
    return int(
        kept > 1.3
        or growth > 12
        or max(ratios.values()) > 2
        or judged > 15
        or placed > 20
        or crowded > 20
        or grown > 1.05
        or served > 2
        or adopted > 2
    )


if __name__ == "__main__":
    sys.exit(main())
