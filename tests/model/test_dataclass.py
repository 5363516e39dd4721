"""``fleethub.model.dataclass`` makes what the standard library makes: the two are compared on the same classes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from fleethub.model.dataclass import dataclass as late

T = TypeVar("T")
Decorator = Callable[..., Any]


def plain(dataclass: Decorator, **asked: bool) -> type:
    @dataclass(**asked)
    class Value:
        """Three fields, one that is not compared and one that is not shown."""

        name: str
        size: int = dataclasses.field(default=3, compare=False)
        more: list[str] = dataclasses.field(default_factory=list, repr=False)

    return Value


def generic(dataclass: Decorator, **asked: bool) -> type:
    @dataclass(**asked)
    class Value(Generic[T]):
        """Of some type."""

        name: T
        size: int = 3

    return Value


def checked(dataclass: Decorator, **asked: bool) -> type:
    @dataclass(**asked)
    class Value:
        """With methods of its own."""

        name: str
        size: int = 3

        def __post_init__(self) -> None:
            assert self.size

        def __repr__(self) -> str:
            return "shown by itself"

        def __hash__(self) -> int:
            return 7

    return Value


def child(dataclass: Decorator, **asked: bool) -> type:
    @dataclass(**asked)
    class Value(plain(dataclass, **asked)):  # type: ignore[misc]
        """Of another."""

        last: int = 1

    return Value


def wider(dataclass: Decorator, **asked: bool) -> type:
    @dataclass(**{**asked, "slots": False})
    class Value(plain(dataclass, **asked)):  # type: ignore[misc]
        """Of another, whose slots it has not."""

        last: int = 1

    return Value


def renamed(dataclass: Decorator, **asked: bool) -> type:
    @dataclass(**asked)
    class Value(child(dataclass, **asked)):  # type: ignore[misc]
        """Of another's, one of whose fields has another default here, and something of the class."""

        which: ClassVar[str] = "this"
        size: int = 4
        more: list[str] = dataclasses.field(default_factory=lambda: ["more"])
        final: str = "f"

    return Value


MADE = (plain, generic, checked, child, wider, renamed)
ASKED = (
    {},
    {"frozen": True},
    {"slots": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "order": True},
    {"frozen": True, "slots": True, "eq": False},
)


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_it_is_as_the_standard_librarys(make: Callable[..., type], asked: dict[str, bool]) -> None:
    def tried(what: Callable[[], Any]) -> Any:
        try:
            return what()
        except Exception as error:
            return type(error), str(error).replace("test_dataclass.", "")

    def told(of: Any) -> list[Any]:
        one, other = of(name="a", size=4), of(name="a")
        found = [str(inspect.signature(of)), of.__match_args__, repr(one), one == other, one != of(name="b"), one == 1]
        found += [
            tried(lambda: hash(of(name="a")) == hash(of(name="a"))),
            of.__hash__ is None,
            hasattr(one, "__dict__"),
        ]
        found += [tried(lambda: of("a", 4) == one), tried(of), tried(lambda: of(name="a", other=1))]
        found += [tried(lambda: one < of(name="b")) if "order" in asked else "", repr(dataclasses.asdict(one))]
        found += [tried(lambda: [one <= one, one > one, one >= of(name="A"), one < 3])] if "order" in asked else []
        found += [[f.name for f in dataclasses.fields(of)], [f.type for f in dataclasses.fields(of)]]
        found += [tried(lambda: setattr(one, "size", 5)), one.size, tried(lambda: delattr(one, "name"))]
        again = of(name="c", size=5)
        found += [repr(dataclasses.replace(again, name="d")), repr(copy.deepcopy(again)), repr(copy.copy(again).size)]
        if "last" in of.__match_args__:
            found += [[how(of("a", 4, last=9)).last for how in (copy.copy, copy.deepcopy)]]
        found += [repr(of.__dataclass_params__).replace("__main__.", ""), of.__init__.__qualname__, of.__doc__]
        return found

    for first, second in zip(told(make(late, **asked)), told(make(dataclasses.dataclass, **asked)), strict=True):
        assert first == second


@late(frozen=True, slots=True)
class Kept:
    """At the top of a module, where pickle finds it."""

    name: str


class Plain(Kept):
    """No dataclass of its own."""

    def set(self, value: int) -> None:
        self.extra = value


def test_it_is_pickled_and_a_subclass_keeps_what_is_its_own() -> None:
    assert pickle.loads(pickle.dumps(Kept("a"))) == Kept("a")
    one = Plain("a")
    one.set(3)
    assert (one.extra, one == Plain("a"), one == Kept("a")) == (3, True, False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.name = "b"  # type: ignore[misc]


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_a_class_that_is_told_of_those_below_it_is_told_of_what_somebody_wrote(dataclass: Decorator) -> None:
    below: list[str] = []

    class Above:
        def __init_subclass__(cls) -> None:
            below.append(cls.__name__)

    @dataclass(frozen=True)
    class Value(Above):
        name: str

    assert {repr(Value("a")) for _ in range(2)}
    assert Value("a") == Value("a")
    assert below == ["Value"]


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_what_a_class_says_of_itself_stands(dataclass: Decorator) -> None:
    @dataclass(frozen=True)
    class Value:
        name: str
        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="unhashable"):
        hash(Value("a"))

    class Sets:
        name: str

        def __setattr__(self, name: str, value: object) -> None: ...

    with pytest.raises(TypeError, match="Cannot overwrite attribute __setattr__"):
        dataclass(frozen=True)(Sets)


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_fields_in_an_order_that_no_call_could_have_are_refused_at_once(dataclass: Decorator) -> None:
    class Value:
        size: int = 3
        name: str

    with pytest.raises(TypeError, match="non-default argument 'name' follows default argument"):
        dataclass(frozen=True, slots=True)(Value)
    assert dataclass(kw_only=True)(Value)(name="a").size == 3


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_a_default_that_all_values_would_share_is_refused_at_once(dataclass: Decorator) -> None:
    class Value:
        """One."""

        names: list = []  # type: ignore[type-arg] # noqa: RUF012

    with pytest.raises(ValueError, match="mutable default <class 'list'> for field names is not allowed"):
        dataclass(frozen=True, slots=True)(Value)


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_nor_is_it_taken_from_a_field_that_says_more(dataclass: Decorator) -> None:
    class Value:
        """One."""

        names: list[str] = dataclasses.field(default=[], repr=False)

    with pytest.raises(ValueError, match="mutable default <class 'list'> for field names is not allowed"):
        dataclass(frozen=True)(Value)


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_a_field_that_no_call_gives_has_its_default(dataclass: Decorator) -> None:
    @dataclass(frozen=True, slots=True)
    class Value:
        """One."""

        name: str
        size: int = dataclasses.field(default=3, init=False)
        more: list[str] = dataclasses.field(default_factory=list, init=False)

    assert (Value("a").size, Value("a").more) == (3, [])
    assert list(inspect.signature(Value).parameters) == ["name"]


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_what_is_of_the_class_has_the_value_that_a_field_says(dataclass: Decorator) -> None:
    @dataclass(frozen=True)
    class Value:
        """One, with a field that is none below it."""

        size: ClassVar[int] = dataclasses.field(default=3)
        name: str = "a"

    @dataclass(frozen=True)
    class Below(Value):
        """Below it."""

        name: ClassVar[str] = "of all"
        last: int

    assert (Value.size, Below(1).name, Below(1)) == (3, "of all", Below(last=1))  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_slots_are_for_the_fields_of_a_class_without_any_too(dataclass: Decorator) -> None:
    above = plain(dataclass)
    made = dataclass(slots=True)(type("Value", (above,), {"__annotations__": {}, "__doc__": "Below."}))
    assert made.__slots__ == ("name", "size", "more")


@pytest.mark.skipif(not hasattr(copy, "replace"), reason="Python 3.13 has it")
@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_copies_are_made_with_something_else(dataclass: Decorator) -> None:
    made = plain(dataclass, frozen=True, slots=True)
    assert getattr(copy, "replace")(made("a"), size=4) == made("a", 4)  # noqa: B009


@pytest.mark.parametrize("dataclass", [late, dataclasses.dataclass])
def test_what_is_no_field_is_none(dataclass: Decorator) -> None:
    @dataclass(frozen=True)
    class Value:
        """With something of the class, something of ``__init__`` alone, and slots of a class above."""

        name: str
        of_all: ClassVar[int] = 3
        given: dataclasses.InitVar[int] = 4
        _: dataclasses.KW_ONLY
        last: int = 5

        def __post_init__(self, given: int) -> None:
            assert given == 4

    assert [field.name for field in dataclasses.fields(Value)] == ["name", "last"]
    assert (Value("a", last=6), Value.of_all) == (Value("a", 4, last=6), 3)
    assert list(inspect.signature(Value).parameters) == ["name", "given", "last"]


def test_no_method_is_compiled_before_it_is_used() -> None:
    """What a start saves: of a class that is only imported the standard library compiles nothing."""
    code = (
        "import dataclasses; made = []; real = dataclasses._create_fn if hasattr(dataclasses, '_create_fn') else None\n"
        "from fleethub.model.dataclass import dataclass\n"
        "@dataclass(frozen=True, slots=True)\n"
        "class Value:\n"
        "    '''One.'''\n"
        "    name: str\n"
        "parts = ('__init__', '__dataclass_fields__')\n"
        "print(*(type(vars(Value)[part]).__name__ for part in parts)); Value('a'); dataclasses.fields(Value)\n"
        "print(*(type(vars(Value)[part]).__name__ for part in parts))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["_Late", "_Late", "function", "dict"]
