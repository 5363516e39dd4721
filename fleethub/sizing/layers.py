"""What each layer of a model keeps for a token or for a slot, from its facts."""

from __future__ import annotations

from collections import Counter

from fleethub.model.dataclass import dataclass
from fleethub.sizing.gguf_metadata import GgufMetadata, UntoldError
from fleethub.sizing.kinds import LayerKind, Layers
from fleethub.sizing.known import unreckoned
from fleethub.sizing.sparse import compressed, index
from fleethub.sizing.state import attends_nowhere, is_recurrent, recurrent, state

#: Architecture -> every n-th layer is global, the others look through a window; where the file does not say.
EVERY = {
    **{"gemma2": 2, "gpt-oss": 2, "gptoss": 2, "gemma3": 6, "gemma3n": 5, "gemma4": 6, "cohere2": 4, "llama4": 4},
    **{"olmo2": 4, "afmoe": 4, "smallthinker": 4, "exaone-moe": 4, "laguna": 4, "cohere2moe": 4, "plamo3": 8},
}
#: Those whose first layer is the global one of its group; of the others it is the last.
FIRST = ("smallthinker", "laguna", "cohere2moe")
#: Encoders: nothing is kept between tokens.
ENCODERS = ("bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "neo-bert", "gemma-embedding")
#: Rows of an image that a cross-attention layer keeps: 1601 patches of 4 tiles.
CROSS_CELLS = 1601 * 4
CHUNK = 8192
#: What is assumed where a file does not tell is the most that is known; a window may leave little of it.
ASSUMED, WHOLLY = 0.4, "all are counted as global"
#: How far what is not reckoned with may go beyond what is.
ODD = 2.0
#: Whose layer that predicts further tokens lies beside the blocks in older files.
LEGACY_DRAFTS = ("qwen35", "qwen35moe")


@dataclass(frozen=True, slots=True)
class Memory:
    """What a model's layers keep. ``draft``: of the layers that only predict further tokens.

    ``heads_min`` and ``heads_max`` are KV heads as the file has them; ``notes`` say what was assumed. ``least`` and
    ``most``: the factors between which it all lies then.
    """

    layers: tuple[Layers, ...]
    draft: tuple[Layers, ...]
    heads_min: int
    heads_max: int
    notes: tuple[str, ...]
    least: float = 1.0
    most: float = 1.0


def memory_of(keys: GgufMetadata) -> Memory:
    """Reads all layers; raises UntoldError where a number is missing that nothing can stand in for."""
    blocks = keys.need("block_count")
    if blocks > 4096:
        raise UntoldError(f"{keys.arch}.block_count of {blocks} is not believable")
    draft = min(keys.count("nextn_predict_layers") or 0, blocks - 1)
    main = blocks - draft
    notes: list[str] = []
    odd = list(unreckoned(keys))
    bounds = (0.0, ODD) if odd else (1.0, 1.0)
    if keys.arch in ENCODERS or keys.raw("attention.causal") is False:
        heads = keys.largest("attention.head_count") or 1
        return Memory((), (), heads, heads, ("an encoder: nothing is kept between tokens",))
    if keys.has("attention.compress_ratios"):
        heads = keys.largest("attention.head_count_kv") or 1
        kept = compressed(keys, main)
        return Memory(kept, (_with_count(kept[0], draft),) if draft else (), heads, heads, tuple(odd), *bounds)
    sliding = _sliding(keys, main, notes)
    widths = _widths(keys, main, sliding)
    told = [heads for heads, _, _ in widths]  # as the file has them: a scheduler does not know which layers attend
    recurring = recurrent(keys, main, widths)
    size = state(keys, notes) if any(recurring) else 0
    cross = _cross(keys, main, notes)
    keeps = main - _shared(keys, main)
    found: Counter[tuple[int, int, int, int, bool] | None] = (
        Counter()
    )  # layers by what tells them apart, None: recurrent
    for i, (heads, key, value) in enumerate(widths):
        if recurring[i]:
            found[None] += 1
        if heads and i < keeps:
            found[heads, key, value, sliding[i], i in cross] += 1
    if not found:
        raise UntoldError(f"no layer of {keys.arch} has KV heads or a recurrent state: its facts are not usable")
    groups = tuple(
        Layers(LayerKind.RECURRENT, n, state=size) if told_by is None else _group(keys, n, *told_by)
        for told_by, n in found.items()
    )
    attending = sum(g.count for g in groups if g.kind is not LayerKind.RECURRENT)
    groups += tuple(index(keys, attending, any(g.kind is LayerKind.MLA for g in groups)))
    lookahead = max((g for g in groups if g.kind is not LayerKind.RECURRENT), key=_width, default=None)
    drafts = draft or int(keys.arch in LEGACY_DRAFTS and any(t.name.startswith("mtp.") for t in keys.shown.tensors))
    extra = () if lookahead is None or not drafts else (_with_count(lookahead, drafts), *index(keys, drafts, True))
    if notes and not odd:
        bounds = (0.0 if any(WHOLLY in note for note in notes) else ASSUMED, 1.0)
    return Memory(groups, extra, min(told), max(told), (*odd, *notes), *bounds)


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
        return Layers(LayerKind.MLA, count, 1, rank + (keys.size("rope.dimension_count") or 64), 0)
    return Layers(LayerKind.SLIDING if window else LayerKind.GLOBAL, count, heads, key, value, window)


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
    every = keys.size("attention.sliding_window_pattern")
    if not (keys.has("attention.sliding_window_pattern") and pattern is None):  # else it differs, and was not sent
        every = every or EVERY.get(keys.arch) or (4 if keys.arch == "exaone4" and layers >= 64 else None)
    if every is None:
        notes.append(f"which layers of {keys.arch} use the window is not known: {WHOLLY}")
        return [0] * layers
    if keys.arch in FIRST:
        return [window if i % every else 0 for i in range(layers)]
    return [window if i % every < every - 1 else 0 for i in range(layers)]


def _widths(keys: GgufMetadata, layers: int, sliding: list[int]) -> list[tuple[int, int, int]]:
    """KV heads, K and V elements per head, of each layer."""
    heads = keys.largest("attention.head_count")
    width = keys.size("embedding_length")
    if attends_nowhere(keys):
        return [(0, 0, 0)] * layers
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
        elif fused is not None and len(fused.shape) == 2 and heads and not is_recurrent(block):
            found.append(max((fused.shape[1] // size - heads) // 2, 1))
        else:
            found.append(0)
    return found if any(found) else None


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
