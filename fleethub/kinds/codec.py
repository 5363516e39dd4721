"""Attributes as a lockfile and a journal have them, read back into a kind's type."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from fleethub.model.attributes import Attributes

if TYPE_CHECKING:
    from pydantic import TypeAdapter

A = TypeVar("A", bound=Attributes)


def parse(type_: type[A], raw: object) -> A:
    """The inverse of ``plain``; raises ValueError that names the first field that is wrong."""
    from pydantic import ValidationError

    from fleethub.codec import said

    try:
        found: A = _adapter(type_).validate_json(json.dumps(raw))  # in JSON a list may be a tuple
    except ValidationError as error:
        raise ValueError(said(error)) from None
    except TypeError as error:  # TOML has dates
        raise ValueError(str(error)) from None
    return found


@cache
def _adapter(type_: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(type_)
