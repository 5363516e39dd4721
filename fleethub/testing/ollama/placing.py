"""Which GPU gets which layers, and what is left to the CPU without a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fleethub.testing.ollama.settings import GIB
from fleethub.testing.ollama.size import TrueSize


@dataclass(frozen=True, slots=True)
class Split:
    """How many layers each chosen GPU holds, the last layers on the last GPU; the projector's on the first or not."""

    layers: tuple[int, ...]
    projector: bool

    def buffers(self, size: TrueSize) -> list[int]:
        """Bytes per GPU as the server's log has them: no projector, no CUDA runtime."""
        found, end = [0] * len(self.layers), len(size.items)
        last = True
        for gpu in reversed(range(len(self.layers))):
            if self.layers[gpu]:
                start = end - self.layers[gpu]
                found[gpu] = sum(size.items[start:end]) + size.compute + (size.tail if last else 0)
                end, last = start, False
        return found

    def taken(self, size: TrueSize) -> list[int]:
        """Bytes per GPU that the driver has less."""
        found = [b + size.overhead if b else 0 for b in self.buffers(size)]
        if self.projector:
            found[0] += size.projector + (0 if found[0] else size.overhead)
        return found

    def spilled(self, size: TrueSize) -> int:
        """Bytes of layers, and of a projector, that are on the CPU."""
        left = size.items[: len(size.items) - sum(self.layers)]
        return sum(left) + (0 if self.projector else size.projector)


def split(size: TrueSize, free: Sequence[int], margin: int, *, most: int | None = None, greedy: bool = False) -> Split:
    """Layers over GPUs with so much ``free`` each, of which ``margin`` stays free (and the projector's bytes).

    ``most`` layers go to GPUs at the most. ``greedy`` fills one GPU after the other; else each takes its share.
    """
    room = [f - margin - size.overhead - size.compute for f in free]
    if room:
        room[0] -= size.projector
        room[-1] -= size.tail
    room = [max(0, r) for r in room]
    wanted = size.items if most is None or most >= len(size.items) else size.items[len(size.items) - most :]
    need, whole = sum(wanted), sum(room)
    counts, _ = _filled(wanted, room, room)
    if not greedy and need <= whole:
        shares, over = _filled(wanted, [room[0], *(need * r // whole for r in room[1:])], room)
        counts = counts if over else shares
    found = Split(tuple(counts), False)
    seen = bool(size.projector and free and free[0] - found.taken(size)[0] >= size.projector + GIB)
    return Split(found.layers, seen)


def _filled(items: Sequence[int], target: Sequence[int], room: Sequence[int]) -> tuple[list[int], int]:
    """How many layers each GPU takes until its target is passed, never above its room; how many found no place."""
    counts, left = [0] * len(room), len(items)
    for gpu in reversed(range(len(room))):
        held = 0
        while left and held < target[gpu] and held + items[left - 1] <= room[gpu]:
            left -= 1
            held += items[left]
            counts[gpu] += 1
    return counts, left
