"""Renders one template in a sandbox: no file but the node type's own templates, no attribute of ours, nothing
random, and bounds on what it may compute. Whatever goes wrong is a ``TemplateProblem`` with a line.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cached_property, lru_cache
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from fleethub.model.secret import Text
from fleethub.rendering import budget
from fleethub.rendering.filters import EnvUnquotable, envquote, to_json, to_yaml, words
from fleethub.rendering.slots import Markers, Opaque, OutputRefused, hide

#: Bounds of one rendering: characters of output, steps of one ``range``. What it may do besides: ``budget``.
OUTPUT_MAX = 1 << 20
RANGE_MAX = 100_000

_GLOBALS = ("dict", "namespace")
_UNWANTED = ("random", "pprint", "urlize", "xmlattr", "center", "indent", "wordwrap", "format", "striptags")
_OPERATORS = frozenset(("+", "-", "*", "/", "//", "%", "**"))
_AGAIN = 64  # a template that once used up all its work gets this part of it from then on

_KEPT = 64  # texts that are kept for other nodes


class TemplateProblem(Exception):
    """Why a template gave no text. ``origin`` and ``line`` (0: unknown) say where."""

    def __init__(self, code: str, message: str, origin: str, line: int) -> None:
        super().__init__(message)
        self.code, self.message, self.origin, self.line = code, message, origin, line


#: What one rendering has put out; the compiled templates are shared.
_MARKERS: ContextVar[Markers] = ContextVar("markers")


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with a budget for what is computed in it."""

    intercepted_binops = _OPERATORS
    literals = 0  # characters that stand in all of its templates
    reads: dict[str, frozenset[str] | None]  # of each compiled template the names that it reads; None: any

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Every operator, charged with what it makes."""
        budget.operands(operator, left, right)
        return budget.made(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Every call: of a macro, of a block, of a loop from within, of a method."""
        ours = isinstance(__obj, Macro | BlockReference | LoopContext)
        budget.spend(budget.CALL + __self.literals if ours else budget.STEP)
        budget.method(__obj, args)
        return budget.made(super().call(__context, __obj, *args, **kwargs))

    def _load_template(self, name: str, globals: Any) -> Any:
        """An include or import too."""
        budget.spend(budget.LOAD + self.literals)
        return super()._load_template(name, globals)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """Jinja's own place for a change of the syntax tree."""
        rewrite = budget.Rewrite()
        changed = rewrite.visit(source)
        self.reads[str(args[0])] = None if rewrite.others else frozenset(rewrite.names)
        changed.set_environment(self)
        return super()._generate(changed, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """None: ``format`` is an attribute like others, and refused below."""
        return None

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Of a plain value, the methods that make nothing large."""
        kind = next((kind for kind in budget.METHODS if isinstance(obj, kind)), None)
        if kind is not None and callable(value) and attr not in budget.METHODS[kind]:
            return False
        return super().is_safe_attribute(obj, attr, value)


class TemplateSet:
    """The templates of one node type, to be rendered for its nodes. ``sources``: also what they may include."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._origins = {file: getattr(text, "origin", file) for file, text in sources.items()}
        self._nul = any("\0" in text for text in sources.values())
        self._texts: dict[tuple[str, str], Text] = {}
        self._exhausted: set[str] = set()  # templates that used up all their work

    def text(self, name: str, context: Mapping[str, object]) -> Text:
        """One template's output; raises ``TemplateProblem``.

        Nodes for which all that the template reads is the same have one text, made once.
        """
        problem = getattr(self._sources[name], "problem", "")
        if problem or self._nul:
            raise TemplateProblem("template.failed", problem or "a NUL character in a template", self._origins[name], 0)
        reads = self._environment.reads.get(name)
        values = {key: hide(value) for key, value in context.items() if reads is None or key in reads}
        try:
            same = name, repr(values)
        except OutputRefused:  # a secret is among them, and each node has its own
            return self._rendered(name, values)
        if same not in self._texts:
            if len(self._texts) >= _KEPT:
                self._texts.clear()
            self._texts[same] = self._rendered(name, values)
        return self._texts[same]

    @cached_property
    def _environment(self) -> _Environment:
        sources = ((file, str(text), self._origins[file]) for file, text in self._sources.items())
        return _environment(tuple(sorted(sources)))

    def _rendered(self, name: str, values: Mapping[str, object]) -> Text:
        environment = self._environment
        markers, left = Markers(), budget.WORK // (_AGAIN if name in self._exhausted else 1)
        tokens = _MARKERS.set(markers), budget.CURRENT.set(budget.Budget(left))
        try:
            output = _bounded(environment, name, values)
            self._exhausted.discard(name)
            return markers.cut(output)
        except TemplateSyntaxError as error:
            origin = error.filename or self._origins[name]
            raise TemplateProblem("template.failed", str(error.message), origin, error.lineno) from None
        except Exception as error:  # a template can raise whatever Python can
            if isinstance(error, budget.Exhausted):
                self._exhausted.add(name)  # a fleet has many nodes: they do not all spend so much
            raise _problem(error, self._origins, name) from None
        finally:
            _MARKERS.reset(tokens[0])
            budget.CURRENT.reset(tokens[1])


@lru_cache(maxsize=16)
def _environment(sources: tuple[tuple[str, str, str], ...]) -> _Environment:
    """One per set of (file, text, origin): compiling templates is what costs, and a fleet has many nodes."""
    found = {file: (text, origin) for file, text, origin in sources}

    def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        return (*found[name], lambda: True) if name in found else None

    environment = _Environment(
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        finalize=_put,
        loader=FunctionLoader(load),
    )
    environment.globals = {name: environment.globals[name] for name in _GLOBALS} | {"range": _range}
    for name in _UNWANTED:
        environment.filters.pop(name)
    own = {"json": to_json, "tojson": to_json, "envquote": envquote, "yaml": to_yaml, "words": words}
    filters = {**environment.filters, **own}
    environment.filters = {file: budget.guarded(file, run) for file, run in filters.items()}
    environment.filters.update(budget.FILTERS)
    environment.literals = sum(len(text) for _, text, _ in sources)
    environment.reads = {}
    return environment


def _put(value: object) -> object:
    if type(value) is str and len(value) <= budget.VALUE and "\0" not in value:
        budget.spend(len(value))
        return value
    if not isinstance(value, Opaque):
        budget.spend(budget.weigh(value))
    return _MARKERS.get().put(value)


def _range(*bounds: int) -> range:
    steps = range(*bounds)
    if len(steps) > RANGE_MAX:
        raise SecurityError(f"more than {RANGE_MAX} steps of range")
    return steps


def _bounded(environment: _Environment, name: str, context: Mapping[str, object]) -> str:
    pieces: list[str] = []
    length = 0
    for piece in environment.get_template(name).generate(**context):
        pieces.append(piece)
        length += len(piece)
        if length > OUTPUT_MAX:
            raise SecurityError(f"more than {OUTPUT_MAX} characters")
    return "".join(pieces)


def _problem(error: Exception, origins: Mapping[str, str], name: str) -> TemplateProblem:
    """What happened, and at which line: Jinja gives a template's frames the template's lines."""
    code = "node.env-quote" if isinstance(error, EnvUnquotable) else "template.failed"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in set(origins.values())]
    origin, line = (frames[-1].filename, frames[-1].lineno or 0) if frames else (origins[name], 0)
    return TemplateProblem(code, _explain(error), origin, line)


def _explain(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no template {error.name!r} of this node type"
    if isinstance(error, RecursionError):
        return "it calls or includes itself without end"
    known = isinstance(error, TemplateError | OutputRefused | EnvUnquotable)
    return str(error) if known else f"{type(error).__name__}: {error}"
