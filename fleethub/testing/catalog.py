"""Realistic models for the Ollama stand-in, with the numbers of the published GGUF files.

Sizes and architecture values are those of Ollama's library as far as they are known; digests are made up, and
of each model's tensors only the shapes that decide memory are listed.
"""

from __future__ import annotations

import hashlib
from typing import Any

Model = dict[str, Any]


def _model(
    name: str,
    size: int,
    arch: str,
    parameters: tuple[int, str],
    quant: tuple[str, int],
    numbers: dict[str, Any],
    *,
    capabilities: tuple[str, ...],
    vocabulary: int,
    settings: str = "",
) -> Model:
    """``numbers`` are the keys of model_info without the architecture's prefix."""
    context, width = numbers["context_length"], numbers["embedding_length"]
    info: dict[str, Any] = {
        "general.architecture": arch,
        "general.parameter_count": parameters[0],
        "general.file_type": quant[1],
        "general.quantization_version": 2,
        **{f"{arch}.{key}": value for key, value in numbers.items()},
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [f"<{n}>" for n in range(16)],  # the real one has the whole vocabulary
    }
    return {
        "name": name,
        "size": size,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": arch,
            "families": [arch],
            "parameter_size": parameters[1],
            "quantization_level": quant[0],
        },
        "model_info": info,
        "parameters": settings,
        "tensors": _tensors(numbers, quant[0], vocabulary, width),
        "capabilities": list(capabilities),
        "context_length": context,
    }


def _tensors(numbers: dict[str, Any], quant: str, vocabulary: int, width: int) -> list[Model]:
    """Embedding, output, and per block the attention's and one feed-forward's, as Ollama lists them."""
    kind = "Q4_K" if quant == "Q4_K_M" else quant
    heads, kv = numbers["attention.head_count"], numbers["attention.head_count_kv"]
    key = numbers.get("attention.key_length", width // heads)
    kv = max(kv) if isinstance(kv, list) else kv
    found: list[Model] = [
        {"name": "token_embd.weight", "type": kind, "shape": [width, vocabulary]},
        {"name": "output.weight", "type": "Q6_K" if kind == "Q4_K" else "Q8_0", "shape": [width, vocabulary]},
    ]
    for block in range(numbers["block_count"]):
        for part, shape in (
            ("attn_q", [width, heads * key]),
            ("attn_k", [width, kv * key]),
            ("attn_v", [width, kv * key]),
            ("attn_output", [heads * key, width]),
            ("attn_norm", [width]),
        ):
            weight = "F32" if part == "attn_norm" else kind
            found.append({"name": f"blk.{block}.{part}.weight", "type": weight, "shape": shape})
        experts = numbers.get("expert_count")
        inner = numbers.get("expert_feed_forward_length", numbers["feed_forward_length"])
        for part, shape in (("gate", [width, inner]), ("up", [width, inner]), ("down", [inner, width])):
            name = f"blk.{block}.ffn_{part}{'_exps' if experts else ''}.weight"
            found.append({"name": name, "type": kind, "shape": shape + ([experts] if experts else [])})
    return found


def _numbers(
    blocks: int,
    context: int,
    width: int,
    inner: int,
    heads: int,
    kv: int,
    key: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    base: dict[str, Any] = {
        "block_count": blocks,
        "context_length": context,
        "embedding_length": width,
        "feed_forward_length": inner,
        "attention.head_count": heads,
        "attention.head_count_kv": kv,
    }
    if key is not None:
        base |= {"attention.key_length": key, "attention.value_length": key}
    return base | {name.replace("__", "."): value for name, value in more.items()}


TOOLS = ("completion", "tools")
Q4 = ("Q4_K_M", 15)
MXFP4 = ("MXFP4", 4)
QWEN = """repeat_penalty                 1
stop                           "<|im_end|>"
temperature                    0.6"""

QWEN3_32B = _model(
    "qwen3:32b",
    20_201_253_588,
    "qwen3",
    (32_762_123_264, "32.8B"),
    Q4,
    _numbers(64, 40960, 5120, 25600, 64, 8, 128),
    capabilities=(*TOOLS, "thinking"),
    vocabulary=151936,
    settings=QWEN,
)
QWEN3_30B_A3B = _model(
    "qwen3:30b-a3b",
    18_622_576_277,
    "qwen3moe",
    (30_532_122_624, "30.5B"),
    Q4,
    _numbers(
        *(48, 40960, 2048, 6144, 32, 4, 128),
        expert_count=128,
        expert_used_count=8,
        expert_feed_forward_length=768,
    ),
    capabilities=(*TOOLS, "thinking"),
    vocabulary=151936,
    settings=QWEN,
)
GPT_OSS_20B = _model(
    "gpt-oss:20b",
    13_793_441_244,
    "gptoss",
    (20_914_757_184, "20.9B"),
    MXFP4,
    _numbers(
        *(24, 131072, 2880, 2880, 64, 8, 64),
        attention__sliding_window=128,
        expert_count=32,
        expert_used_count=4,
        expert_feed_forward_length=2880,
    ),
    capabilities=(*TOOLS, "thinking"),
    vocabulary=201088,
    settings="temperature                    1",
)
GPT_OSS_120B = _model(
    "gpt-oss:120b",
    65_369_818_941,
    "gptoss",
    (116_829_156_672, "116.8B"),
    MXFP4,
    _numbers(
        *(36, 131072, 2880, 2880, 64, 8, 64),
        attention__sliding_window=128,
        expert_count=128,
        expert_used_count=4,
        expert_feed_forward_length=2880,
    ),
    capabilities=(*TOOLS, "thinking"),
    vocabulary=201088,
    settings="temperature                    1",
)
LLAMA31_8B = _model(
    "llama3.1:8b",
    4_920_753_328,
    "llama",
    (8_030_261_312, "8.0B"),
    Q4,
    _numbers(32, 131072, 4096, 14336, 32, 8, rope__dimension_count=128, vocab_size=128256),
    capabilities=TOOLS,
    vocabulary=128256,
    settings='stop                           "<|eot_id|>"',
)
GEMMA3_27B = _model(
    "gemma3:27b",
    17_396_936_941,
    "gemma3",
    (27_432_406_640, "27.4B"),
    Q4,
    _numbers(
        *(62, 131072, 5376, 21504, 32, 16, 128),
        attention__sliding_window=1024,
        vision__block_count=27,
        vision__image_size=896,
        vision__patch_size=14,
        vision__embedding_length=1152,
    ),
    capabilities=("completion", "vision"),
    vocabulary=262145,
    settings="temperature                    1\ntop_k                          64",
)
#: A made-up model whose head_count_kv differs per layer: null in /api/show unless verbose.
PER_LAYER = _model(
    "hybrid:9b",
    5_800_000_000,
    "nemotron_h",
    (8_900_000_000, "8.9B"),
    Q4,
    {**_numbers(8, 131072, 4096, 14336, 32, 8, 128), "attention.head_count_kv": [0, 8, 0, 8, 0, 8, 0, 8]},
    capabilities=TOOLS,
    vocabulary=131072,
)
ALL = (QWEN3_32B, QWEN3_30B_A3B, GPT_OSS_20B, GPT_OSS_120B, LLAMA31_8B, GEMMA3_27B)
