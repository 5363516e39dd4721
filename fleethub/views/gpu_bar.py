"""One GPU as a bar of characters, with its legend."""

from __future__ import annotations

from fleethub.model.capacity import (
    Bar,
)
from fleethub.model.text import gib
from fleethub.views.style import Style

#: segment -> (block, ASCII, colour by meaning)
MARKS = {
    "resident": ("█", "#", "good"),
    "planned": ("▓", "=", "record"),
    "unplanned": ("▒", "!", "warning"),
    "reserve": ("░", "~", "dim"),
    "free": ("·", ".", "dim"),
}
LONGEST = 60  # characters of a bar


def bar_text(bar: Bar, cells: int, style: Style, blocks: bool) -> str:
    """One GPU as ``cells`` characters: every part that is there at all shows, too much fills the bar."""
    sizes = [bar.resident, bar.planned, bar.unplanned, bar.reserve, max(bar.headroom, 0)]
    whole = max(sum(sizes), 1)
    exact = [size * cells / whole for size in sizes]
    shown = [max(1, int(e)) if size else 0 for e, size in zip(exact, sizes, strict=True)]
    while sum(shown) != cells:
        step = 1 if sum(shown) < cells else -1
        movable = [i for i, n in enumerate(shown) if sizes[i] and n + step >= 1]
        if not movable:
            break
        furthest = max(movable, key=lambda i: (exact[i] - shown[i]) * step)
        shown[furthest] += step
    return "".join(mark(kind, blocks, style, n) for kind, n in zip(MARKS, shown, strict=True))


def mark(kind: str, blocks: bool, style: Style, count: int = 1) -> str:
    """``count`` characters of one kind of part."""
    block, plain, colour = MARKS[kind]
    return style(colour, (block if blocks else plain) * count) if count else ""


def words(kind: str) -> str:
    """What a kind of part is called."""
    return {"planned": "planned, not loaded", "unplanned": "loaded, not planned"}.get(kind, kind)


def legend(bar: Bar) -> str:
    """The parts of a bar in words."""
    parts = [(bar.resident, "resident"), (bar.planned, "planned"), (bar.unplanned, "not planned")]
    said = [f"{gib(size)} {what}" for size, what in parts if size] + [f"{gib(bar.reserve)} reserve"]
    said.append(f"{gib(bar.headroom)} free" if bar.headroom >= 0 else f"{gib(-bar.headroom)} too much")
    return ", ".join(said) + (f"; {gib(bar.used)} in use now" if bar.used is not None else "")
