"""The filters that templates have beside Jinja's own: each writes a value so that its file reads it back."""

from __future__ import annotations

import json
from typing import Any

from fleethub.model.text import hop
from fleethub.rendering.slots import Opaque, OutputRefused, quoted

DEPTH = 50
_text = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one for each value


class EnvUnquotable(ValueError):
    """A value that has no single-quoted form in ``.env``."""


def to_json(value: Any) -> str:
    """``json``: sorted, two spaces, so that the same value is always the same text."""
    if type(value) is str:  # most are, and need no indentation, which is what costs
        return _text(value)
    return json.dumps(_plain(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)


def envquote(value: Any) -> str | Opaque:
    """``envquote``: 'value'. A secret passes; its content is checked when it is opened."""
    if isinstance(value, Opaque):
        return quoted(value)
    if not isinstance(value, str | int):
        raise TypeError(f"envquote writes text, not {type(value).__name__}")
    text = str(value)
    if any(char in text for char in "'\n\r\0") or text.endswith("\\"):
        raise EnvUnquotable(
            "a value with a single quote, a line break, a NUL or a backslash at its end cannot be written into .env"
        )
    return f"'{text}'"


def to_yaml(value: Any) -> str:
    """``yaml``: a quoted text (JSON's form is YAML's too), ``$`` doubled so that Compose leaves it alone."""
    if type(value) is str:
        return _text(value).replace("$", "$$")
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False).replace("$", "$$")


def words(value: Any) -> str:
    """``words``: a name that somebody chose, as data in a text for agents: one word as it is, else quoted and short."""
    return hop(str(_plain(value)))


def _plain(value: Any, depth: int = 0) -> Any:
    """Refuses secrets anywhere in a value, and undefined ones by their own error; and what nests without end."""
    if type(value) is str:
        return value
    if depth > DEPTH:
        raise OutputRefused(f"a value that is nested more than {DEPTH} deep")
    if isinstance(value, Opaque):
        raise OutputRefused('a secret can stand in the env file only: refer to its variable, "${NAME}"')
    if isinstance(value, dict):
        return {key: _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, depth + 1) for inner in value]
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)
