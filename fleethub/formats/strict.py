"""JSON as all readers agree on it: no key twice, no NaN."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def loads(text: str | bytes | bytearray, number: Callable[[str], Any] | None = None) -> Any:
    """The value; ``number`` reads what is no whole one. Raises ValueError (JSONDecodeError with its place), and
    RecursionError for what nests without end.
    """
    return json.loads(text, object_pairs_hook=_once, parse_constant=_constant, parse_float=number)


def check(text: str) -> None:
    """Whether it is JSON; raises ValueError, with a message for people, on anything else."""
    try:
        loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different ones of a key that stands twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} appears twice")
    return table


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
