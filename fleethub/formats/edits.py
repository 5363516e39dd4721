"""Several edits of one text, each of which may hang on those before it.

The text is read once for as many as do not hang on one another: what is put at places that are there, what is added to
tables and lists, or what is taken out. So thirty entries cost what one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, Protocol, TypeVar

from fleethub.formats.named import entry_of, name_of
from fleethub.model.dataclass import dataclass

#: The keys that lead to a value; in a list of tables the name of one.
Path = tuple[str, ...]
#: Instead of a value: what is at a path goes, and all stays as it is where nothing is.
CUT: Final = object()
Edit = tuple[Path, Any]
Place = TypeVar("Place")


class NotEditable(ValueError):
    """The text cannot be changed there; the message names the path, and no value."""


@dataclass(frozen=True, slots=True)
class Splice:
    """``text`` in the place of what is from ``start`` to before ``end``; of two at one place the deeper comes first."""

    start: int
    end: int
    text: str
    depth: int


class Tree(Protocol[Place]):
    """A text that was read; the places that an edit of it leads through are its format's own."""

    @property
    def text(self) -> str:
        """As it was read."""

    def way(self, path: Path) -> list[Place]:
        """The places on the way to a path, as far as it is there, from the whole on."""

    def listed(self, place: Place) -> bool:
        """Whether it is a list."""

    def replaced(self, way: list[Place], path: Path, value: Any) -> list[Splice]:
        """Puts ``value`` in the place of what is there. Raises NotEditable."""

    def added(self, way: list[Place], path: Path, entries: list[tuple[str, Any]]) -> list[Splice]:
        """Puts entries at the end of what ``way`` leads to; in a list their names are said in them. Raises
        NotEditable where that is neither a table nor a list.
        """

    def taken(self, way: list[Place], path: Path, names: list[str]) -> list[Splice]:
        """Takes entries out of what ``way`` leads to. Raises NotEditable."""


def edited(text: str, edits: Iterable[Edit], read: Callable[[str], Tree[Place]]) -> str:
    """The text with all edits in it. Raises NotEditable where something else than a table or list is on the way."""
    left, tree = list(edits)[::-1], read(text)
    while left:
        batch, took = _Batch(tree), list[Edit]()
        while left and batch.take(*left[-1]):
            took.append(left.pop())
        try:
            text = batch.text()
        except NotEditable:
            if len(took) == 1:
                raise
            alone = _Batch(tree)  # the last line may be writable once the first edit is done
            alone.take(*took[0])
            text = alone.text()
            left += took[:0:-1]
        if left:
            try:
                tree = read(text)
            except ValueError:  # what was made of a text that could be read
                raise NotEditable("it cannot be changed so that all else stays as it is") from None
    return text


def nested(path: Path, value: Any) -> Any:
    """A value below the keys of a path."""
    for key in reversed(path):
        value = {key: value}
    return value


def named_entry(path: Path, name: str, made: Any) -> Any:
    """A new entry of a list; raises NotEditable where it would be no table."""
    if not isinstance(made, dict):
        raise NotEditable(f"{'.'.join((*path, name))} is an entry of a list, and would be no table")
    return entry_of(name, made)


class _Batch(Generic[Place]):
    """Edits of which none hangs on another."""

    def __init__(self, tree: Tree[Place]) -> None:
        self.tree = tree
        self._touched: set[Path] = set()
        self._above: set[Path] = set()
        self._cuts: bool | None = None
        self._full = False
        self._put: list[tuple[list[Place], Path, Any]] = []
        self._added: dict[Path, tuple[list[Place], dict[str, Any]]] = {}
        self._taken: dict[Path, tuple[list[Place], list[str]]] = {}

    def take(self, path: Path, value: Any) -> bool:
        """Whether the edit is one of them now; the first always is."""
        cut = value is CUT
        hangs = path in self._above or any(path[:depth] in self._touched for depth in range(len(path) + 1))
        if self._full or hangs or self._cuts not in (None, cut):
            return False
        if cut:
            if len(way := self.tree.way(path[:-1])) == len(path):
                self._taken.setdefault(path[:-1], (way, []))[1].append(path[-1])
        else:
            way = self.tree.way(path)
            depth, stands = len(way) - 1, value
            if depth == len(path):
                self._put.append((way, path, value))
            else:
                entries = self._added.setdefault(path[:depth], (way, {}))[1]
                if path[depth] in entries:
                    return False
                entries[path[depth]] = made = nested(path[depth + 1 :], value)
                stands = entry_of(path[depth], made) if isinstance(made, dict) else made
            at = min(depth, len(path) - 1)  # of what holds it
            other = at >= 0 and self.tree.listed(way[at]) and name_of(stands) != path[at]
            self._full = other or path[-1:] in (("id",), ("name",))  # an entry of a list is called otherwise then
        self._cuts = cut
        self._touched.add(path)
        self._above.update(path[:depth] for depth in range(len(path)))
        return True

    def text(self) -> str:
        """The text with all of them."""
        splices = [one for way, path, value in self._put for one in self.tree.replaced(way, path, value)]
        for path, (way, entries) in self._added.items():
            splices += self.tree.added(way, path, [*entries.items()])
        for path, (way, names) in self._taken.items():
            splices += self.tree.taken(way, path, names)
        made, at, text = [], 0, self.tree.text
        for one in sorted(splices, key=lambda one: (one.start, one.end, -one.depth)):
            made += [text[at : one.start], one.text]
            at = max(at, one.end)
        return "".join([*made, text[at:]])
