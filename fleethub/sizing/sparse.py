"""Sparse attention: keys of the index that chooses what is looked at, and caches that keep one cell for many tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fleethub.sizing.gguf_metadata import GgufMetadata, UntoldError
from fleethub.sizing.kinds import LayerKind, Layers

#: Tokens for a cell of DeepSeek V4's finer compression: those layers have an index too, and blocks that overlap.
FINE = 4


def index(keys: GgufMetadata, attending: int, mla: bool) -> Iterator[Layers]:
    """A small key of its own for each token, in each layer that has an index; those of ``indexer.types`` 0 share one.

    Without MLA the leading dense layers have none.
    """
    width = keys.size("attention.indexer.key_length")
    if not width:
        return
    types = keys.raw("attention.indexer.types")
    if isinstance(types, list | tuple) and all(type(one) in (bool, int) for one in types):
        count = min(sum(map(bool, types)), attending)
    else:
        count = attending - (0 if mla else min(keys.count("leading_dense_block_count") or 0, attending))
    if count:
        yield Layers(LayerKind.INDEX, count, 1, width, 0)


def compressed(keys: GgufMetadata, layers: int) -> tuple[Layers, ...]:
    """DeepSeek V4: K alone, in a window for each layer, and beside it one cell for 4 or for 128 tokens, with the state
    of what makes it. Raises UntoldError where the file does not tell all of that.
    """
    ratios = keys.per_layer("attention.compress_ratios", layers)
    if ratios is None:
        raise UntoldError(
            f"{keys.arch}.attention.compress_ratios differs by layer and was not sent: /api/show tells it with verbose"
        )
    head, window = keys.need("attention.key_length"), keys.need("attention.sliding_window")
    found = [Layers(LayerKind.SLIDING, layers, 1, head, 0, window)]
    for ratio, count in sorted(Counter(ratios).items()):
        if not ratio:
            continue
        found.append(Layers(LayerKind.COMPRESSED, count, 1, head, 0, ratio=ratio))
        state = 2 * ratio * head  # values and their scores
        if ratio == FINE:
            width = keys.need("attention.indexer.key_length")
            found.append(Layers(LayerKind.INDEX, count, 1, width, 0, ratio=ratio))
            state = 4 * (state + 2 * ratio * width)  # of two blocks, each twice as wide
        found.append(Layers(LayerKind.RECURRENT, count, state=state))
    return tuple(found)
