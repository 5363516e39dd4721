"""Renders one template in a sandbox: no file but the node type's own templates, no attribute of ours, nothing
random, and bounds on what it may compute. Whatever goes wrong is a ``TemplateProblem`` with a line.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from fleethub.model.secret import Text
from fleethub.rendering.filters import EnvUnquotable, envquote, to_json, to_yaml, words
from fleethub.rendering.slots import Markers, OutputRefused, hide

#: Bounds of one rendering: characters of output, steps of all ``range`` together, characters of one product.
OUTPUT_MAX = 1 << 20
RANGE_MAX = 100_000
PRODUCT_MAX = 1 << 16

_UNBOUNDED = ("format", "format_map", "center", "ljust", "rjust", "zfill", "expandtabs")
_GLOBALS = ("dict", "namespace")
_UNWANTED = ("random", "pprint", "urlize", "xmlattr", "center", "indent", "wordwrap", "format")


class TemplateProblem(Exception):
    """Why a template gave no text. ``origin`` and ``line`` (0: unknown) say where."""

    def __init__(self, code: str, message: str, origin: str, line: int) -> None:
        super().__init__(message)
        self.code, self.message, self.origin, self.line = code, message, origin, line


@dataclass(slots=True)
class _Rendering:
    """What one rendering has put out and spent; the compiled templates are shared."""

    markers: Markers = field(default_factory=Markers)
    steps: int = 0


_CURRENT: ContextVar[_Rendering] = ContextVar("rendering")


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with products and formats bounded too."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """``*``, ``**`` and ``%`` on numbers and short texts only."""
        if operator == "%" and not isinstance(left, int | float):
            raise SecurityError("the % of texts is not available")
        if operator == "**" and not (isinstance(right, int) and abs(right) <= 64):
            raise SecurityError("an exponent above 64")
        for one, other in ((left, right), (right, left)):
            if operator == "*" and hasattr(one, "__len__") and len(one) * abs(int(other)) > PRODUCT_MAX:
                raise SecurityError("a text or list repeated too often")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """None: ``format`` is an attribute like others, and refused below."""
        return None

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """No methods of texts that pad or format without a bound."""
        if isinstance(obj, str) and attr in _UNBOUNDED:
            return False
        return super().is_safe_attribute(obj, attr, value)


def render_text(sources: Mapping[str, str], name: str, context: Mapping[str, object]) -> Text:
    """One template's output; ``sources`` are the files that it may include. Raises ``TemplateProblem``."""
    origins = {file: getattr(text, "origin", file) for file, text in sources.items()}
    problem = getattr(sources[name], "problem", "")
    if problem or "\0" in "".join(sources.values()):
        raise TemplateProblem("template.failed", problem or "a NUL character in a template", origins[name], 0)
    environment = _environment(tuple(sorted((file, str(text), origins[file]) for file, text in sources.items())))
    rendering = _Rendering()
    token = _CURRENT.set(rendering)
    try:
        output = _bounded(environment, name, {key: hide(value) for key, value in context.items()})
        return rendering.markers.cut(output)
    except TemplateSyntaxError as error:
        origin = error.filename or origins[name]
        raise TemplateProblem("template.failed", str(error.message), origin, error.lineno) from None
    except Exception as error:  # a template can raise whatever Python can
        raise _problem(error, origins, name) from None
    finally:
        _CURRENT.reset(token)


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
        finalize=lambda value: _CURRENT.get().markers.put(value),
        loader=FunctionLoader(load),
    )
    environment.globals = {name: environment.globals[name] for name in _GLOBALS} | {"range": _range}
    for name in _UNWANTED:
        environment.filters.pop(name)
    own = {"json": to_json, "tojson": to_json, "envquote": envquote, "yaml": to_yaml, "words": words}
    environment.filters.update(own)
    return environment


def _range(*bounds: int) -> range:
    steps = range(*bounds)
    rendering = _CURRENT.get()
    rendering.steps += len(steps)
    if rendering.steps > RANGE_MAX:
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
