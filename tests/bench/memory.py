"""Memory of a served fleet, look after look: what `fleethub serve` has resident after 25 looks and after 200.

By itself it prints more: ``python -m tests.bench.memory [LOOKS [NODES]]``.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from fleethub.testing.litellm import LiteLLM
from tests.bench.fleets import deployment, head, trust
from tests.server.live import Served
from tests.support import MASTER, SEED

WARM, LOOKS, NODES = 25, 200, 20


def memory_ratio(looks: int = LOOKS, nodes: int = NODES) -> float:
    """Of the last tenth of the looks over that of those from ``WARM`` on, as many."""
    with tempfile.TemporaryDirectory() as name, LiteLLM(models=[deployment("one")], master_key=MASTER) as proxy:
        folder = Path(name)
        blocks = "".join(f'[nodes.n{i}]\nhost = "h{i}"\nmodel = "one"\n' for i in range(nodes))
        (folder / "fleet.toml").write_text(head(proxy.url) + blocks)
        trust(folder)
        (folder / "fleet.seed").write_text(SEED)
        (folder / "fleet.seed").chmod(0o600)
        served = Served(folder, "--interval", "10ms", LITELLM_MASTER_KEY=MASTER)
        try:
            held: dict[int, float] = {}
            while (done := _looks(served)) < looks:
                held[done] = _resident(served.process.pid)
                time.sleep(0.02)
        finally:
            served.stop()
    some = max(looks // 10, 1)
    parts = [
        [mib for at, mib in held.items() if start <= at < start + looks // 5] for start in range(0, looks, looks // 5)
    ]
    print(
        f"{nodes} nodes, {looks} looks: by fifths {', '.join(f'{statistics.median(part):.1f}' for part in parts)} MiB"
    )
    first = statistics.median(mib for at, mib in held.items() if WARM <= at < WARM + some)
    last = statistics.median(mib for at, mib in held.items() if at >= looks - some)
    return last / first


def _looks(served: Served) -> int:
    with urllib.request.urlopen(f"{served.url}metrics", timeout=60) as answer:
        found = re.search(r"^fleethub_refreshes_total (\d+)", answer.read().decode(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def _resident(pid: int) -> float:
    """MiB, of Linux."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    print(f"{memory_ratio(*map(int, sys.argv[1:])):.3f}")
