"""Options made from an operation's input, so that a field's type, bounds and words are written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click
from annotated_types import Ge, Le
from pydantic import BaseModel


def option(of: type[BaseModel], name: str, flag: str = "", **more: Any) -> Callable[[Any], Any]:
    """``--name`` with the field's choices, bounds and description; ``more`` is click's own, and wins."""
    field = of.model_fields[name]
    low: Any = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    high: Any = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    kinds = (field.annotation, *get_args(field.annotation))
    made: dict[str, Any] = {"help": field.description}
    if choices := next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), None):
        made["type"] = click.Choice(choices)
    elif int in kinds:
        made["type"] = click.IntRange(low, high)
    return click.option(f"--{name.replace('_', '-')}", *([flag] if flag else []), **(made | more))
