"""What each layer of a model keeps for a token or for a slot, from its facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from fleethub.model.dataclass import dataclass
from fleethub.model.readings.server import Tensor
from fleethub.sizing.gguf_metadata import GgufMetadata, UntoldError

#: Architecture -> every n-th layer is global, the others look through a window; where the file does not say.
EVERY = {
    **{"gemma2": 2, "gpt-oss": 2, "gptoss": 2, "gemma3": 6, "gemma3n": 5, "gemma4": 6, "cohere2": 4, "llama4": 4},
    **{"olmo2": 4, "afmoe": 4, "smallthinker": 4, "exaone-moe": 4},
}
#: Every n-th layer attends, the others are recurrent; where the file does not say.
INTERVAL = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
#: Encoders: nothing is kept between tokens.
ENCODERS = ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "neo-bert", "gemma-embedding")
#: Rows of an image that a cross-attention layer keeps: 1601 patches of 4 tiles.
CROSS_CELLS = 1601 * 4
CHUNK = 8192
#: Whose layer that predicts further tokens lies beside the blocks in older files.
LEGACY_DRAFTS = ("qwen35", "qwen35moe")


class LayerKind(StrEnum):
    """How a layer remembers."""

    GLOBAL = "global"
    SLIDING = "sliding window"
    MLA = "MLA"
    CROSS = "cross-attention"
    RECURRENT = "recurrent"


@dataclass(frozen=True, slots=True)
class Layers:
    """``count`` layers of one kind that keep something.

    Attention: ``kv_heads`` of ``head_k`` + ``head_v`` elements per token, ``window`` in tokens (0: all).
    Recurrent: ``state`` elements of f32 per slot, whatever the context.
    """

    kind: LayerKind
    count: int
    kv_heads: int = 0
    head_k: int = 0
    head_v: int = 0
    window: int = 0
    state: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """What a model's layers keep. ``draft``: of the layers that only predict further tokens.

    ``heads_min`` and ``heads_max`` are KV heads as the file has them; ``notes`` say what was assumed.
    """

    layers: tuple[Layers, ...]
    draft: tuple[Layers, ...]
    heads_min: int
    heads_max: int
    notes: tuple[str, ...]


def memory_of(keys: GgufMetadata) -> Memory:
    """Reads all layers; raises UntoldError where a number is missing that nothing can stand in for."""
    blocks = keys.need("block_count")
    if blocks > 4096:
        raise UntoldError(f"{keys.arch}.block_count of {blocks} is not believable")
    draft = min(keys.count("nextn_predict_layers") or 0, blocks - 1)
    main = blocks - draft
    notes: list[str] = []
    if keys.arch in ENCODERS or keys.raw("attention.causal") is False:
        heads = keys.largest("attention.head_count") or 1
        return Memory((), (), heads, heads, ("an encoder: nothing is kept between tokens",))
    sliding = _sliding(keys, main, notes)
    widths = _widths(keys, main, sliding)
    told = [heads for heads, _, _ in widths]  # as the file has them: a scheduler does not know which layers attend
    recurrent = _recurrent(keys, main, widths)
    state = _state(keys, notes) if any(recurrent) else 0
    cross = _cross(keys, main, notes)
    keeps = main - _shared(keys, main)
    found: Counter[tuple[int, int, int, int, bool] | None] = (
        Counter()
    )  # layers by what tells them apart, None: recurrent
    for i, (heads, key, value) in enumerate(widths):
        if recurrent[i]:
            found[None] += 1
        if heads and i < keeps:
            found[heads, key, value, sliding[i], i in cross] += 1
    if not found:
        raise UntoldError(f"no layer of {keys.arch} has KV heads or a recurrent state: its facts are not usable")
    groups = tuple(
        Layers(LayerKind.RECURRENT, n, state=state) if told_by is None else _group(keys, n, *told_by)
        for told_by, n in found.items()
    )
    lookahead = max((g for g in groups if g.kind is not LayerKind.RECURRENT), key=_width, default=None)
    drafts = draft or int(keys.arch in LEGACY_DRAFTS and any(t.name.startswith("mtp.") for t in keys.shown.tensors))
    extra = () if lookahead is None or not drafts else (_with_count(lookahead, drafts),)
    return Memory(groups, extra, min(told), max(told), tuple(notes))


def _with_count(one: Layers, count: int) -> Layers:
    return Layers(one.kind, count, one.kv_heads, one.head_k, one.head_v)


def _width(one: Layers) -> int:
    return one.kv_heads * (one.head_k + one.head_v)


def _group(keys: GgufMetadata, count: int, heads: int, key: int, value: int, window: int, cross: bool) -> Layers:
    if cross:
        return Layers(LayerKind.CROSS, count, heads, key, value)
    rank = keys.size("attention.kv_lora_rank")
    if rank and (keys.has("attention.key_length_mla") or keys.any_tensor("attn_k_b")):
        # K only: the compressed vector and the rotated part; V is a view of it
        return Layers(LayerKind.MLA, count, 1, rank + (keys.size("rope.dimension_count") or 64) + _indexer(keys), 0)
    return Layers(LayerKind.SLIDING if window else LayerKind.GLOBAL, count, heads, key, value, window)


def _indexer(keys: GgufMetadata) -> int:
    """Sparse attention keeps a small key of its own beside the cache."""
    return keys.size("attention.indexer.key_length") or 0


def _sliding(keys: GgufMetadata, layers: int, notes: list[str]) -> list[int]:
    """The window of each layer in tokens, 0 for a global one."""
    window = keys.size("attention.sliding_window") or 0
    if keys.arch == "llama4":
        window = keys.size("attention.chunk_size") or window or CHUNK
    if not window:
        return [0] * layers
    pattern = keys.raw("attention.sliding_window_pattern")
    if isinstance(pattern, list | tuple) and len(pattern) >= layers and all(type(p) in (bool, int) for p in pattern):
        return [window if p else 0 for p in pattern[:layers]]
    every = keys.size("attention.sliding_window_pattern") or EVERY.get(keys.arch)
    if keys.arch == "exaone4" and layers >= 64:
        every = every or 4
    if every is None:
        notes.append(f"which layers of {keys.arch} use the window is not known: all are counted as global")
        return [0] * layers
    if keys.arch == "smallthinker":  # the only one whose first layer is the global one
        return [window if i % every else 0 for i in range(layers)]
    return [window if i % every < every - 1 else 0 for i in range(layers)]


def _widths(keys: GgufMetadata, layers: int, sliding: list[int]) -> list[tuple[int, int, int]]:
    """KV heads, K and V elements per head, of each layer."""
    heads = keys.largest("attention.head_count")
    width = keys.size("embedding_length")
    head = width // heads if heads and width else None
    key = keys.size("attention.key_length") or head
    value = keys.size("attention.value_length") or head
    if not key or not value:
        raise UntoldError(f"{keys.arch}.attention.key_length is missing, and head_count cannot stand in for it")
    key_swa = keys.size("attention.key_length_swa") or key
    value_swa = keys.size("attention.value_length_swa") or value
    keys_of, values_of = [key_swa if w else key for w in sliding], [value_swa if w else value for w in sliding]
    counts = keys.per_layer("attention.head_count_kv", layers)
    if counts is None and keys.has("attention.head_count_kv"):
        counts = _from_tensors(keys, keys_of, heads)
        if counts is None:
            raise UntoldError(
                f"{keys.arch}.attention.head_count_kv differs by layer and was not sent: "
                "/api/show tells it with verbose, and in its tensors"
            )
    if counts is None:
        if heads is None:
            raise UntoldError(f"{keys.arch}.attention.head_count is missing")
        counts = [heads] * layers  # no grouped heads: as many as there are
    return list(zip(counts, keys_of, values_of, strict=True))


def _from_tensors(keys: GgufMetadata, head: list[int], heads: int | None) -> list[int] | None:
    """KV heads of each layer from the width of its K (or fused QKV) projection; None: no such tensors."""
    found = []
    for i, size in enumerate(head):
        block = keys.blocks.get(i)
        if not block:
            return None
        k, fused = block.get("attn_k.weight"), block.get("attn_qkv.weight")
        if k is not None and len(k.shape) == 2:
            found.append(k.shape[1] // size)
        elif fused is not None and len(fused.shape) == 2 and heads and not _is_recurrent(block):
            found.append(max((fused.shape[1] // size - heads) // 2, 1))
        else:
            found.append(0)
    return found if any(found) else None


def _is_recurrent(block: Mapping[str, Tensor]) -> bool:
    return any(name.startswith(("ssm_", "shortconv", "time_mix")) for name in block)


def _recurrent(keys: GgufMetadata, layers: int, widths: list[tuple[int, int, int]]) -> list[bool]:
    """Which layers keep a state; layers of a hybrid that do not attend lose their KV heads in ``widths``."""
    every = keys.size("full_attention_interval") or INTERVAL.get(keys.arch)
    if every and all(heads for heads, _, _ in widths):
        for i in range(layers):
            if (i + 1) % every:
                widths[i] = (0, 0, 0)
        return [(i + 1) % every != 0 for i in range(layers)]
    if keys.any_tensor("ssm_", "shortconv", "time_mix"):
        return [_is_recurrent(keys.blocks.get(i, {})) for i in range(layers)]
    inner = keys.per_layer("feed_forward_length", layers)
    varied = inner is not None and len(set(inner)) > 1
    silent = [heads == 0 and not (varied and inner and inner[i]) for i, (heads, _, _) in enumerate(widths)]
    stateful = keys.has("ssm.state_size") or keys.has("shortconv.l_cache")
    if keys.arch == "deci" or (all(silent) and not stateful):
        return [False] * layers  # layers without attention that keep nothing, or a nonsensical zero
    if any(silent) or not stateful:
        return silent
    return [True] * layers  # attention and state side by side in every layer


def _state(keys: GgufMetadata, notes: list[str]) -> int:
    """f32 elements that one recurrent layer keeps per slot: its convolution's tail, and its state."""
    cache = keys.size("shortconv.l_cache")
    if cache:
        return (cache - 1) * keys.need("embedding_length")
    kernel, inner = keys.size("ssm.conv_kernel"), keys.size("ssm.inner_size")
    state, groups = keys.size("ssm.state_size"), keys.size("ssm.group_count") or 0
    if not (kernel and inner and state):
        # twice the model's width and a state of 128 is what published hybrids have at most
        inner, state, kernel, groups = 2 * keys.need("embedding_length"), 128, 4, 16
        notes.append(f"{keys.arch}.ssm.* is missing: the recurrent state of a usual hybrid is assumed")
    return (kernel - 1) * (inner + 2 * groups * state) + state * inner


def _cross(keys: GgufMetadata, layers: int, notes: list[str]) -> frozenset[int]:
    if keys.arch != "mllama":
        return frozenset()
    told = keys.raw("attention.cross_attention_layers")
    if isinstance(told, list | tuple) and all(type(i) is int for i in told):
        return frozenset(i for i in told if 0 <= i < layers)
    notes.append("mllama.attention.cross_attention_layers was not sent: every fifth layer is assumed")
    return frozenset(range(3, layers, 5))


def _shared(keys: GgufMetadata, layers: int) -> int:
    """Layers at the end that use the cache of an earlier one."""
    told = keys.count("attention.shared_kv_layers")
    if told is None and keys.arch == "gemma3n":
        return max(layers - 20, 0)
    return min(told or 0, layers - 1)
