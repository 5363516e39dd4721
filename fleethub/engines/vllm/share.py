"""What a vLLM process takes of each of its cards at its start, and what of it is left for requests. Bytes, per card.

Read at ``vllm/v1/worker/utils.py`` (``request_memory``) and ``gpu_worker.py``: the share is of the card's whole memory,
must be free at the start, and what weights, a step's working memory, the runtime and CUDA graphs leave of it is cache.
"""

from __future__ import annotations

import math

from fleethub.model.dataclass import dataclass
from fleethub.sizing.architecture import ModelArchitecture

MIB = 1 << 20
#: Beside weights and a step's tensors: what CUDA, NCCL and the graphs take. Published logs have 200 to 430 MiB of
#: "non-torch" memory and 0.3 to 0.8 GiB of graphs, which count since 0.21.
RUNTIME, GRAPHS = 430 * MIB, 600 * MIB
#: What working memory may be of what is reckoned.
LEAST, MOST = 0.4, 1.6


@dataclass(frozen=True, slots=True)
class Working:
    """Working memory on one card: reckoned, and the range that it lies in; ``detail`` is the arithmetic."""

    bytes: int
    least: int
    most: int
    detail: str


def share(total: int, utilization: float) -> int:
    """What a process asks of a card of ``total`` bytes."""
    return math.ceil(total * utilization)


def working(model: ModelArchitecture | None, tensor: int, batched: int, sequences: int) -> Working:
    """A step of ``batched`` tokens, or the logits of ``sequences``, beside the runtime; of no model: the runtime's."""
    step, said = 0, "no model"
    if model is not None:
        inner = max(model.n_ff, model.experts_used * model.n_ff_expert)
        each = 2 * (3 * -(-inner // tensor) + 3 * model.n_embd)
        logits = 8 * sequences * model.n_vocab
        step = max(batched * each, logits)
        said = (
            f"2 x {batched:,} tokens x 3 x (feed-forward {-(-inner // tensor):,} + width {model.n_embd:,})"
            if batched * each >= logits
            else f"8 x {sequences:,} sequences x vocabulary {model.n_vocab:,}"
        )
    size = step + RUNTIME + GRAPHS
    detail = f"{said}, {RUNTIME // MIB} MiB runtime, {GRAPHS // MIB} MiB graphs"
    return Working(size, round(size * LEAST), round(size * MOST), detail)
