"""What vLLM's own logs say, published by others: the model, its cards, bytes of KV cache on a card, tokens, requests.

Each row was printed by a running vLLM; the shapes are those of the models' config.json. GiB as printed, to two places.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from fleethub.clients.hfconfig import shown_of
from fleethub.engines.vllm.cache import layout
from fleethub.engines.vllm.share import share
from fleethub.sizing.architecture import architecture_of

GIB = 1 << 30


def config(layers: int, kv: int, head: int = 128, *, heads: int = 32, width: int = 4096, **more: Any) -> dict[str, Any]:
    """A config.json with what decides about a cache."""
    plain = {"num_hidden_layers": layers, "num_key_value_heads": kv, "head_dim": head, "num_attention_heads": heads}
    rest = {"model_type": "qwen3", "hidden_size": width, "intermediate_size": 3 * width, "vocab_size": 151936}
    return {**rest, **plain, "max_position_embeddings": 131072, **more}


@dataclass(frozen=True)
class Row:
    """``free``: GiB of KV cache on one card; ``tokens``: "GPU KV cache size"; ``at_once``: for ``context`` tokens."""

    name: str
    source: str
    config: dict[str, Any]
    free: float
    tokens: int
    context: int = 0
    at_once: float = 0.0
    tensor: int = 1


ROWS = (
    Row("Llama-3.1-8B, 20k", "vllm-project/vllm#10517", config(32, 8), 3.81, 1952 * 16, 20000, 1.56),
    Row("Llama-3.1-8B, 29k", "vllm-project/vllm#10517", config(32, 8), 2.89, 23648, 29000, 0.82),
    Row("Qwen3-14B", "log of vLLM 0.16.1 on ROCm (Qwen/Qwen3-14B)", config(40, 8), 13.49, 88384),
    Row(
        *("Qwen2.5-7B-AWQ", "log beside vllm:cache_config_info: 15,709 blocks", config(28, 4), 13.42, 251344, 8192),
        at_once=30.68,
    ),
    Row("Llama-3.2-3B", "log of vLLM 0.27.1", config(28, 8), 13.87, 129888),
    Row("Qwen2.5-VL-3B", "log of vLLM 0.9.2 (unsloth)", config(36, 2), 13.48, 392576, 16384, 23.96),
    Row(
        *("MiniMax-M2.7-AWQ, two cards", "eugr/spark-vllm-docker#396: the longest that fits", config(62, 8)),
        *(22.5, 190272, 196608, 22.5 / 23.25),
        tensor=2,
    ),
)
#: total GiB x utilization = GiB that the process asks for; then weights, non-torch, activations, what is left.
PROFILES = (
    ("vllm-project/vllm#11251", 15.77, 0.90, 14.20, 7.51, 0.39, 2.53, 3.76),
    ("vllm-project/vllm#14447", 23.58, 0.99, 23.35, 21.21, 0.20, 0.37, 1.57),
    ("vllm-project/vllm#16570", 39.38, 0.95, 37.41, 34.43, 0.43, 2.51, 0.04),
    ("vllm-project/vllm#10517", 23.58, 0.90, 21.22, 14.99, 0.35, 2.07, 3.81),
)
#: A step's activations: tokens of a batch, feed-forward, width, GiB (peak of torch less the weights).
STEPS = (
    ("vllm-project/vllm#10517, 20k", 20000, 14336, 4096, 17.06 - 14.99),
    ("vllm-project/vllm#10517, 29k", 29000, 14336, 4096, 17.98 - 14.99),
)


CLOSING = (
    "What it does not tell: the runtime's memory (200 to 430 MiB printed) and CUDA graphs (0.3 to 0.8 GiB, counted",
    "since 0.21) are taken for 430 and 600 MiB, and all of it within 0.4 to 1.6; where that decides, the answer is",
    "unknown until its vLLM runs and says how many blocks it made. Layers that keep a state (Mamba, gated delta) are",
    "counted by their state alone: vLLM pads its pages, and holds up to a tenth less.",
)


def page() -> str:
    """``fleethub/engines/vllm/ACCURACY.md``, from the rows and the arithmetic."""
    lines = [
        "# How accurate vLLM's arithmetic is",
        "",
        "vLLM was not run here: each row is what a running one printed, as others published it. Made by",
        "`python -m tests.engines.vllm_rows > fleethub/engines/vllm/ACCURACY.md`; `test_vllm.py` holds it.",
        "",
        "| model | source | KV cache on a card | tokens printed | ours | difference |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in ROWS:
        shown = shown_of(row.config)
        model = architecture_of(shown, GIB) if shown else None
        assert model is not None
        ours = layout(model, row.tensor, 1, 2, 2048).tokens(round(row.free * GIB), row.context or 1)
        off = 100 * (ours - row.tokens) / row.tokens
        lines.append(f"| {row.name} | {row.source} | {row.free:g} GiB | {row.tokens:,} | {ours:,} | {off:+.2f} % |")
    lines += [
        "",
        "A log has its GiB to two places, which is up to 0.2 % of the tokens. The share of a card:",
        "",
        "| source | card | utilization | asked for, printed | ours |",
        "|---|---:|---:|---:|---:|",
    ]
    for source, total, part, asked, *_ in PROFILES:
        lines.append(
            f"| {source} | {total} GiB | {part} | {asked:.2f} GiB | {share(round(total * GIB), part) / GIB:.2f} GiB |"
        )
    lines += ["", "Activations of one step (peak of torch less the weights):", ""]
    lines += ["| source | tokens | printed | ours |", "|---|---:|---:|---:|"]
    for source, tokens, inner, width, seen in STEPS:
        ours_gib = 2 * tokens * 3 * (inner + width) / GIB
        lines.append(f"| {source} | {tokens:,} | {seen:.2f} GiB | {ours_gib:.2f} GiB |")
    lines += ["", *CLOSING]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
