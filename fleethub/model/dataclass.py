"""``dataclass`` as the standard library has it, with methods that are compiled when they are first looked up.

The standard library writes and compiles six methods of each class while its module is imported: half a millisecond a
class, and a small plan imports two hundred of them and makes values of some forty. Here a class gets the same fields
at once, and the same methods, made by the standard library itself, when somebody asks for one. A type checker sees
nothing else than the standard library's decorator.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Generic

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: Any = None, /, *, order: bool = False, **asked: bool) -> Any:
        """Make a class a dataclass; takes what ``dataclasses.dataclass`` takes."""
        if cls is None:
            return lambda cls: dataclass(cls, order=order, **asked)
        inherits = any(dataclasses.is_dataclass(base) for base in cls.__bases__)
        if order or inherits or not asked.keys() <= {"eq", "frozen", "slots", "kw_only"} or _unusual(cls):
            return dataclasses.dataclass(cls, order=order, **asked)
        return _late(cls, asked.pop("eq", True), asked.pop("frozen", False), asked)


def _unusual(cls: type) -> bool:
    """Whether a class says itself what is made here, or is told of each class below it: one is made for a method."""
    own = vars(cls)
    says = not own.keys().isdisjoint(("__setattr__", "__delattr__", "__getstate__", "__setstate__"))
    hashless = own.get("__hash__", cls) is None and "__eq__" not in own
    told = any("__init_subclass__" in vars(base) for base in cls.__mro__ if base not in (object, Generic))
    return says or hashless or told


def _late(cls: type, eq: bool, frozen: bool, asked: dict[str, Any]) -> type:
    """The class with its fields; ``asked``: whether it has slots and takes keywords only."""
    own = dict(vars(cls))
    made: type = dataclasses.dataclass(cls, init=False, repr=False, eq=False, **asked)
    _ordered(made)
    params: Any = made.__dataclass_params__  # type: ignore[attr-defined]
    params.init, params.repr, params.eq, params.frozen = True, True, eq, frozen
    late = ["__init__", "__repr__", *(["__eq__"] if eq else [])]
    if eq and own.get("__hash__") is None and not ("__eq__" in own and "__hash__" not in own):
        if frozen:
            late.append("__hash__")
        else:
            made.__hash__ = None  # type: ignore[assignment]
    for name in late:
        if name not in own or name == "__hash__":
            setattr(made, name, _Late(made, name))
    if frozen:
        _freeze(made, own)
    return made


def _ordered(made: Any) -> None:
    """Refuse a field without a default behind one with: it is seen here, not where the first value is made."""
    default = ""
    for field in dataclasses.fields(made):
        if not field.init or field.kw_only:
            continue
        if (field.default, field.default_factory) != (dataclasses.MISSING, dataclasses.MISSING):
            default = field.name
        elif default:
            raise TypeError(f"non-default argument {field.name!r} follows default argument {default!r}")


class _Late:
    """A method that the standard library makes when it is first looked up; it then takes this one's place."""

    def __init__(self, of: type, name: str) -> None:
        self.of, self.name = of, name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The method, bound as a function is."""
        of: Any = self.of
        space = {"__slots__": (), "__module__": of.__module__, "__qualname__": of.__qualname__}
        like: Any = type(of.__name__, (of,), space)
        eq, frozen = of.__dataclass_params__.eq, of.__dataclass_params__.frozen
        only = {name: f"__{name}__" == self.name for name in ("init", "repr")}
        made = dataclasses.dataclass(like, **only, eq=eq and self.name in ("__eq__", "__hash__"), frozen=frozen)
        method = vars(made)[self.name]
        setattr(of, self.name, method)
        return method.__get__(instance, owner)


def _freeze(made: Any, own: dict[str, Any]) -> None:
    """Refuse assignments, and let copies be made all the same, as the standard library's frozen classes do."""
    names = frozenset(field.name for field in dataclasses.fields(made))

    def refuse(self: Any, name: str, what: str) -> None:
        if type(self) is made or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot {what} field {name!r}")

    def __setattr__(self: Any, name: str, value: Any) -> None:
        refuse(self, name, "assign to")
        super(made, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:
        refuse(self, name, "delete")
        super(made, self).__delattr__(name)

    def __getstate__(self: Any) -> list[Any]:
        return [getattr(self, field.name) for field in dataclasses.fields(self)]  # a class below may have more of them

    def __setstate__(self: Any, state: list[Any]) -> None:
        for field, value in zip(dataclasses.fields(self), state, strict=True):
            object.__setattr__(self, field.name, value)

    added = [__setattr__, __delattr__, *([__getstate__, __setstate__] if "__slots__" in vars(made) else [])]
    for method in added:
        if method.__name__ not in own:
            setattr(made, method.__name__, method)
