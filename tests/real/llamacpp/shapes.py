"""Models as llama.cpp knows them: metadata and tensors at the widths of real models, with few layers of zeros.

Buffers other than the weights depend on widths and counts alone, so a few layers are enough.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

#: name, shape as numpy has it (slowest axis first), GGML type
Tensors = list[tuple[str, tuple[int, ...], str]]
VOCABULARY = 32000


@dataclass(frozen=True)
class Model:
    """``keys`` without their ``<arch>.`` prefix."""

    arch: str
    keys: dict[str, Any]
    tensors: Tensors


def _keys(layers: int, width: int, ff: int, heads: int, kv: int, head: int, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "block_count": layers,
        "context_length": 262144,
        "embedding_length": width,
        "feed_forward_length": ff,
        "attention.head_count": heads,
        "attention.head_count_kv": kv,
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 1e6,
        "rope.dimension_count": head,
    }
    return found | {name.replace("__", "."): value for name, value in more.items()}


def _ends(width: int, tied: bool = False) -> Tensors:
    found: Tensors = [("token_embd.weight", (VOCABULARY, width), "Q4_0"), ("output_norm.weight", (width,), "F32")]
    return found if tied else [*found, ("output.weight", (VOCABULARY, width), "Q4_0")]


def _attention(block: str, width: int, heads: int, kv: int, head: int, q: int = 1) -> Tensors:
    return [
        (f"{block}.attn_norm.weight", (width,), "F32"),
        (f"{block}.attn_q.weight", (q * heads * head, width), "Q4_0"),
        (f"{block}.attn_k.weight", (kv * head, width), "Q4_0"),
        (f"{block}.attn_v.weight", (kv * head, width), "Q4_0"),
        (f"{block}.attn_output.weight", (width, heads * head), "Q4_0"),
    ]


def _norms(block: str, head: int) -> Tensors:
    return [(f"{block}.attn_{one}_norm.weight", (head,), "F32") for one in "qk"]


def _dense(block: str, width: int, ff: int, norm: str = "ffn_norm") -> Tensors:
    return [
        (f"{block}.{norm}.weight", (width,), "F32"),
        (f"{block}.ffn_gate.weight", (ff, width), "Q4_0"),
        (f"{block}.ffn_up.weight", (ff, width), "Q4_0"),
        (f"{block}.ffn_down.weight", (width, ff), "Q4_0"),
    ]


def _experts(block: str, width: int, ff: int, experts: int, bias: bool = False) -> Tensors:
    found: Tensors = [(f"{block}.ffn_gate_inp.weight", (experts, width), "F32")]
    for name, shape in (("gate", (ff, width)), ("up", (ff, width)), ("down", (width, ff))):
        found.append((f"{block}.ffn_{name}_exps.weight", (experts, *shape), "Q4_0"))
        if bias:
            found.append((f"{block}.ffn_{name}_exps.bias", (experts, shape[0]), "F32"))
    return found


def qwen3(layers: int = 4, width: int = 4096, ff: int = 12288) -> Model:
    """Dense, grouped queries: Qwen3-8B's widths."""
    tensors = _ends(width)
    for i in range(layers):
        tensors += _attention(f"blk.{i}", width, 32, 8, 128) + _norms(f"blk.{i}", 128)
        tensors += _dense(f"blk.{i}", width, ff)
    return Model("qwen3", _keys(layers, width, ff, 32, 8, 128), tensors)


def gemma3(layers: int = 6) -> Model:
    """Five sliding layers to each global one, tied embeddings: gemma-3-4b's widths."""
    tensors = _ends(2560, tied=True)
    for i in range(layers):
        block = f"blk.{i}"
        tensors += _attention(block, 2560, 8, 4, 256) + _norms(block, 256) + _dense(block, 2560, 10240)
        tensors += [(f"{block}.post_attention_norm.weight", (2560,), "F32")]
        tensors += [(f"{block}.post_ffw_norm.weight", (2560,), "F32")]
    return Model("gemma3", _keys(layers, 2560, 10240, 8, 4, 256, attention__sliding_window=1024), tensors)


def qwen3moe(layers: int = 2, experts: int = 16) -> Model:
    """Eight of the experts at a time, with a width that is not heads × head: Qwen3-30B-A3B's widths."""
    tensors = _ends(2048)
    for i in range(layers):
        block = f"blk.{i}"
        tensors += _attention(block, 2048, 32, 4, 128) + _norms(block, 128)
        tensors += [(f"{block}.ffn_norm.weight", (2048,), "F32"), *_experts(block, 2048, 768, experts)]
    more = {"expert_count": experts, "expert_used_count": 8, "expert_feed_forward_length": 768}
    return Model("qwen3moe", _keys(layers, 2048, 6144, 32, 4, 128) | more, tensors)


def gptoss(layers: int = 4, experts: int = 8) -> Model:
    """Every other layer with a window of 128: gpt-oss-20b's widths."""
    tensors = _ends(2880)
    for i in range(layers):
        block = f"blk.{i}"
        tensors += _attention(block, 2880, 64, 8, 64) + _experts(block, 2880, 2880, experts, bias=True)
        for name, size in (("q", 4096), ("k", 512), ("v", 512), ("output", 2880)):
            tensors.append((f"{block}.attn_{name}.bias", (size,), "F32"))
        tensors += [(f"{block}.attn_sinks.weight", (64,), "F32")]
        tensors += [(f"{block}.post_attention_norm.weight", (2880,), "F32")]
        tensors += [(f"{block}.ffn_gate_inp.bias", (experts,), "F32")]
    more = {"expert_count": experts, "expert_used_count": 4, "expert_feed_forward_length": 2880}
    keys = _keys(layers, 2880, 2880, 64, 8, 64, attention__sliding_window=128) | more
    return Model("gpt-oss", keys, tensors)


def deepseek2(layers: int = 2) -> Model:
    """MLA with its compressed cache: the latent widths of DeepSeek-R1 and V3."""
    lora, heads, rank, rope, nope, value = 1536, 16, 512, 64, 128, 128
    tensors = _ends(2048)
    for i in range(layers):
        block = f"blk.{i}"
        tensors += [
            (f"{block}.attn_norm.weight", (2048,), "F32"),
            (f"{block}.attn_q_a.weight", (lora, 2048), "Q4_0"),
            (f"{block}.attn_q_a_norm.weight", (lora,), "F32"),
            (f"{block}.attn_q_b.weight", (heads * (nope + rope), lora), "Q4_0"),
            (f"{block}.attn_kv_a_mqa.weight", (rank + rope, 2048), "Q4_0"),
            (f"{block}.attn_kv_a_norm.weight", (rank,), "F32"),
            (f"{block}.attn_k_b.weight", (heads, rank, nope), "Q4_0"),
            (f"{block}.attn_v_b.weight", (heads, value, rank), "Q4_0"),
            (f"{block}.attn_output.weight", (2048, heads * value), "Q4_0"),
            *_dense(block, 2048, 10944),
        ]
    more = {
        "attention.q_lora_rank": lora,
        "attention.kv_lora_rank": rank,
        "attention.key_length": rank + rope,
        "attention.value_length": rank,
        "attention.key_length_mla": nope + rope,
        "attention.value_length_mla": value,
        "rope.dimension_count": rope,
        "leading_dense_block_count": layers,
        "expert_count": 0,
        "expert_used_count": 0,
        "expert_feed_forward_length": 1408,
        "expert_shared_count": 0,
        "expert_weights_scale": 1.0,
        "expert_gating_func": 1,
        "vocab_size": VOCABULARY,
    }
    return Model("deepseek2", _keys(layers, 2048, 10944, heads, 1, 128) | more, tensors)


def qwen35(layers: int = 8) -> Model:
    """Hybrid: every fourth layer attends, the others keep a state of fixed size: Qwen3.5-4B's widths."""
    width, heads, kv, head, ff = 2560, 16, 4, 256, 9216
    state, groups, values, inner = 128, 16, 32, 4096
    tensors = _ends(width)
    for i in range(layers):
        block = f"blk.{i}"
        if i % 4 == 3:
            tensors += _attention(block, width, heads, kv, head, q=2) + _norms(block, head)
        else:
            tensors += [
                (f"{block}.attn_norm.weight", (width,), "F32"),
                (f"{block}.attn_qkv.weight", (2 * state * groups + inner, width), "Q4_0"),
                (f"{block}.attn_gate.weight", (inner, width), "Q4_0"),
                (f"{block}.ssm_conv1d.weight", (2 * state * groups + inner, 4), "F32"),
                (f"{block}.ssm_dt.bias", (values,), "F32"),
                (f"{block}.ssm_a", (values,), "F32"),
                (f"{block}.ssm_beta.weight", (values, width), "Q4_0"),
                (f"{block}.ssm_alpha.weight", (values, width), "Q4_0"),
                (f"{block}.ssm_norm.weight", (inner // values,), "F32"),
                (f"{block}.ssm_out.weight", (width, inner), "Q4_0"),
            ]
        tensors += _dense(block, width, ff, "post_attention_norm")
    more = {
        "ssm.conv_kernel": 4,
        "ssm.state_size": state,
        "ssm.group_count": groups,
        "ssm.time_step_rank": values,
        "ssm.inner_size": inner,
        "full_attention_interval": 4,
        "rope.dimension_count": 64,
        "rope.dimension_sections": [11, 11, 10, 0],
    }
    return Model("qwen35", _keys(layers, width, ff, heads, kv, head) | more, tensors)


def llama(layers: int = 4) -> Model:
    """Dense, nothing beside: Llama-3.1-8B's widths."""
    tensors = _ends(4096)
    for i in range(layers):
        tensors += _attention(f"blk.{i}", 4096, 32, 8, 128) + _dense(f"blk.{i}", 4096, 14336)
    return Model("llama", _keys(layers, 4096, 14336, 32, 8, 128), tensors)


def qwen2(layers: int = 4) -> Model:
    """Dense with biases: Qwen2.5-Coder-7B's widths."""
    tensors = _ends(3584)
    for i in range(layers):
        block = f"blk.{i}"
        tensors += _attention(block, 3584, 28, 4, 128) + _dense(block, 3584, 18944)
        tensors += [(f"{block}.attn_{one}.bias", (size,), "F32") for one, size in (("q", 3584), ("k", 512), ("v", 512))]
    return Model("qwen2", _keys(layers, 3584, 18944, 28, 4, 128), tensors)


def gemma2(layers: int = 4) -> Model:
    """Every other layer with a window of 4,096, tied embeddings: gemma-2-9b's widths."""
    tensors = _ends(3584, tied=True)
    for i in range(layers):
        block = f"blk.{i}"
        tensors += _attention(block, 3584, 16, 8, 256) + _dense(block, 3584, 14336)
        tensors += [(f"{block}.post_attention_norm.weight", (3584,), "F32")]
        tensors += [(f"{block}.post_ffw_norm.weight", (3584,), "F32")]
    more = {"attention.sliding_window": 4096, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
    return Model("gemma2", _keys(layers, 3584, 14336, 16, 8, 256) | more, tensors)


def asked(name: str) -> Model:
    """A small model of ``asked.json``: keys that were chosen, and the tensors that llama.cpp then asked for, with their
    shapes (its errors name them one by one); [name, shape as GGUF has it, type, blocks].
    """
    told = json.loads(Path(__file__).with_name("asked.json").read_text())[name]
    tensors: Tensors = []
    for part, shape, kind, blocks in told["tensors"]:
        turned = tuple(VOCABULARY if n == "vocabulary" else n for n in reversed(shape))
        tensors += [(f"blk.{i}.{part}" if blocks else part, turned, kind) for i in blocks or [0]]
    return Model(name, told["keys"], tensors)


ASKED = ("deepseek4", "deepseek32", "laguna", "kimi-linear", "mimo2", "step35", "mamba2", "jamba")
MODELS: dict[str, Callable[..., Model]] = {
    **{make.__name__: make for make in (qwen3, gemma3, qwen3moe, gptoss, deepseek2, qwen35, llama, qwen2, gemma2)},
    **{name: partial(asked, name) for name in ASKED},
}
