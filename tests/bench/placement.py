"""A proposal for 1,000 backends and 5,000 models, with the diff of its spec, against loading that spec."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from fleethub.fleetspec import load
from fleethub.model.facts import Facts
from fleethub.model.finding import Severity
from fleethub.operations.place import diff_of
from fleethub.placement.moves.propose import propose

BACKENDS, MODELS = 1_000, 5_000
#: VRAM of the cards and sizes of the models, in GiB, in turn.
CARDS = (24, 48, 48, 80)
SIZES = (5, 9, 13, 4, 20, 7, 28, 6, 10, 3)
#: How many times as large they are where many find no room: each is looked for in vain.
CROWDED = 2.5


def spec(backends: int = BACKENDS, models: int = MODELS, times: float = 1) -> str:
    """Two models in five are a node's first, one is its fallback; one backend in 20 is given too much. ``times``: how
    much larger the models are.
    """
    lines = [
        '[fleet]\nname = "bench"\n[proxies.main]\nurl = "http://llm:4000"\nmaster_key = ["env:LITELLM_MASTER_KEY"]\n'
    ]
    for n in range(backends):
        lines.append(
            f'[backends.b{n}]\nhost = "h{n}"\nproxy = "main"\n'
            f'gpus = [{{ name = "card", vram = "{CARDS[n % 4]} GiB" }}]\n'
            f'[backends.b{n}.ollama]\nurl = "http://h{n}:11434"\nmax_loaded_models = 12\n'
        )
    crowded = [n for n in range(backends) if n % 20 == 7]
    for n in range(models):
        on = crowded[n // 10 % len(crowded)] if n % 10 == 4 else n % backends
        lines.append(
            f'[models.m{n}]\nbackends = ["b{on}"]\nroute = "ollama_chat/m{n}"\ncontext = 16384\n'
            f'vram = "{SIZES[n % 10] * times:g} GiB"\n'
        )
    lines.append('[defaults.node]\ntarget = "nodes/{name}"\nimage = "ghcr.io/openclaw/openclaw:2026.9.6"\n')
    for n in range(0, models, 5):
        lines.append(f'[nodes.n{n}]\nhost = "n{n}"\nmodel = "m{n}"\nfallbacks = ["m{(n + 1000) % models}"]\n')
        lines.append(f'[nodes.o{n}]\nhost = "o{n}"\nmodel = "m{n + 4}"\n')
    return "".join(lines)


def placement_ratio(times: float = 1) -> float:
    """Proposal and diff over one load."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "fleet.toml").write_text(spec(times=times))
        start = time.process_time()
        loaded = load(folder)
        reading = time.process_time() - start
        if loaded.fleet is None:
            sys.exit(f"the spec does not load: {[f for f in loaded.findings if f.severity is Severity.ERROR][:3]}")
        fleet = loaded.fleet
        start = time.process_time()
        found = propose(fleet, Facts("now"))
        placing = time.process_time() - start
        lines = len(tuple(diff_of(loaded, found)))
        both = time.process_time() - start
    print(
        f"{BACKENDS:,} backends x {MODELS:,} models: load {reading:.1f} s, proposal {placing:.1f} s of "
        f"{len(found.moves)} moves (at least {found.least or 'unknown'}), diff of {lines} lines {both - placing:.1f} s"
    )
    print(f"  before {found.before}\n  after  {found.after}")
    return both / reading


if __name__ == "__main__":
    print(f"place / load = {placement_ratio():.1f} (at most 20)")
    print(f"place / load, crowded = {placement_ratio(CROWDED):.1f} (at most 20)")
