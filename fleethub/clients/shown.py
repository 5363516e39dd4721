"""The facts of a model, as servers tell them and as they are remembered: what is not of its right type is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fleethub.model.readings.server import Shown, Tensor

LONGEST = 4096  # elements of an array of facts: one a layer; what is longer is a vocabulary
MOST_TENSORS = 100_000
MOST_SIDES = 8


class ShownCache(Protocol):
    """Remembers the facts of models, which never change for one digest."""

    def get(self, digest: str) -> Shown | None:
        """The facts, or None."""

    def put(self, digest: str, shown: Shown) -> None:
        """Remember them; never raises."""


def facts(info: Any) -> Mapping[str, Any]:
    """Scalars, and lists of scalars; without the vocabulary."""
    found: dict[str, Any] = {}
    for key, value in info.items() if isinstance(info, dict) else ():
        if key.startswith("tokenizer.") or len(key) > 256:
            continue
        if isinstance(value, list):
            if len(value) <= LONGEST and all(isinstance(v, bool | int | float | str) for v in value):
                found[key] = value
        elif isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= LONGEST):
            found[key] = value
    return found


def tensors(listed: Any) -> tuple[Tensor, ...]:
    """All tensors, or none: a sum over some of them would be too small."""
    if not isinstance(listed, list) or len(listed) > MOST_TENSORS:
        return ()
    found = []
    for entry in listed:
        match entry:
            case {"name": str(name), "type": str(kind), "shape": list(shape)} if 0 < len(shape) <= MOST_SIDES and all(
                isinstance(s, int) and not isinstance(s, bool) and 0 < s < 1 << 40 for s in shape
            ):
                found.append(Tensor(name, kind.upper(), tuple(shape)))
            case _:
                return ()
    return tuple(found)
