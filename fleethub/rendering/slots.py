"""Secrets in templates: an object that can be put out and nothing else, and the text it leaves behind.

Put out, it becomes a marker between NUL characters; afterwards the output is cut at the markers. Nothing else
may hold a NUL, and the markers must come out complete and in order: a template that stores, filters or drops
one is refused.
"""

from __future__ import annotations

import re
from typing import NoReturn

from fleethub.model.secret import Derived, SecretRef, Slot, Text

_MARKER = re.compile("\0slot([0-9]+)\0")
_REFUSED = "a secret can only be put out as it is, {{ value | envquote }}: no test, filter or joining"


class OutputRefused(Exception):
    """A template puts out what it may not, or does something else with a secret than putting it out."""


class Opaque:
    """A secret as a template sees it. ``quoted``: it went through ``envquote``."""

    __slots__ = ("_quoted", "_slot")

    def __init__(self, slot: Slot, quoted: bool = False) -> None:
        self._slot, self._quoted = slot, quoted

    def _refuse(self, *_: object) -> NoReturn:
        raise OutputRefused(_REFUSED)

    __str__ = __repr__ = __format__ = __bool__ = __len__ = __iter__ = __getitem__ = __contains__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __rmod__ = __int__ = __float__ = __index__ = _refuse
    __html__ = __call__ = __reduce_ex__ = _refuse


def hide(value: object) -> object:
    """The value with every slot in it made opaque."""
    if isinstance(value, (SecretRef, Derived)):
        return Opaque(value)
    if isinstance(value, dict):  # most of what is in it are texts, of which there are many in a fleet
        return {key: inner if type(inner) is str else hide(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [inner if type(inner) is str else hide(inner) for inner in value]
    return value


def quoted(value: Opaque) -> Opaque:
    """The same secret, put out between single quotes."""
    return Opaque(value._slot, True)


class Markers:
    """The markers of one rendering."""

    def __init__(self) -> None:
        self._slots: list[Slot] = []

    def put(self, value: object) -> object:
        """Jinja's ``finalize``: what is put out for a value."""
        if isinstance(value, Opaque):
            self._slots.append(value._slot)
            mark = f"\0slot{len(self._slots) - 1}\0"
            return f"'{mark}'" if value._quoted else mark
        text = str(value)  # an undefined value says so here; an `if` without `else` is empty
        if text and (isinstance(value, bool) or not isinstance(value, str | int | float)):
            raise OutputRefused(f"a {type(value).__name__} is put out as it is: write {{{{ value | json }}}}")
        if "\0" in text:
            raise OutputRefused("a NUL character, or a secret that was stored in a block or macro first")
        return text

    def cut(self, output: str) -> Text:
        """The output as literal parts with slots between them."""
        pieces = _MARKER.split(output)
        literals, numbers = pieces[::2], [int(n) for n in pieces[1::2]]
        if numbers != list(range(len(self._slots))) or any("\0" in literal for literal in literals):
            raise OutputRefused("a NUL character, or a secret that was filtered or dropped after it was put out")
        parts: list[str | SecretRef | Derived] = []
        for literal, number in zip(literals, [*numbers, None], strict=True):
            if literal:
                parts.append(literal)
            if number is not None:
                parts.append(self._slots[number])
        return Text(tuple(parts))
