"""``python -m fleethub.checks.worker SECONDS``: asks checks in a process that knows no secret and may be ended.

It reads one question (``answers.question``) and writes an answer a line, and ``{"done": N}`` after each check. Its
processor time and memory are bounded, so that no expression and no function takes a plan with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import entry_points
from typing import IO, Any

from fleethub.checks.answers import LONGEST_SAYS, MOST_SAYS, CheckAnswer, unknown, variables
from fleethub.checks.language import NoLanguage, Unanswerable, compiled, given
from fleethub.checks.public import GROUP, Entry, Lists, Unknown

MEMORY = 4 << 30  # bytes of address space

Ask = Callable[[Mapping[str, Any]], Iterable[str]]


def main(seconds: int) -> None:
    """Answer what is on standard input; whatever a function prints, by whatever way, goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asked = json.load(sys.stdin)
    _bounded(seconds)
    view = asked["view"]
    for one in asked["checks"]:
        for answer in answers(one, view):
            _write(out, asdict(answer))
        _write(out, {"done": one["number"]})


def _bounded(seconds: int) -> None:
    for what, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MEMORY)):
        with contextlib.suppress(OSError, ValueError):  # not every system bounds memory
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


def _write(out: IO[str], line: Mapping[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


def answers(one: Mapping[str, Any], view: Mapping[str, Any]) -> Iterator[CheckAnswer]:
    """What one check of a question says, where it does not hold."""
    number, about = one["number"], one["about"]
    try:
        ask = _expression(one["expression"], about, view) if one["expression"] else _function(one["use"], view)
    except Unanswerable as error:
        yield CheckAnswer(number, -1, "failed", str(error), error.hint)
        return
    for at, entry in enumerate(view[about]):
        try:
            said = list(_short(ask(entry)))
        except Unanswerable as error:
            yield CheckAnswer(
                number, at, "unknown" if error.unknown else "failed", error.unknown or str(error), error.hint
            )
        except BaseException as error:  # a function can raise whatever Python can, SystemExit too
            yield CheckAnswer(number, at, "failed", f"{type(error).__name__}: {error}"[:LONGEST_SAYS])
        else:
            yield from (CheckAnswer(number, at, "wrong", says) for says in said)


def _expression(expression: str, about: str, view: Mapping[str, Any]) -> Ask:
    try:
        holds = compiled(expression, about)
    except NoLanguage:
        raise Unanswerable("expressions are CEL, which is not installed here", hint="extra") from None
    lists, nobody_knows = variables(view), unknown(view)

    def ask(entry: Mapping[str, Any]) -> Iterable[str]:
        try:
            return () if holds(given(about, entry, lists)) else ("",)
        except Unanswerable as error:  # of another sort, or a label, of a name that only what is known has
            if error.unknown and error.unknown not in nobody_knows:
                raise Unanswerable(f"there is no {error.unknown!r}") from None
            raise

    return ask


def _function(use: str, view: Mapping[str, Any]) -> Ask:
    """The function of an entry point, by its package and name; only what a check names is imported."""
    package, _, name = use.partition(":")
    found = [
        point
        for point in entry_points(group=GROUP, name=name)
        if point.dist is not None and _same(point.dist.metadata["Name"], package)
    ]
    if not found:
        there = sorted(f"{p.dist.metadata['Name']}:{p.name}" for p in entry_points(group=GROUP) if p.dist is not None)
        hint = f"there are: {', '.join(there)}" if there else f"install {package} where FleetHub is"
        raise Unanswerable(f"no installed package brings the entry point {use} of {GROUP}", hint=hint)
    try:
        function = found[0].load()
    except BaseException as error:
        raise Unanswerable(f"{use} cannot be imported: {type(error).__name__}: {error}"[:LONGEST_SAYS]) from None
    if not callable(function):
        raise Unanswerable(f"{use} is no function")
    lists = Lists({name: [Entry(one) for one in entries] for name, entries in variables(view).items()})
    return lambda entry: _said(function, Entry(entry), lists)


def _same(one: str, other: str) -> bool:
    return one.lower().replace("_", "-").replace(".", "-") == other.lower().replace("_", "-").replace(".", "-")


def _said(function: Callable[..., Any], entry: Entry, lists: Mapping[str, Any]) -> Sequence[str]:
    try:
        said = function(entry, lists)
    except Unknown as error:
        raise Unanswerable(f"{error.field} is not known", unknown=error.field) from None
    if said is None or said is True:
        return ()
    if said is False:
        return ("",)
    if isinstance(said, str):
        return (said,)
    every = list(said) if isinstance(said, Iterable) else [None]
    texts = [text for text in every if isinstance(text, str)]
    if len(texts) != len(every):
        raise Unanswerable(f"returned {type(said).__name__}, and a check returns None, true, false or texts")
    return texts


def _short(texts: Iterable[str]) -> Iterator[str]:
    every = list(texts)
    yield from (text[:LONGEST_SAYS] for text in every[:MOST_SAYS])
    if len(every) > MOST_SAYS:
        yield f"and {len(every) - MOST_SAYS} more"


if __name__ == "__main__":
    main(int(sys.argv[1]))
