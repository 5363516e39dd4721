"""What the stand-in's arithmetic knows of a model of the catalog, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleethub.testing.catalog.tensors import tensor_bytes

#: Every how many layers one attends to everything; the others slide over a window.
GLOBAL_EVERY = {"gemma3": 6, "gptoss": 2, "gpt-oss": 2}
SINGLE = ("mllama", "qwen3vl", "qwen35", "qwen3next", "lfm2", "nemotron_h", "nemotron_h_omni")  # and their ...moe


@dataclass(frozen=True, slots=True)
class Layer:
    """``weights`` in bytes; what a cell of its cache holds: elements of K and V; ``state`` in bytes per slot."""

    weights: int
    k: int = 0
    v: int = 0
    window: int = 0  # 0: attends to everything
    state: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Sizes in bytes. ``file`` is the text model's; ``output`` lies on the GPU with the last layers, ``host`` never.

    ``path`` is the file of its weights, ``beside`` what else its process is started with, ``options`` the Modelfile's.
    ``sizes`` remembers what was computed for it.
    """

    name: str
    path: str
    arch: str
    file: int
    layers: tuple[Layer, ...]
    output: int
    host: int
    projector: int
    graph: int  # of the projector
    width: int
    inner: int
    heads: int
    vocabulary: int
    used: int  # experts for each token; 0 is dense
    expert: int  # an expert's width
    min_kv: int
    max_heads: int
    limit: int
    num_ctx: int | None
    vision: bool
    embedding: bool
    beside: tuple[Any, ...] = ()
    options: Mapping[str, int] = field(default_factory=dict)
    sizes: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def single(self) -> bool:
        """Does Ollama give it one slot only, whatever OLLAMA_NUM_PARALLEL says?"""
        return self.embedding or self.arch in SINGLE or self.arch.removesuffix("moe") in SINGLE

    def needs(self) -> int:
        """Bytes of the weights that a GPU holds when it holds the whole model."""
        return sum(layer.weights for layer in self.layers) + self.output


def shape_of(model: dict[str, Any]) -> Shape:
    """The shape of a model as ``catalog`` has it."""
    info, arch = model["model_info"], model["model_info"]["general.architecture"]

    def value(key: str, default: Any = 0) -> Any:
        found = info.get(f"{arch}.{key}")
        return default if found is None else found

    blocks, heads, width = value("block_count"), value("attention.head_count"), value("embedding_length")
    kv = value("attention.head_count_kv", heads)
    kvs = kv if isinstance(kv, list) else [kv] * blocks
    many = heads if isinstance(heads, list) else [heads]
    weights, output, embedding, seen = [0] * blocks, 0, 0, 0
    tied = not any(t["name"] == "output.weight" for t in model["tensors"])
    for tensor in model["tensors"]:
        size, name = tensor_bytes(tensor), tensor["name"]
        found = re.match(r"blk\.(\d+)\.", name)
        if found:
            weights[int(found[1])] += size
        elif name.startswith(("v.", "mm.")):
            seen += size
        elif name == "token_embd.weight":
            embedding = size
        else:
            output += size
    absorbed = any("attn_k_b" in t["name"] for t in model["tensors"])
    layers = tuple(_layer(value, arch, n, weights[n], kvs[n], max(many), width, absorbed) for n in range(blocks))
    clip = model.get("projector_info") or {}
    vision = "vision" in model["capabilities"]
    options = {key: int(n) for key, n in re.findall(r"^(\w+)\s+(-?\d+)$", model["parameters"], re.MULTILINE)}
    return Shape(
        name=model["name"],
        path=f"sha256-{model.get('weights', model['digest'])}",
        arch=arch,
        file=model["size"] - model.get("projector_size", 0),
        layers=layers,
        output=output + (embedding if tied else 0),
        host=embedding,
        projector=seen + model.get("projector_size", 0),
        graph=_graph(clip, "clip.vision.") if clip else _graph(info, f"{arch}.vision.") if vision else 0,
        width=width,
        inner=value("feed_forward_length"),
        heads=max(many),
        vocabulary=model["tensors"][0]["shape"][1],
        used=value("expert_used_count"),
        expert=value("expert_feed_forward_length"),
        min_kv=max(min(kvs), 1),
        max_heads=max(many),
        limit=model["context_length"],
        num_ctx=options.get("num_ctx"),
        vision=vision,
        embedding="embedding" in model["capabilities"],
        beside=tuple(model.get("beside", ())),
        options=options,
    )


def _layer(value: Any, arch: str, n: int, weights: int, kv: int, heads: int, width: int, absorbed: bool) -> Layer:
    rank = value("attention.kv_lora_rank")
    if rank and absorbed:
        return Layer(weights, rank + value("rope.dimension_count"))
    interval, inner = value("full_attention_interval"), value("ssm.inner_size")
    if inner and ((interval and (n + 1) % interval) or not kv):
        state, mixed = value("ssm.state_size"), value("ssm.group_count") * value("ssm.state_size")
        floats = (value("ssm.conv_kernel") - 1) * (inner + 2 * mixed) + state * inner
        return Layer(weights, state=floats * 4)
    key = value("attention.key_length", width // heads)
    window = value("attention.sliding_window")
    slides = window and (n + 1) % GLOBAL_EVERY.get(arch, 1)
    return Layer(weights, kv * key, kv * value("attention.value_length", key), window if slides else 0)


def _graph(info: dict[str, Any], prefix: str) -> int:
    """Bytes that the projector computes in, for the largest image."""
    width, image = info.get(prefix + "embedding_length", 0), info.get(prefix + "image_size", 0)
    patch, heads = info.get(prefix + "patch_size", 1), info.get(prefix + "attention.head_count", 0)
    patches = (image // patch) ** 2
    return int(4 * (image**2 * info.get(prefix + "num_channels", 3) + width * patch + patches**2 * heads))
