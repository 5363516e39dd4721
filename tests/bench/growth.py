"""What more nodes cost: ``python -m tests.bench.growth [NODES ...]`` (100, 1000 and 10,000 without any).

Of each size: ``validate``, the first ``plan`` (every folder and the proxy are read, nothing is applied), ``apply``, and
the ``plan`` after it, which is empty: processor time and the most memory; and the exponent between one size and the
next (1: twice as many cost twice as much).
"""

from __future__ import annotations

import math
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.measured import Cost, fleet, fleethub

#: The exit code is 2 where there is a change.
COMMANDS = {
    "validate": ["validate"],
    "first plan": ["plan"],
    "apply": ["apply", "--auto-approve"],
    "empty plan": ["plan", "--detailed-exitcode"],
}


def main() -> None:
    """Print the table."""
    sizes = [int(word) for word in sys.argv[1:]] or [100, 1000, 10_000]
    before: dict[str, tuple[int, Cost]] = {}
    print(f"{'nodes':>7} {'command':12} {'seconds':>8} {'MiB':>6} {'exponent':>9}")
    for nodes in sizes:
        with tempfile.TemporaryDirectory(prefix="fleethub-growth-") as name, ExitStack() as ends:
            folder = fleet(Path(name), nodes, ends)
            for command, argv in COMMANDS.items():
                cost, exponent = fleethub(folder, *argv), ""
                if command in before:
                    fewer, less = before[command]
                    exponent = f"{math.log(cost.seconds / less.seconds) / math.log(nodes / fewer):9.2f}"
                before[command] = nodes, cost
                print(f"{nodes:7} {command:12} {cost.seconds:8.2f} {cost.memory:6.0f} {exponent}", flush=True)


if __name__ == "__main__":
    main()
