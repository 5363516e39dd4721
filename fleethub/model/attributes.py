"""What of a resource is compared, as values of a kind's own type, and their form in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, ClassVar, Protocol

#: For pydantic, of what is read back (``__pydantic_config__``): an unknown field is refused, and ``"1"`` is no number.
STRICT: Any = {"extra": "forbid", "strict": True}


class Attributes(Protocol):
    """A frozen dataclass of scalars, tuples, mappings and more of its like; a field that is None is not there.

    Wanted, observed and last applied are of one type, so that they compare.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]


def plain(value: object, nulls: bool = False) -> Any:
    """A value as JSON has it; of dataclasses without what is None (``nulls``: with, at the top) or has no repr."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        shown = ((name, getattr(value, name)) for name in _shown(type(value)))
        return {name: plain(one) for name, one in shown if nulls or one is not None}
    return value


@cache
def _shown(type_: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(type_) if field.repr)
