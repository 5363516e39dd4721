"""``dataclass`` as the standard library has it, with fields and methods that are made when they are first looked up.

The standard library looks through each class's fields, and writes and compiles six methods, while its module is
imported: half a millisecond a class, and a small plan imports two hundred of them and makes values of some forty. Here
a class gets its slots at once; its fields and methods are the standard library's own, made when somebody asks for one.
A type checker sees nothing else than the standard library's decorator.
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
    """Whether a class says itself what is made here, is told of each class below it, or has what is no plain field."""
    own = vars(cls)
    says = not own.keys().isdisjoint(("__setattr__", "__delattr__", "__getstate__", "__setstate__", "__slots__"))
    hashless = own.get("__hash__", cls) is None and "__eq__" not in own
    told = any("__init_subclass__" in vars(base) for base in cls.__mro__ if base not in (object, Generic))
    return says or hashless or told or cls.__doc__ is None or not all(map(_plain, cls.__annotations__.values()))


def _plain(annotation: object) -> bool:
    """Whether it is that of a field: ``ClassVar[…]`` is one of the class, ``InitVar[…]`` of ``__init__``."""
    return not any(word in str(annotation) for word in ("ClassVar", "InitVar", "KW_ONLY"))


def _late(cls: type, eq: bool, frozen: bool, asked: dict[str, bool]) -> type:
    """The class; ``asked``: whether it has slots and takes keywords only."""
    own, names = dict(vars(cls)), [*cls.__annotations__]
    defaults = {name: own[name] for name in names if name in own}
    _judge(names, defaults, asked.get("kw_only", False))
    made = _slotted(cls, own, names) if asked.get("slots") else cls
    if made is cls:
        for name, default in defaults.items():
            if isinstance(default, dataclasses.Field):
                delattr(cls, name) if default.default is dataclasses.MISSING else setattr(cls, name, default.default)
    fields = _Fields(made, defaults, eq, frozen, asked.get("kw_only", False), asked.get("slots", False))
    for name in (
        "__dataclass_fields__",
        "__dataclass_params__",
        *([] if "__match_args__" in own else ["__match_args__"]),
    ):
        setattr(made, name, _Late(fields, name))
    late = ["__init__", "__repr__", *(["__eq__"] if eq else [])]
    if eq and own.get("__hash__") is None and not ("__eq__" in own and "__hash__" not in own):
        if frozen:
            late.append("__hash__")
        else:
            made.__hash__ = None  # type: ignore[assignment]
    for name in late:
        if name not in own or name == "__hash__":
            setattr(made, name, _Late(fields, name))
    if frozen:
        _freeze(made, own, frozenset(names))
    return made


def _slotted(cls: type, own: dict[str, Any], names: list[str]) -> type:
    """The class anew: slots cannot be given to one that there is."""
    slots = {slot for base in cls.__mro__[1:-1] for slot in vars(base).get("__slots__", ())}
    rest = {name: value for name, value in own.items() if name not in {*names, "__dict__", "__weakref__"}}
    made = type(cls)(cls.__name__, cls.__bases__, rest | {"__slots__": tuple(n for n in names if n not in slots)})
    made.__qualname__ = cls.__qualname__
    return made


def _judge(names: list[str], defaults: dict[str, Any], kw_only: bool) -> None:
    """Refuse a field without a default behind one with, and a default that all values would share: it is seen here, not
    where the first value is made.
    """
    before = ""
    for name in names:
        default = defaults.get(name, dataclasses.MISSING)
        field = default if isinstance(default, dataclasses.Field) else None
        if field is not None:
            default = field.default if field.default_factory is dataclasses.MISSING else field
        if default is not dataclasses.MISSING and type(default).__hash__ is None and field is None:
            raise ValueError(f"mutable default {type(default)} for field {name} is not allowed: use default_factory")
        if kw_only or (field is not None and (not field.init or field.kw_only is True)):
            continue
        if default is not dataclasses.MISSING:
            before = name
        elif before:
            raise TypeError(f"non-default argument {name!r} follows default argument {before!r}")


class _Fields:
    """What is needed to make a class's fields and methods."""

    def __init__(self, of: type, defaults: dict[str, Any], eq: bool, frozen: bool, kw_only: bool, slots: bool) -> None:
        self.of, self.defaults, self.eq, self.frozen, self.kw_only, self.slots = (
            of,
            defaults,
            eq,
            frozen,
            kw_only,
            slots,
        )

    def made(self, name: str) -> Any:
        """The standard library's, of a class that is like this one; each takes its place in this one."""
        of: Any = self.of
        alike = {"__module__": of.__module__, "__qualname__": of.__qualname__, "__doc__": of.__doc__}
        if name in ("__dataclass_fields__", "__dataclass_params__", "__match_args__"):
            space = {**alike, **self.defaults, "__annotations__": of.__annotations__}
            like: Any = dataclasses.dataclass(
                type(of.__name__, (), space), eq=False, kw_only=self.kw_only, **_NO_METHODS
            )
            of.__dataclass_fields__, params = like.__dataclass_fields__, like.__dataclass_params__
            params.init, params.repr, params.eq, params.frozen = True, True, self.eq, self.frozen
            if hasattr(params, "slots"):  # Python 3.12 and later
                params.slots = self.slots
            of.__dataclass_params__ = params
            if isinstance(vars(of)["__match_args__"], _Late):
                of.__match_args__ = like.__match_args__  # type: ignore[misc]
            return vars(of)[name]
        like = type(of.__name__, (of,), {**alike, "__slots__": ()})
        only = {which: f"__{which}__" == name for which in ("init", "repr")}
        eq = self.eq and name in ("__eq__", "__hash__")
        method = vars(dataclasses.dataclass(like, **only, eq=eq, frozen=self.frozen))[name]
        setattr(of, name, method)
        return method


_NO_METHODS: dict[str, Any] = {"init": False, "repr": False}


class _Late:
    """A part of a class that is made when it is first looked up; it then takes this one's place."""

    def __init__(self, fields: _Fields, name: str) -> None:
        self.fields, self.name = fields, name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The part; a method is bound as a function is."""
        made = self.fields.made(self.name)
        return made.__get__(instance, owner) if callable(made) else made


def _freeze(made: Any, own: dict[str, Any], names: frozenset[str]) -> None:
    """Refuse assignments, and let copies be made all the same, as the standard library's frozen classes do."""

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
