"""vLLM's KV cache: blocks of some tokens for all layers of a card, and what a request takes of them.

Read at ``vllm/v1/core/kv_cache_utils.py``: layers of one kind share a block table; a model of two kinds is cut into
groups of as many layers, which take their blocks out of one pool. Sizes in bytes on one card, contexts in tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleethub.model.dataclass import dataclass
from fleethub.sizing.architecture import ModelArchitecture
from fleethub.sizing.kinds import LayerKind, Layers

BLOCK = 16  # tokens of a block


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that share a block table: the window they look through (0: all; tokens), or that they keep a state."""

    window: int = 0
    state: bool = False


@dataclass(frozen=True, slots=True)
class CacheLayout:
    """The cache of one card: bytes of a block over the layers that it is for, and the groups that take blocks.

    ``groups`` empty: the model keeps nothing. ``state``: bytes that each request keeps whatever its context.
    """

    block: int
    groups: tuple[Group, ...]
    batched: int
    state: int = 0

    def blocks(self, context: int) -> int:
        """Blocks that one request of ``context`` tokens needs at the most."""
        return sum(self._blocks(group, context) for group in self.groups)

    def request(self, context: int) -> int:
        """Bytes that one request of ``context`` tokens needs at the most."""
        return self.blocks(context) * self.block + self.state

    def at_once(self, free: int, context: int) -> float:
        """How many requests of ``context`` tokens fit into ``free`` bytes together."""
        if not self.groups:
            return free / self.state if self.state else float("inf")
        if self.state:
            return free / self.request(context)
        return (max(free, 0) // self.block) / self.blocks(context)

    def tokens(self, free: int, context: int) -> int:
        """How many tokens ``free`` bytes hold, in requests of ``context`` tokens: what vLLM's log says of it."""
        if len(self.groups) == 1 and not self.groups[0].window and not self.state:
            return max(free, 0) // self.block * BLOCK
        return int(self.at_once(free, context) * context) if self.groups else 0

    def _blocks(self, group: Group, context: int) -> int:
        if not group.window:
            return -(-context // BLOCK)
        # it may begin anywhere in its first block
        return -(-min(group.window - 1 + self.batched, context) // BLOCK) + 1


def layout(model: ModelArchitecture, tensor: int, pipeline: int, element: float, batched: int) -> CacheLayout:
    """The cache of a model on each card of ``tensor`` x ``pipeline``, with ``element`` bytes for each element.

    A card holds its stage's layers and its part of the KV heads; what has fewer heads than cards is there on each.
    """
    kept = [one for one in model.layers if one.kind is not LayerKind.RECURRENT]
    state = sum(-(-one.count // pipeline) * -(-one.state // tensor) * 4 for one in model.layers if one.state)
    kinds = {one.window for one in kept}
    if len(kinds) < 2:
        page = sum(-(-one.count // pipeline) * _width(one, tensor, element) for one in kept)
        groups = (Group(next(iter(kinds))),) if kept else ()
        return CacheLayout(round(BLOCK * page), groups, batched, state)
    counts = [(window, sum(-(-one.count // pipeline) for one in kept if one.window == window)) for window in kinds]
    size = _together([count for _, count in counts])
    page = size * max(_width(one, tensor, element) for one in kept)
    return CacheLayout(round(BLOCK * page), tuple(_groups(counts, size)), batched, state)


def _together(counts: Sequence[int]) -> int:
    """How many layers a group has: the fewest of a kind, or the most where that is little more."""
    return max(counts) if max(counts) < 1.5 * min(counts) else min(counts)


def _groups(counts: Sequence[tuple[int, int]], size: int) -> Iterator[Group]:
    for window, count in sorted(counts):
        yield from (Group(window) for _ in range(-(-count // size)))


def _width(one: Layers, tensor: int, element: float) -> float:
    """Bytes of one layer for one token on one card."""
    heads = one.kv_heads if one.kind in (LayerKind.MLA, LayerKind.INDEX) else -(-one.kv_heads // tensor)
    return heads * (one.head_k + one.head_v) * element
