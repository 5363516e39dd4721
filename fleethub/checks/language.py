"""The expressions of checks: CEL, by Google's own runtime (the extra ``checks``), typed before anything is evaluated.

Bounds are the runtime's: 10,000 steps of macros, 32 levels, regular expressions without backtracking.
What is not known is missing, so that CEL's own logic decides: ``true || unknown`` is true, ``unknown`` alone an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from fleethub.checks.fields import FIELDS, FREE, LISTS, NAMES, UNKNOWABLE
from fleethub.model.dataclass import dataclass

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): ([^\n]*)")
_STATUS = re.compile(r"^[A-Z_]+: (.*?)(?: \[[A-Z_]+\])?$", re.DOTALL)
_TOKEN = re.compile(
    r"(?P<text>[rRbB]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'))"
    r"|(?P<comment>//[^\n]*)|(?P<number>\d[\w.]*)|\.\s*(?P<field>[A-Za-z_]\w*)(?P<call>\s*\()?|(?P<name>[A-Za-z_]\w*)",
    re.DOTALL,
)
_MISSING = re.compile(r'Key not found in map : "(.*?)"', re.DOTALL)
_UNSET = re.compile(r'No value with name "(?:\w+\.)?(\w+)" found in Activation')


class NoLanguage(Exception):
    """The extra that brings CEL is not installed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an expression; line and column from 1, within it (0: of all of it)."""

    message: str
    line: int = 0
    column: int = 0
    hint: str = ""


class Unanswerable(Exception):
    """An expression has no answer. ``unknown``: the field that it asks for and nobody knows; else it is at fault."""

    def __init__(self, says: str, unknown: str = "", hint: str = "") -> None:
        super().__init__(says)
        self.unknown, self.hint = unknown, hint


def installed() -> bool:
    """Whether there is what reads expressions."""
    try:
        import cel_expr_python  # noqa: F401
    except ImportError:
        return False
    return True


def problem(expression: str, about: str) -> Problem | None:
    """What is wrong with an expression that is asked of ``about``; raises NoLanguage."""
    environment = _environment(about)
    try:
        compiled = environment.compile(expression)
    except Exception as error:  # the runtime's own, which has no class
        return _syntax(str(error), about, expression)
    kind = compiled.return_type().name()
    if kind not in ("BOOL", "DYN"):
        hint = "compare it with something; of a field that is always there, has() is its value"
        return Problem(f"gives {_WORDS.get(kind, kind.lower())}, and a check is true or false", hint=hint)
    return _misspelt(expression)


def compiled(expression: str, about: str) -> Callable[[Mapping[str, Any]], bool]:
    """A function from variables to the answer, which raises Unanswerable. Raises NoLanguage."""
    program = _environment(about).compile(expression)

    def ask(given: Mapping[str, Any]) -> bool:
        try:
            value = program.eval(data=given)
        except Exception as error:  # as above
            raise _failed(str(error)) from None
        if value.type().name() == "BOOL":
            return bool(value.value())
        if value.type().name() == "ERROR":
            raise _failed(str(value.value()))
        raise Unanswerable(f"gave {_WORDS.get(value.type().name(), 'something else')}, and a check is true or false")

    return ask


def given(about: str, entry: Mapping[str, Any], lists: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of one question."""
    return {**{f"{about}.{name}": value for name, value in entry.items()}, **lists}


_WORDS = {"STRING": "text", "INT": "a number", "DOUBLE": "a number", "UINT": "a number", "NULL": "null"}
_WORDS |= {"LIST<DYN>": "a list", "LIST<STRING>": "a list", "LIST<MAP<STRING, DYN>>": "a list"}
_WORDS |= {"MAP<STRING, DYN>": "an entry", "MAP<DYN, DYN>": "an entry", "MAP<STRING, STRING>": "labels"}


@lru_cache(maxsize=8)
def _environment(about: str) -> Any:
    try:
        from cel_expr_python import cel
    except ImportError:
        raise NoLanguage from None
    kind = cel.Type
    entry = kind.Map(kind.STRING, kind.DYN)
    types = {
        "text": kind.STRING,
        "whole": kind.INT,
        "flag": kind.BOOL,
        "texts": kind.List(kind.STRING),
        "labels": entry,
        "entry": entry,
        "entries": kind.List(entry),
        "any": kind.DYN,
    }
    own = {f"{about}.{name}": types[field.type] for name, field in FIELDS[about].items()}
    return cel.NewEnv(variables={**own, **dict.fromkeys(LISTS, kind.List(entry))})


def _syntax(text: str, about: str, expression: str) -> Problem:
    """The first of what the compiler says."""
    found = _ERROR.search(text)
    if found is None or int(found[1]) < 1:
        deep = "recursion" in text
        return Problem("is nested too deeply: 32 levels, or as many operators in a row" if deep else _plain(text))
    message, line, column = found[3], int(found[1]), int(found[2])
    unknown = re.match(r"undeclared reference to '([\w.]+)'", message)
    if unknown is None:
        return Problem(message.partition(" expecting {")[0].replace("'<EOF>'", "its end"), line, column)
    name = unknown[1]
    owner, dot, rest = name.partition(".")
    if owner == about and dot:
        first = rest.partition(".")[0]
        # the compiler points at the last dot
        at = column + 1 - (len(rest) - len(rest.rpartition(".")[2]))
        return Problem(f"there is no {about}.{first}", line, at, _near(first, FIELDS[about], f"fields of a {about}"))
    if expression.split("\n")[line - 1][column - 1 : column] == "(":
        return Problem(f"there is no function {name}", line, column, "functions are those of CEL, see docs/checks.md")
    if name == about:
        return Problem(f"{name} alone is nothing", line, column, f"say which field, like {about}.name")
    close = get_close_matches(owner, (about, *LISTS), n=1)
    hint = f"a check for {about} has {about}.… and the lists {', '.join(LISTS)}"
    return Problem(f"there is no {name}", line, column, f"did you mean {close[0]}?" if close else hint)


def _misspelt(expression: str) -> Problem | None:
    """The first field behind a dot that no entry has: within lists the compiler knows no fields, and has() of one that
    does not exist would be false for ever.
    """
    tokens = list(_TOKEN.finditer(expression))
    own = {token["text"].strip("rRbB\"'") for token in tokens if token["text"]}  # keys of maps written there
    before = ""
    for token in tokens:
        name = token["field"]
        if name and not token["call"] and name not in NAMES and before not in FREE and name not in own:
            at = token.start("field")
            line, column = expression.count("\n", 0, at) + 1, at - (expression.rfind("\n", 0, at) + 1) + 1
            return Problem(f".{name} is no field of any entry", line, column, _near(name, NAMES, "fields"))
        before = name or token["name"] or ""
    return None


def _near(name: str, known: Mapping[str, object] | frozenset[str], what: str) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"{what}: {', '.join(sorted(known))}"


def _failed(text: str) -> Unanswerable:
    if (found := _UNSET.search(text)) is not None:
        return Unanswerable(f"{found[1]} is not known", unknown=found[1])
    if (found := _MISSING.search(text)) is not None:
        name = found[1]
        if name in UNKNOWABLE:
            return Unanswerable(f"{name} is not known", unknown=name)
        hint = f"labels and limits may lack one: has(….{name}) && …" if re.fullmatch(r"[A-Za-z_]\w*", name) else ""
        return Unanswerable(f"there is no {name!r}", hint=hint)
    if "Iteration budget" in text:
        return Unanswerable(
            "takes more than 10,000 steps", hint='ask it of each entry by itself, as with for = "node", not of lists'
        )
    return Unanswerable(_plain(text))


def _plain(text: str) -> str:
    found = _STATUS.match(text.strip())
    return (found[1] if found else text).strip()
