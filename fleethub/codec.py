"""The model's dataclasses as plain values (tables, lists, texts, numbers), and back, by pydantic.

The model says nothing of files. What writes one names a ``TypedDict`` for each dataclass: the fields of the table, in
the order in which they are written, with their types. ``"1"`` is no number here, and an unknown field is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Annotated, Any, NotRequired, get_origin, get_type_hints

from pydantic import GetCoreSchemaHandler, Strict, ValidationError, WrapSerializer
from pydantic_core import CoreSchema, core_schema

from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass

#: A list in what is read, a tuple in the model.
Texts = Annotated[tuple[str, ...], Strict(False)]
#: A mapping that is written in the order of its keys.
SORTED = WrapSerializer(lambda value, write: write(dict(sorted(value.items()))))


@dataclass(frozen=True, slots=True)
class Table:
    """Annotates a dataclass: it is written as a table of ``form``, a ``TypedDict`` whose fields have the same names.

    A field of ``form`` that is not required may be missing in what is read: it is the dataclass's default then, or what
    ``absent`` says instead. Where it is as in ``absent`` it is not written; ``sparse``: nor where it is the default.
    """

    form: type
    sparse: bool = False
    absent: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read: the table, then the dataclass. Write: the dataclass's fields, then the table."""
        table = handler.generate_schema(self.form)
        source = get_origin(source) or source
        known = {one.name: one for one in fields(source)}
        hints = get_type_hints(self.form, include_extras=True)
        may_lack = [name for name, hint in hints.items() if self.sparse and get_origin(hint) is NotRequired]
        absent = dict(self.absent)
        unwritten = {name: _default(known[name]) for name in may_lack} | absent

        def write(value: Any, write_table: Callable[[Any], Any]) -> Any:
            found = {name: getattr(value, name) for name in hints}
            for name, lacking in unwritten.items():
                if name in found and found[name] == lacking:
                    del found[name]
            return write_table(found)

        return core_schema.no_info_after_validator_function(
            lambda found: source(**absent | found),
            table,
            serialization=core_schema.wrap_serializer_function_ser_schema(write, schema=table),
        )


@dataclass(frozen=True, slots=True)
class AsText:
    """Annotates an address: written as its text, read as one whose kind is among ``kinds`` (None: any)."""

    kinds: tuple[str, ...] | None = None
    refusal: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A text, then the address."""
        return core_schema.no_info_after_validator_function(
            self._read,
            core_schema.str_schema(strict=True),
            serialization=core_schema.to_string_ser_schema(when_used="always"),
        )

    def _read(self, text: str) -> Address:
        address = Address.parse(text)
        if self.kinds is not None and address.kind not in self.kinds:
            raise ValueError(f"{text!r} {self.refusal}")
        return address


Named = Annotated[Address, AsText()]


def said(error: ValidationError) -> str:
    """What is wrong first, in one line that names the field and what it holds."""
    first = error.errors(include_url=False)[0]
    *above, name = (str(part) for part in first["loc"] or ("it",))
    match first["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{name!r} is nothing that {'.'.join(above) or 'it'} holds"
        case "missing":
            return f"{'.'.join((*above, name))} is missing"
        case "value_error":
            return str(first["ctx"]["error"])
    held = repr(first["input"])
    return f"{'.'.join((*above, name))} is {held if len(held) < 80 else held[:80] + '…'}: {first['msg']}"


def plain(value: Any) -> Any:
    """Without None (TOML has none; absent means the same) and with sorted keys."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in sorted(value.items()) if v is not None}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default
