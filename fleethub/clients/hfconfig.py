"""A Hugging Face ``config.json`` in the form of GGUF metadata, so that one arithmetic serves both. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleethub.model.readings.server import Shown

LAYERS = 4096  # no published model comes near
#: What a key of ours is called in a config; the first that is there counts.
PLAIN: Mapping[str, tuple[str, ...]] = {
    "block_count": ("num_hidden_layers", "n_layer", "num_layers"),
    "embedding_length": ("hidden_size", "n_embd", "d_model"),
    "attention.head_count": ("num_attention_heads", "n_head"),
    "attention.head_count_kv": ("num_key_value_heads", "num_kv_heads"),
    "attention.key_length": ("head_dim",),
    "attention.value_length": ("head_dim",),
    "attention.key_length_swa": ("swa_head_dim",),
    "attention.kv_lora_rank": ("kv_lora_rank",),
    "rope.dimension_count": ("qk_rope_head_dim",),
    "feed_forward_length": ("intermediate_size", "ffn_hidden_size"),
    "context_length": ("max_position_embeddings", "n_positions"),
    "vocab_size": ("vocab_size",),
    "expert_count": ("num_local_experts", "num_experts", "n_routed_experts"),
    "expert_used_count": ("num_experts_per_tok", "top_k_experts"),
    "expert_feed_forward_length": ("moe_intermediate_size",),
    "attention.shared_kv_layers": ("num_kv_shared_layers",),
    "ssm.conv_kernel": ("linear_conv_kernel_dim",),
    "ssm.state_size": ("linear_key_head_dim",),
    "ssm.group_count": ("linear_num_key_heads",),
}
#: Families whose config has a window that is off unless it says otherwise.
OFF = ("qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "qwen2_5_vl_text")


def shown_of(config: Mapping[str, Any]) -> Shown | None:
    """The facts of a model; None for a config that is of no model. A part that sees is told, not measured."""
    text = config.get("text_config")
    said: Mapping[str, Any] = {**config, **text} if isinstance(text, dict) else config
    arch = said.get("model_type")
    layers = _whole(_first(said, PLAIN["block_count"]))
    if not isinstance(arch, str) or not arch or not 0 < layers <= LAYERS:
        return None
    info: dict[str, Any] = {"general.architecture": arch, "config.model_type": arch}
    for name, keys in PLAIN.items():
        if (value := _whole(_first(said, keys))) > 0:
            info[f"{arch}.{name}"] = value
    if f"{arch}.attention.kv_lora_rank" in info:
        info[f"{arch}.attention.key_length_mla"] = info.get(f"{arch}.attention.key_length", 1)
        info.setdefault(f"{arch}.attention.key_length", _whole(said.get("qk_nope_head_dim")) or 1)
        info.setdefault(f"{arch}.attention.value_length", _whole(said.get("v_head_dim")) or 1)
    values, width = _whole(said.get("linear_num_value_heads")), _whole(said.get("linear_value_head_dim"))
    if values and width:
        info[f"{arch}.ssm.inner_size"] = values * width
    info |= {f"{arch}.{name}": value for name, value in _per_layer(said, arch, layers).items()}
    vision = isinstance(config.get("vision_config"), dict)
    dtype = said.get("dtype") or said.get("torch_dtype") or config.get("torch_dtype")
    parameters = {"dtype": dtype} if isinstance(dtype, str) and dtype.isprintable() and len(dtype) < 32 else {}
    return Shown(info, (), parameters, ("completion", *(("vision",) if vision else ())))


def _per_layer(said: Mapping[str, Any], arch: str, layers: int) -> Mapping[str, Any]:
    """Which layers look through a window, and which keep a state instead of a cache."""
    found: dict[str, Any] = {}
    kinds = said.get("layer_types")
    listed = kinds if isinstance(kinds, list) and len(kinds) == layers else None
    window = _whole(said.get("sliding_window"))
    off = said.get("use_sliding_window", arch not in OFF) is False
    if window and not off:
        every = _whole(said.get("sliding_window_pattern"))
        pattern: Sequence[bool] | int = [True] * layers
        if listed is not None:
            pattern = ["sliding" in str(kind) for kind in listed]
        elif every:
            pattern = every
        found |= {"attention.sliding_window": window, "attention.sliding_window_pattern": pattern}
    if listed is not None and any("linear" in str(kind) for kind in listed):
        heads = _whole(_first(said, PLAIN["attention.head_count_kv"]))
        found["attention.head_count_kv"] = [0 if "linear" in str(kind) else heads for kind in listed]
    return found


def _first(said: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((said[key] for key in keys if said.get(key) is not None), None)


def _whole(value: Any) -> int:
    """A whole number above zero; 0 for anything else."""
    return value if type(value) is int and 0 < value < 1 << 40 else 0
