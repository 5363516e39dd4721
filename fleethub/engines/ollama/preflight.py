"""What the server's own scheduler reckons with before it loads a model. Sizes in bytes.

It is not what the load takes: a cache's quantisation, a key length of its own, sliding windows and projectors
are left out, so that it lies above the truth for some models and GiBs below it for others. Read at Ollama's
``server/sched.go`` and ``llm/llama_server.go`` of August 2026.
"""

from __future__ import annotations

from dataclasses import replace

from fleethub.engines.ollama.scheduler import SchedulerVersion
from fleethub.sizing.architecture import ModelArchitecture
from fleethub.sizing.kv import kv_bytes
from fleethub.sizing.run import Run

MIB = 1 << 20
#: Per cent of free memory that the current scheduler lets one more model fill while others stay loaded.
FILL = 80
#: batch -> what the current scheduler adds to file and cache, and the per cent of free memory that they may fill.
SURCHARGE = {512: 0, 1024: 768 * MIB, 2048: 2048 * MIB}
SHARE = {1024: 75, 2048: 60}
#: What the older schedulers leave free on each GPU.
MARGIN = 457 * MIB
MARGIN_METAL = 512 * MIB


def batch_of(cells: int, *, flash: bool = True) -> int:
    """The batch for a context of ``cells`` tokens over all slots, where there is room enough."""
    if not flash or cells <= 4096:
        return 512
    return 1024 if cells <= 32768 else 2048


def fillable(free: int) -> int:
    """The bytes of ``free`` that the current scheduler lets one more model fill."""
    return free * FILL // 100


def preflight(architecture: ModelArchitecture, cells: int, batch: int) -> int:
    """The current scheduler's P: file, cache (f16, fewest KV heads, the embedding's width), surcharge."""
    head = architecture.n_embd // max(architecture.head_count, 1)
    cache = 2 * architecture.block_count * max(architecture.head_count_kv_min, 1) * head * cells * 2
    return architecture.file_bytes + cache + SURCHARGE[batch]


def lowered(base: int, batch: int, free: int) -> tuple[int, int]:
    """(P, batch) in ``free`` bytes, from P without its surcharge: the batch is lowered until there is room for it.

    So it is never the batch that makes the server evict.
    """
    while batch in SHARE:
        if base * 100 <= free * SHARE[batch] and base + SURCHARGE[batch] <= fillable(free):
            break
        batch //= 2
    return base + SURCHARGE[batch], batch


def guessed(architecture: ModelArchitecture, run: Run, number: tuple[int, int, int] | None = None) -> int:
    """What a server up to 0.12 takes a load for: its cache, and a graph on each GPU by one formula.

    ``number``: its version. Before 0.12 the graph of gpt-oss was guessed from its cache.
    """
    cells, batch = run.context * run.parallel, 512
    graph = 4 * batch * (1 + 4 * architecture.n_embd + cells * (1 + architecture.head_count))
    output = 4 * batch * (architecture.n_embd + architecture.n_vocab)
    layers = architecture.layers
    if architecture.arch.startswith("gpt"):  # it does not know how short their windows are
        layers = tuple(replace(one, window=max(one.window, 4096)) if one.window else one for one in layers)
    cache = kv_bytes(replace(architecture, layers=layers), run)
    if architecture.arch.startswith("gpt") and number is not None and number < (0, 12, 0):
        graph = max(graph, 4 * architecture.head_count // max(architecture.head_count_kv_min, 1) * cache // 6)
    return architecture.weights + architecture.projector + cache + max(graph, output) * run.gpus


def margin(scheduler: SchedulerVersion, runtime: str) -> int:
    """What the rules before the current scheduler keep free on each GPU; 0 where they do not hold."""
    if scheduler is SchedulerVersion.CURRENT:
        return 0
    return MARGIN_METAL if runtime == "metal" else MARGIN
