"""One command in a process of its own: the processor time of it and its children, and the most memory it had."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fleethub.testing.litellm import LiteLLM
from tests.bench.fleets import deployment, head, trust
from tests.support import MASTER, SEED


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time, MiB of memory at the most."""

    seconds: float
    memory: float


def measured(argv: Sequence[str], folder: Path) -> Cost:
    """Run a program, which must succeed."""
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env = {**kept, "XDG_CONFIG_HOME": str(folder / "config"), "LITELLM_MASTER_KEY": MASTER}
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(argv, stdout=said, stderr=said, env=env, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(argv)} ended with {process.returncode}:\n{(folder / 'said').read_text()[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def fleethub(folder: Path, *argv: str) -> Cost:
    """One command on a fleet."""
    return measured([sys.executable, "-m", "fleethub", "-C", str(folder), *argv], folder)


def fleet(folder: Path, nodes: int, ends: ExitStack) -> Path:
    """The folder of a fleet of so many nodes, each in a folder of its own, with a proxy of its own; not applied."""
    proxy = LiteLLM(models=[deployment("one"), deployment("two")], master_key=MASTER)
    ends.callback(proxy.stop)
    (made := folder / f"fleet-{nodes}").mkdir()
    (made / "fleet.toml").write_text(head(proxy.url) + "".join(f'[nodes.n{i}]\nhost = "h{i}"\n' for i in range(nodes)))
    (made / "fleet.seed").write_text(SEED)
    (made / "fleet.seed").chmod(0o600)
    trust(made)
    return made
