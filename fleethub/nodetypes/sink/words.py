"""The words of a sink's command: what is filled in, and what must not be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: A value in a command's words: nothing that a shell, or the program, would take for more.
_SAFE = re.compile(r"[A-Za-z0-9_./:@%,+=\[\]~-]*")
#: What stands in the words of ``command`` for what is no secret.
PLACEHOLDERS = ("url", "model", "models", "generation")
_FILLED = re.compile(r"(?<!\{)\{(" + "|".join(PLACEHOLDERS) + r")\}(?!\})")  # two braces are the command's own


def filled(words: Iterable[str], url: str, models: Sequence[str], generation: int) -> tuple[str, ...]:
    """The words of a command with {url}, {model}, {models} and {generation} (of the key's value) filled in."""
    values = _values(url, models, generation)
    return tuple(_FILLED.sub(lambda m: values[m[1]], word) for word in words)


def unsafe(words: Iterable[str], url: str, models: Sequence[str]) -> str:
    """The value of a placeholder that would be more than a value in these words; empty: none."""
    values = _values(url, models, 1)
    used = (values[name] for word in words for name in _FILLED.findall(word))
    return next((value for value in used if not _SAFE.fullmatch(value) or value[:1] == "-"), "")


def _values(url: str, models: Sequence[str], generation: int) -> dict[str, str]:
    return dict(zip(PLACEHOLDERS, (url, models[0], ",".join(models), str(generation)), strict=True))
