"""``dataclass`` as the standard library has it, with fields and methods that are made when they are first looked up.

The standard library looks through each class's fields, and writes and compiles six methods, while its module is
imported: half a millisecond a class, and a small plan imports two hundred of them and makes values of some eighty. Here
a class gets its slots at once; its fields and methods are the standard library's own, made when somebody asks for one.
``__init__``, of which a plan needs the most, is written here: to make it alone the standard library would compile four
methods. A type checker sees nothing else than the standard library's decorator.
"""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any, Generic

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: Any = None, /, **asked: bool) -> Any:
        """Make a class a dataclass; takes what ``dataclasses.dataclass`` takes."""
        if cls is None:
            return lambda cls: dataclass(cls, **asked)
        if not asked.keys() <= {"eq", "frozen", "slots", "kw_only", "order"} or _unusual(cls, asked):
            return dataclasses.dataclass(cls, **asked)
        return _late(cls, asked.pop("eq", True), asked.pop("frozen", False), asked)


def _unusual(cls: type, asked: dict[str, bool]) -> bool:
    """Whether a class says itself what is made here, is told of each class below it, has what is no plain field, or is
    below dataclasses that are not as it is.
    """
    own = vars(cls)
    above = [base for base in cls.__mro__[1:] if "__dataclass_fields__" in vars(base)]
    if above and (len(above) > 1 or not _same(above[0], cls, asked)):
        return True
    says = not own.keys().isdisjoint(
        (*_ORDER, "__setattr__", "__delattr__", "__getstate__", "__setstate__", "__slots__")
    )
    disordered = asked.get("order", False) and not asked.get("eq", True)
    hashless = own.get("__hash__", cls) is None and "__eq__" not in own
    told = any("__init_subclass__" in vars(base) for base in cls.__mro__ if base not in (object, Generic))
    odd = any(_odd(own.get(name), name in _types(cls)) for name in cls.__annotations__)
    odd = odd or not all(map(_plain, _types(cls).values()))
    return says or disordered or hashless or told or odd or cls.__doc__ is None


def _odd(default: Any, of_field: bool) -> bool:
    """Whether ``field(…)`` has a default that is no argument's: of a field that no call gives, or of the class."""
    if not isinstance(default, dataclasses.Field):
        return False
    return not (of_field and (default.init or default.default is dataclasses.MISSING))


def _same(base: type, cls: type, asked: dict[str, bool]) -> bool:
    """Whether a class above was made here with the same words, and no field is named again to have its default."""
    of: _Fields | None = vars(base).get(_KEPT)
    words = asked.get("frozen", False), asked.get("kw_only", False)
    again = {name for name in cls.__annotations__ if name not in vars(cls) or name not in _types(cls)}
    return of is not None and (of.frozen, of.kw_only) == words and again.isdisjoint(of.types)


def _types(cls: type) -> dict[str, Any]:
    """What a class says itself of its fields; ``ClassVar[…]`` is one of the class."""
    of_class = "ClassVar", "typing.ClassVar"
    return {name: how for name, how in cls.__annotations__.items() if not str(how).startswith(of_class)}


def _plain(annotation: object) -> bool:
    """Whether it is that of a field: ``InitVar[…]`` is one of ``__init__``."""
    return not any(word in str(annotation) for word in ("ClassVar", "InitVar", "KW_ONLY"))


def _late(cls: type, eq: bool, frozen: bool, asked: dict[str, bool]) -> type:
    """The class; ``asked``: whether it has slots and takes keywords only."""
    own, own_types, kw_only = dict(vars(cls)), _types(cls), asked.get("kw_only", False)
    defaults = {name: own[name] for name in own_types if name in own}
    base: _Fields | None = getattr(cls, _KEPT, None)
    types = (base.types if base else {}) | own_types
    inherited = {name: of for name, of in base.defaults.items() if name not in own_types} if base else {}
    _judge([*types], inherited | defaults, kw_only)
    made = _slotted(cls, own, [*types]) if asked.get("slots") else cls
    if made is cls:
        for name, default in defaults.items():
            if isinstance(default, dataclasses.Field):
                delattr(cls, name) if default.default is dataclasses.MISSING else setattr(cls, name, default.default)
    fields = _Fields(made, types, inherited | defaults, eq, frozen, asked)
    setattr(made, _KEPT, fields)
    for name in (
        "__dataclass_fields__",
        "__dataclass_params__",
        *([] if "__match_args__" in own else ["__match_args__"]),
    ):
        setattr(made, name, _Late(fields, name))
    late = ["__init__", "__repr__", *(["__eq__"] if eq else []), *(_ORDER if asked.get("order") else [])]
    if eq and own.get("__hash__") is None and not ("__eq__" in own and "__hash__" not in own):
        if frozen:
            late.append("__hash__")
        else:
            made.__hash__ = None  # type: ignore[assignment]
    for name in late:
        if name not in own or name == "__hash__":
            setattr(made, name, _Late(fields, name))
    if "__replace__" not in own:  # for copy.replace of Python 3.13
        made.__replace__ = dataclasses.replace  # type: ignore[attr-defined]
    if frozen:
        _freeze(made, own, frozenset(types))
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
        if default is not dataclasses.MISSING and type(default).__hash__ is None and default is not field:
            raise ValueError(f"mutable default {type(default)} for field {name} is not allowed: use default_factory")
        if kw_only or (field is not None and (not field.init or field.kw_only is True)):
            continue
        if default is not dataclasses.MISSING:
            before = name
        elif before:
            raise TypeError(f"non-default argument {name!r} follows default argument {before!r}")


class _Fields:
    """What is needed to make a class's fields and methods. ``types``, ``defaults``: by the names of fields, of those of
    a class above it too.
    """

    def __init__(
        self, of: type, types: dict[str, Any], defaults: dict[str, Any], eq: bool, frozen: bool, asked: dict[str, bool]
    ) -> None:
        self.of, self.types, self.defaults, self.eq, self.frozen = of, types, defaults, eq, frozen
        self.kw_only, self.slots, self.order = (asked.get(word, False) for word in ("kw_only", "slots", "order"))

    def made(self, name: str) -> Any:
        """The part; it takes its place in the class."""
        if name in ("__dataclass_fields__", "__dataclass_params__", "__match_args__"):
            self._fields()
            return vars(self.of)[name]
        method = self._init() if name == "__init__" and self._usual() else self._method(name)
        setattr(self.of, name, method)
        return method

    def _fields(self) -> None:
        """The standard library's, of a class that is like this one."""
        of: Any = self.of
        space = {**self._alike(), **self.defaults, "__annotations__": self.types}
        like: Any = dataclasses.dataclass(type(of.__name__, (), space), eq=False, kw_only=self.kw_only, **_NO_METHODS)
        of.__dataclass_fields__, params = like.__dataclass_fields__, like.__dataclass_params__
        params.init, params.repr, params.eq, params.frozen, params.order = True, True, self.eq, self.frozen, self.order
        if hasattr(params, "slots"):  # Python 3.12 and later
            params.slots = self.slots
        of.__dataclass_params__ = params
        if isinstance(vars(of).get("__match_args__"), _Late):
            of.__match_args__ = like.__match_args__  # type: ignore[misc]

    def _method(self, name: str) -> Any:
        """The standard library's, of a class below this one."""
        like = type(self.of.__name__, (self.of,), {**self._alike(), "__slots__": ()})
        only = {which: f"__{which}__" == name for which in ("init", "repr")}
        order = name in _ORDER
        eq = self.eq and (order or name in ("__eq__", "__hash__"))
        return vars(dataclasses.dataclass(like, **only, eq=eq, order=order, frozen=self.frozen))[name]

    def _alike(self) -> dict[str, Any]:
        return {name: getattr(self.of, name) for name in ("__module__", "__qualname__", "__doc__")}

    def _usual(self) -> bool:
        """Whether ``__init__`` takes each field, and all in one way."""
        given = [one for one in self.defaults.values() if isinstance(one, dataclasses.Field)]
        may = dataclasses.MISSING, self.kw_only
        return "self" not in self.types and all(one.init and one.kw_only in may for one in given)

    def _init(self) -> Any:
        """As the standard library writes it: of a frozen class by ``object``, and a factory's value anew each time."""
        given, lines = ["self"] + ["*"] * (self.kw_only and bool(self.types)), []
        known: dict[str, Any] = {"_dc_set": object.__setattr__, "_dc_made": _FACTORY}
        for at, name in enumerate(self.types):
            default, value = self.defaults.get(name, dataclasses.MISSING), name
            if isinstance(default, dataclasses.Field):
                if default.default_factory is not dataclasses.MISSING:
                    known[f"_dc_make{at}"] = default.default_factory
                    default, value = _FACTORY, f"_dc_make{at}() if {name} is _dc_made else {name}"
                else:
                    default = default.default
            if default is not dataclasses.MISSING:
                known[f"_dc_default{at}"] = default
            given.append(name if default is dataclasses.MISSING else f"{name}=_dc_default{at}")
            lines.append(f"_dc_set(self, {name!r}, {value})" if self.frozen else f"self.{name} = {value}")
        if hasattr(self.of, "__post_init__"):
            lines.append("self.__post_init__()")
        body = "\n  ".join(lines) or "pass"
        text = f"def made({', '.join(known)}):\n def __init__({', '.join(given)}):\n  {body}\n return __init__"
        space: dict[str, Any] = {}
        exec(text, vars(sys.modules[self.of.__module__]), space)  # noqa: S102 - as the standard library does
        init = space["made"](**known)
        init.__qualname__, init.__annotations__ = f"{self.of.__qualname__}.__init__", {**self.types, "return": None}
        return init


class _Factory:
    """Stands for what a factory makes, in signatures."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()
_ORDER = ("__lt__", "__le__", "__gt__", "__ge__")
_NO_METHODS: dict[str, Any] = {"init": False, "repr": False}
#: Of a class: what it was made from.
_KEPT = "__dataclass_late__"


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
