"""A node's field from what somebody typed: the schema's own type says how the text is meant."""

from __future__ import annotations

import re
import tomllib
from typing import Any, get_origin

from fleethub.fleetspec.validate import bare, schema_of


def typed(field: str, text: str) -> Any:
    """The value for a field (``port``, ``labels.x``); None for an empty text: the field is taken out.

    Lists are ``a,b`` or TOML, tables TOML. What cannot be read as the field's type stays text: the schema says why
    that is wrong.
    """
    if text == "":
        return None
    kind = bare(schema_of(("nodes", "node", *field.split(".", 1))))
    if kind is str:
        return text
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is int and re.fullmatch(r"[+-]?\d{1,19}", text, re.ASCII):
        return int(text)
    if text.startswith(("[", "{")):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except (ValueError, RecursionError):
            return text
    if get_origin(kind) is list:
        return [part.strip() for part in text.split(",")]
    return text
