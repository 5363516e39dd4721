"""A plan whose lockfile lies in PostgreSQL against one whose lockfile is a file: the same fleet, the same run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from fleethub.fleetspec import load
from fleethub.operations.stores import known, opened
from fleethub.testing.litellm import LiteLLM
from tests.bench.fleets import deployment, head, trust
from tests.stores.postgres import BIN, server
from tests.support import MASTER, SEED

NODES, ROUNDS = 1000, 7
ID = "0123456789abcdef"


def store_ratio(fleethub: Callable[..., float]) -> float:
    """The best of several steady plans of 1,000 nodes on PostgreSQL, over the best on ``fleet.lock``, taken in turn."""
    if not (BIN / "initdb").exists():
        print(f"plan on PostgreSQL / on fleet.lock: left out, {BIN / 'initdb'} is not there")
        return 0.0
    models = [deployment("one"), deployment("two")]
    with (
        tempfile.TemporaryDirectory() as name,
        LiteLLM(models=models, master_key=MASTER) as proxy,
        server() as database,
    ):
        one, other = Path(name) / "one", Path(name) / "other"
        one.mkdir()
        nodes = "".join(f'[nodes.n{i}]\nhost = "h{i}"\n' for i in range(NODES))
        spec = head(proxy.url).replace("[fleet]\n", f'[fleet]\nid = "{ID}"\n', 1) + nodes
        (one / "fleet.toml").write_text(spec)
        trust(one)
        (one / "fleet.seed").write_text(SEED)
        (one / "fleet.seed").chmod(0o600)
        fleethub(one, "apply", "--auto-approve")
        shutil.copytree(one, other)
        (other / "fleet.toml").write_text(spec + '\n[state]\nstore = "env:FLEETHUB_DATABASE_URL"\n')
        os.environ["FLEETHUB_DATABASE_URL"] = database.url()
        fleet, lockfile = load(other).fleet, known(load(one).fleet)  # type: ignore[arg-type]
        assert fleet is not None
        assert lockfile is not None
        store = opened(fleet)
        store.prepare()
        store.write(lockfile, store.read().version)
        store.close()
        (other / "fleet.lock").unlink()
        times: dict[Path, list[float]] = {one: [], other: []}
        for _ in range(ROUNDS):
            for folder, found in times.items():
                found.append(fleethub(folder, "plan", "--detailed-exitcode"))
        file, remote = min(times[one]), min(times[other])
    print(f"{NODES} nodes: plan on PostgreSQL {remote:.2f} s, on fleet.lock {file:.2f} s")
    return remote / file
