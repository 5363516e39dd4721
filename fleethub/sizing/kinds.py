"""The kinds of layers, by what they keep."""

from __future__ import annotations

from enum import StrEnum

from fleethub.model.dataclass import dataclass


class LayerKind(StrEnum):
    """How a layer remembers."""

    GLOBAL = "global"
    SLIDING = "sliding window"
    MLA = "MLA"
    COMPRESSED = "compressed"
    INDEX = "index of sparse attention"
    CROSS = "cross-attention"
    RECURRENT = "recurrent"


@dataclass(frozen=True, slots=True)
class Layers:
    """``count`` layers of one kind that keep something.

    Attention: ``kv_heads`` of ``head_k`` + ``head_v`` elements for each ``ratio`` tokens; ``window`` in tokens, 0: all.
    Recurrent: ``state`` elements of f32 per slot, whatever the context.
    """

    kind: LayerKind
    count: int
    kv_heads: int = 0
    head_k: int = 0
    head_v: int = 0
    window: int = 0
    state: int = 0
    ratio: int = 1
