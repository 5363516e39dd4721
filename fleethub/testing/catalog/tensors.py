"""The tensor lists of GGUF files: names, shapes and types as llama.cpp's quantiser chooses them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

#: GGML type -> (weights per block, bytes per block)
BLOCKS = {
    "F32": (1, 4),
    "F16": (1, 2),
    "BF16": (1, 2),
    "Q8_0": (32, 34),
    "Q6_K": (256, 210),
    "Q5_K": (256, 176),
    "Q4_K": (256, 144),
    "Q4_0": (32, 18),
    "MXFP4": (32, 17),
}

Types = Callable[[str, int, int], str]  # (the weight's part, its block, how many blocks) -> type
Parts = list[tuple[str, list[int]]]


def tensor_bytes(tensor: dict[str, Any]) -> int:
    """Bytes of one listed tensor; a row is filled up to whole blocks."""
    weights, size = BLOCKS[tensor["type"]]
    row, *more = map(int, tensor["shape"])
    return -(-row // weights) * size * prod(more)


def q4_k_m(part: str, block: int, blocks: int) -> str:
    """Q4_K, and Q6_K for the output, and for values and down projections of the blocks that matter most."""
    if part == "output":
        return "Q6_K"
    edge = block < blocks // 8 or block >= 7 * blocks // 8 or (block - blocks // 8) % 3 == 2
    return "Q6_K" if edge and part in ("attn_v", "attn_qkv", "ffn_down", "ffn_down_exps", "ffn_down_shexp") else "Q4_K"


def q4_k_m_tied(part: str, block: int, blocks: int) -> str:
    """The same for a model whose embedding is its output too, and so is kept finer."""
    return "Q6_K" if part == "token_embd" else q4_k_m(part, block, blocks)


def mxfp4(part: str, block: int, blocks: int) -> str:
    """gpt-oss: only the experts are small."""
    return "MXFP4" if part.endswith("_exps") else "BF16"


def f16(part: str, block: int, blocks: int) -> str:
    """Nothing is quantised."""
    return "F16"


def attention(width: int, heads: int, kv: int, key: int, *, norms: bool = False) -> Parts:
    """One block's attention; ``norms`` of queries and keys as Qwen 3 and Gemma 3 have them."""
    parts: Parts = [
        ("attn_norm", [width]),
        ("attn_q", [width, heads * key]),
        ("attn_k", [width, kv * key]),
        ("attn_v", [width, kv * key]),
        ("attn_output", [heads * key, width]),
    ]
    return parts + ([("attn_q_norm", [key]), ("attn_k_norm", [key])] if norms else [])


def latent(width: int, heads: int, rank: int, rope: int, key: int, value: int) -> Parts:
    """One block's latent attention (DeepSeek), as converted for it: K and V come from one small vector."""
    return [
        ("attn_norm", [width]),
        ("attn_q", [width, heads * (key + rope)]),
        ("attn_kv_a_mqa", [width, rank + rope]),
        ("attn_kv_a_norm", [rank]),
        ("attn_k_b", [key, rank, heads]),
        ("attn_v_b", [rank, value, heads]),
        ("attn_output", [heads * value, width]),
    ]


def recurrent(width: int, inner: int, state: int, groups: int, conv: int, ranks: int) -> Parts:
    """One block of gated delta net (Qwen 3.5)."""
    mixed = inner + 2 * groups * state
    return [
        ("attn_norm", [width]),
        ("attn_qkv", [width, mixed]),
        ("attn_gate", [width, inner]),
        ("ssm_conv1d", [conv, mixed]),
        ("ssm_alpha", [width, ranks]),
        ("ssm_beta", [width, ranks]),
        ("ssm_a", [ranks]),
        ("ssm_norm", [state]),
        ("ssm_out", [inner, width]),
    ]


def forward(width: int, inner: int) -> Parts:
    """One block's dense feed-forward part."""
    return [
        ("ffn_norm", [width]),
        ("ffn_gate", [width, inner]),
        ("ffn_up", [width, inner]),
        ("ffn_down", [inner, width]),
    ]


def experts(width: int, inner: int, count: int, shared: int = 0) -> Parts:
    """One block's mixture of experts; ``shared`` is the width of what every token passes."""
    parts: Parts = [
        ("ffn_norm", [width]),
        ("ffn_gate_inp", [width, count]),
        ("ffn_gate_exps", [width, inner, count]),
        ("ffn_up_exps", [width, inner, count]),
        ("ffn_down_exps", [inner, width, count]),
    ]
    if shared:
        parts += [
            ("ffn_gate_shexp", [width, shared]),
            ("ffn_up_shexp", [width, shared]),
            ("ffn_down_shexp", [shared, width]),
        ]
    return parts


def vision(blocks: int, width: int, inner: int, patch: int, out: int) -> list[dict[str, Any]]:
    """A vision tower inside the model's file, in F16, with its projection to the text's width."""
    found = [_tensor("v.patch_embd.weight", "F16", [patch, patch, 3, width])]
    for block in range(blocks):
        for part, shape in (
            *((f"attn_{p}", [width, width]) for p in ("q", "k", "v", "out")),
            ("ffn_up", [width, inner]),
            ("ffn_down", [inner, width]),
        ):
            found.append(_tensor(f"v.blk.{block}.{part}.weight", "F16", shape))
    return [*found, _tensor("mm.input_projection.weight", "F16", [width, out])]


def listed(
    width: int, vocabulary: int, blocks: list[Parts], types: Types, *, tied: bool = False
) -> list[dict[str, Any]]:
    """All tensors of a text model; without an output tensor when it is ``tied`` to the embedding."""
    count = len(blocks)
    found = [_tensor("token_embd.weight", types("token_embd", 0, count), [width, vocabulary])]
    if not tied:
        found.append(_tensor("output.weight", types("output", 0, count), [width, vocabulary]))
    found.append(_tensor("output_norm.weight", "F32", [width]))
    for block, parts in enumerate(blocks):
        for part, shape in parts:
            small = len(shape) == 1 or part in ("ffn_gate_inp", "ssm_conv1d", "ssm_alpha", "ssm_beta")
            kind = "F32" if small else types(part, block, count)
            found.append(_tensor(f"blk.{block}.{part}.weight", kind, shape))
    return found


def _tensor(name: str, kind: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "type": kind, "shape": shape}
