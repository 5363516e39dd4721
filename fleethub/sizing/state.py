"""Recurrent layers: which ones there are, and what each keeps for a slot, whatever the context."""

from __future__ import annotations

from collections.abc import Mapping

from fleethub.model.readings.server import Tensor
from fleethub.sizing.gguf_metadata import GgufMetadata

#: Every n-th layer attends, the others are recurrent; where the file does not say.
INTERVAL = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
#: Keys that tell of a state.
STATEFUL = ("ssm.state_size", "shortconv.l_cache", "kda.head_dim", "wkv.head_size")


def is_recurrent(block: Mapping[str, Tensor]) -> bool:
    """Whether a block has a recurrent layer's tensors."""
    return any(name.startswith(("ssm_", "shortconv", "time_mix")) for name in block)


def recurrent(keys: GgufMetadata, layers: int, widths: list[tuple[int, int, int]]) -> list[bool]:
    """Which layers keep a state; layers of a hybrid that do not attend lose their KV heads in ``widths``."""
    every = keys.size("full_attention_interval") or INTERVAL.get(keys.arch)
    if every and all(heads for heads, _, _ in widths):
        for i in range(layers):
            if (i + 1) % every:
                widths[i] = (0, 0, 0)
        return [(i + 1) % every != 0 for i in range(layers)]
    if keys.any_tensor("ssm_", "shortconv", "time_mix"):
        return [is_recurrent(keys.blocks.get(i, {})) for i in range(layers)]
    inner = keys.per_layer("feed_forward_length", layers)
    varied = inner is not None and len(set(inner)) > 1
    silent = [heads == 0 and not (varied and inner and inner[i]) for i, (heads, _, _) in enumerate(widths)]
    stateful = any(keys.has(name) for name in STATEFUL)
    if keys.arch == "deci" or (all(silent) and not stateful):
        return [False] * layers  # layers without attention that keep nothing, or a nonsensical zero
    if any(silent) or not stateful:
        return silent
    return [True] * layers  # attention and state side by side in every layer


def attends_nowhere(keys: GgufMetadata) -> bool:
    """Whether all of its layers are recurrent: such a file writes no heads, or zero of them. Heads that differ by layer
    and were not sent are none of these.
    """
    written = [name for name in ("attention.head_count", "attention.head_count_kv") if keys.has(name)]
    untold = any(keys.raw(name) is None or keys.largest(name) for name in written)
    return not untold and any(keys.size(name) for name in STATEFUL)


def state(keys: GgufMetadata, notes: list[str]) -> int:
    """f32 elements that one recurrent layer keeps per slot: its convolution's tail, and its state."""
    cache = keys.size("shortconv.l_cache")
    if cache:
        return (cache - 1) * keys.need("embedding_length")
    kernel, head = keys.size("ssm.conv_kernel"), keys.size("kda.head_dim")
    if kernel and head:  # Kimi's delta attention: tails of Q, K and V, and a square for each head
        heads = keys.largest("attention.head_count") or 1
        return 3 * (kernel - 1) * heads * head + heads * head * head
    head = keys.size("wkv.head_size")
    if head:
        shift = keys.size("token_shift_count") or 2
        return (shift + head) * keys.need("embedding_length")
    inner = keys.size("ssm.inner_size")
    size, groups = keys.size("ssm.state_size"), keys.size("ssm.group_count") or 0
    if not (kernel and inner and size):
        # twice the model's width and a state of 128 is what published hybrids have at most
        inner, size, kernel, groups = 2 * keys.need("embedding_length"), 128, 4, 16
        notes.append(f"{keys.arch}.ssm.* is missing: the recurrent state of a usual hybrid is assumed")
    return (kernel - 1) * (inner + 2 * groups * size) + size * inner
