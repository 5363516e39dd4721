"""What one rendering may do, whatever its template is made of: so much work in all, and so large a value at once.

Nothing is measured by a clock, so that a template that renders here renders everywhere. Whatever makes or moves a value
is charged with the value's size, and a step (an iteration, a call, a filter) with a share of its own: operators,
filters and calls where Jinja lets a sandbox see them, and the rest by a rewritten syntax tree: loops, ``~``, lists,
slices and comparisons. What could grow beyond all bounds within one step is judged by its operands before it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any, cast

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.visitor import NodeTransformer

from fleethub.model.dataclass import dataclass

WORK = 1 << 26  # units in all: characters, or entries of a list, that are made, moved or compared
STEP, CALL, LOAD = 256, 2048, 8192  # units of a step, of a call of a macro or block, of an include or import
VALUE = 1 << 18  # units of one value
BITS = 4096  # of a whole number
NUMBER = 100_000  # the largest that a filter is given as a width, a count or the like

#: Names that no template can write.
COUNTED, JOINED, MADE, READ = " counted", " joined", " made", " read"
_COMPARING = frozenset(
    ("eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=", "in")
)
_TEXT = (
    *("capitalize", "casefold", "lower", "swapcase", "title", "upper", "lstrip", "rstrip", "strip"),
    *("count", "endswith", "find", "index", "rfind", "rindex", "startswith", "removeprefix", "removesuffix"),
    *("join", "partition", "replace", "rpartition", "rsplit", "split", "splitlines", "isalnum", "isalpha", "isascii"),
    *("isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper"),
)
#: Filters that make no more than one pass over what they are given, which was judged when it was made.
LIGHT = frozenset(("json", "tojson", "yaml", "length", "count", "first", "last", "default", "d"))
#: What may be called of the values that templates are given: nothing that pads, formats or repeats.
METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(_TEXT),
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
    range: frozenset(("count", "index")),
    int: frozenset(("bit_length",)),
    float: frozenset(("is_integer",)),
    bytes: frozenset(),
    set: frozenset(),
}


class Exhausted(SecurityError):
    """The work of one rendering is used up."""


@dataclass(slots=True)
class Budget:
    """The units that are left to one rendering."""

    left: int = WORK


CURRENT: ContextVar[Budget] = ContextVar("budget")


def spend(units: int) -> None:
    """Raises Exhausted."""
    budget = CURRENT.get()
    budget.left -= units
    if budget.left < 0:
        raise Exhausted("more work than one template may do: a loop, a macro or a text that grows without end")


def weigh(value: Any) -> int:
    """The size of a value in units; raises SecurityError for one that is too large."""
    if type(value) is str or isinstance(value, str | bytes):
        size = len(value)
    elif isinstance(value, int):
        if value.bit_length() > BITS:
            raise SecurityError(f"a number of more than {BITS} bits")
        return 1
    elif isinstance(value, list | tuple | dict | set | frozenset):
        size = _all(value)
    else:
        return 1
    if size > VALUE:
        raise SecurityError(f"a value of more than {VALUE} characters or entries")
    return size


def _all(value: Any) -> int:
    """Of everything in it, as often as it is in it; counted no further than is allowed."""
    size, left = 0, [value]
    while left and size <= VALUE:
        one = left.pop()
        if isinstance(one, dict):
            size += 1 + len(one)
            left += [*one.keys(), *one.values()] if len(one) <= VALUE else []
        elif isinstance(one, list | tuple | set | frozenset):
            size += 1 + len(one)
            left += one if len(one) <= VALUE else []
        else:
            size += len(one) if isinstance(one, str | bytes) else 1
    return size


def made(value: Any) -> Any:
    """A value that was just made, charged."""
    spend(weigh(value))
    return value


def operands(operator: str, left: Any, right: Any) -> None:
    """Refuse what grows too large within one operation."""
    if operator == "%" and not isinstance(left, int | float):
        raise SecurityError("the % of texts is not available")
    whole = isinstance(left, int) and isinstance(right, int)
    if operator == "**" and (not isinstance(right, int | float) or abs(right) > BITS):
        raise SecurityError(f"an exponent above {BITS}")
    if operator == "**" and whole and left.bit_length() * abs(right) > BITS:
        raise SecurityError(f"a power of more than {BITS} bits")
    for one, other in ((left, right), (right, left)):
        if operator == "*" and hasattr(one, "__len__") and len(one) * abs(int(other)) > VALUE:
            raise SecurityError("a text or list repeated too often")


def method(function: Any, args: tuple[Any, ...]) -> None:
    """Refuse a call of a text's own method that makes it too large."""
    text, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(text, str):
        spend(len(text))
        if name == "replace":
            _replaced(text, *args)
        elif name == "join" and args and hasattr(args[0], "__len__"):
            _spread(text, args[0])


def _replaced(text: str, old: Any, new: Any, count: Any = None) -> None:
    found = str(text).count(str(old)) if str(old) else len(str(text)) + 1
    if len(str(text)) + found * len(str(new)) > VALUE:
        raise SecurityError("a replacement that makes a text too long")


def _spread(between: Any, items: Any) -> None:
    if len(str(between)) * len(items) > VALUE:
        raise SecurityError("a text put between too many others")


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that is charged, and refused where it could make something too large."""
    first = 1 if getattr(function, "jinja_pass_arg", None) is not None else 0
    light = name in LIGHT

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        value = args[first]
        spend(STEP + (len(value) if type(value) is str else 0 if light else weigh(value)))
        if kwargs or len(args) > first + 1 or name == "join":
            args = (*args[:first], *_arguments(name, list(args[first:]), kwargs))
        result = function(*args, **kwargs)
        return result if light and type(result) is not str else made(result)

    return run


def _arguments(name: str, values: list[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """The value and what else a filter is given, judged."""
    for given in (*values[1:], *kwargs.values()):
        spend(weigh(given))
        if isinstance(given, int | float) and abs(given) > NUMBER:
            raise SecurityError(f"a number above {NUMBER} given to the filter {name}")
    if name == "replace":
        _replaced(values[0], *values[1:3], **{k: v for k, v in kwargs.items() if k in ("old", "new")})
    elif name == "join":
        values[0] = list(values[0])
        _spread(kwargs.get("d", values[1] if len(values) > 1 else ""), values[0])
    elif name == "sum":
        start = kwargs.get("start", values[2] if len(values) > 2 else 0)
        if not isinstance(start, int | float):
            raise SecurityError("a sum of what are no numbers")
    return values


def counted(values: Iterable[Any], literal: int) -> Iterator[Any]:
    """What a loop goes through; ``literal``: characters that stand in its body, which each turn puts out."""
    for value in values:
        spend(STEP + literal)
        yield value


def joined(values: Iterable[Any]) -> str:
    """Jinja's ``~``."""
    texts = [str(value) for value in values]
    if sum(map(len, texts)) > VALUE:
        raise SecurityError(f"a text of more than {VALUE} characters")
    return made("".join(texts))  # type: ignore[no-any-return]


def read(value: Any) -> Any:
    """An operand of a comparison."""
    spend(weigh(value))
    return value


FILTERS: Mapping[str, Callable[..., Any]] = {COUNTED: counted, JOINED: joined, MADE: made, READ: read}


class Rewrite(NodeTransformer):
    """Puts the budget into a template's syntax tree.

    ``names``: those that it reads, with those of its own variables; ``others``: whether templates are rendered within.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.others = False

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        """A name is as it is."""
        self.names.add(node.name)
        return node

    def _other(self, node: nodes.Node) -> nodes.Node:
        self.others = True
        return self.generic_visit(node)

    visit_Include = visit_Import = visit_FromImport = visit_Extends = _other

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """Each turn is charged with what stands in the body."""
        literal = sum(len(text.data) for text in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        node.iter = _through(COUNTED, cast("nodes.Expr", node.iter), nodes.Const(literal, lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """``a ~ b``."""
        self.generic_visit(node)
        return _through(JOINED, nodes.List(node.nodes, lineno=node.lineno))

    def visit_List(self, node: nodes.List) -> nodes.Node:
        """A list of values that may be large."""
        self.generic_visit(node)
        return node if all(isinstance(item, nodes.Const) for item in node.items) else _through(MADE, node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """The same; names that are assigned to stay."""
        self.generic_visit(node)
        plain = node.ctx != "load" or all(isinstance(item, nodes.Const) for item in node.items)
        return node if plain else _through(MADE, node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        """The same."""
        self.generic_visit(node)
        return _through(MADE, node) if node.items else node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """A slice is a copy."""
        self.generic_visit(node)
        return _through(MADE, node) if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """Both sides are gone through."""
        self.generic_visit(node)
        node.expr = _read(node.expr)
        for operand in node.ops:
            operand.expr = _read(operand.expr)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        """Those that compare."""
        self.generic_visit(node)
        if node.name in _COMPARING:
            node.node = _read(node.node)
        return node


def _read(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _through(READ, node)


def _through(name: str, node: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)
