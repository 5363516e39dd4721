"""What ``fleethub serve`` spends on a refresh of hosts over SSH, beside another commit's; of ``make bench-ssh``."""

from __future__ import annotations

import re
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.against import Side, trees, used
from tests.bench.fleets import trust
from tests.bench.sshd import Spent, in_turn, ratio, table
from tests.server.live import Served

if TYPE_CHECKING:
    from tests.bench.ssh import Peers

REFRESHES = 3


def refreshes(peers: Peers, rounds: int, revision: str, count: int) -> None:
    """Print both, and how they stand."""
    with trees(revision) as (ours, theirs):
        rows = {"fleethub serve": _row(peers, ours, count), f"that of {revision}": _row(peers, theirs, count)}
        found = in_turn(rows, rounds)
    table(f"a refresh of {count} hosts by a server that runs", found)
    mine, other = found.values()
    print(f"a refresh over that of {revision}: {ratio(mine, other):.2f}, aimed at 0.15 at most", flush=True)


def _row(peers: Peers, side: Side, count: int) -> Callable[[int], Spent]:
    fleet = peers.fleet(f"served-{side.folder.name}", count)
    trust(fleet)
    side.run(*_command(fleet), "apply", "--auto-approve", cwd=fleet)
    return lambda _: _measured(peers, side, fleet)


def _command(fleet: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "fleethub", "-C", str(fleet))


def _measured(peers: Peers, side: Side, fleet: Path) -> Spent:
    """One refresh, after the first: that logs in everywhere."""
    trust(fleet)
    served = Served(fleet, "--interval", "1s", cwd=fleet, **side.environment())
    try:
        _begun(served, 2)
        client, server, start = used(served.process.pid), peers.server.now(), time.perf_counter()
        _begun(served, 2 + REFRESHES)
        spent = [used(served.process.pid) - client, peers.server.now() - server, time.perf_counter() - start]
    finally:
        served.stop()
    return Spent(*(seconds / REFRESHES for seconds in spent))


def _begun(served: Served, count: int) -> None:
    """Wait until so many refreshes were begun."""

    def there() -> bool:
        with urllib.request.urlopen(served.url + "metrics", timeout=60) as answer:
            told = re.search(r"^fleethub_refreshes_total (\d+)", answer.read().decode(), re.MULTILINE)
        return told is not None and int(told[1]) >= count

    served.until(there)
