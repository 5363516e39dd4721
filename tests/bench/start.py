"""What a start costs: ``python -m tests.bench.start [ROUNDS]``.

Processor time of ``plan``, ``validate`` and ``context`` on a fleet of ten nodes that was applied, over that of
``python -c "import click"``, medians of rounds in turn: whatever else the machine does falls on all of them.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.measured import fleet, fleethub, measured

COMMANDS = (["--help"], ["context"], ["validate"], ["plan"])


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    with tempfile.TemporaryDirectory(prefix="fleethub-start-") as name, ExitStack() as ends:
        folder = fleet(Path(name), 10, ends)
        fleethub(folder, "apply", "--auto-approve")
        ours: dict[str, list[float]] = {argv[0]: [] for argv in COMMANDS}
        peer: list[float] = []
        for turn in range(rounds + 1):
            times = {argv[0]: fleethub(folder, *argv).seconds for argv in COMMANDS}
            click = measured([sys.executable, "-c", "import click"], folder).seconds
            if turn:  # the first one compiles
                peer.append(click)
                for command, seconds in times.items():
                    ours[command].append(seconds)
        print(f"{'import click':12} {statistics.median(peer) * 1000:6.0f} ms")
        for command, found in ours.items():
            ratio = statistics.median(a / b for a, b in zip(found, peer, strict=True))
            print(f"{command:12} {statistics.median(found) * 1000:6.0f} ms {ratio:6.2f}")


if __name__ == "__main__":
    main()
