"""``[[check]]``: the fleet's own checks, each compiled where it is read, so that a mistake has a line and column."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import TYPE_CHECKING

from fleethub.fleetspec import report
from fleethub.fleetspec.positions import STRINGS
from fleethub.fleetspec.schema import Spec
from fleethub.fleetspec.sources import Sources
from fleethub.fleetspec.tables.fleet import CheckTable
from fleethub.model.finding import Finding, Severity, SourceLocation
from fleethub.model.fleet import Check
from fleethub.model.written import KeyPath

if TYPE_CHECKING:
    from fleethub.fleetspec.checks import CheckContext


def check_checks(context: CheckContext) -> Iterator[Finding]:
    """Each has a name of its own, one way to be asked, a message of fields that there are, and compiles."""
    if not context.spec.check:
        return
    from fleethub.checks.fields import TAKEN

    seen: dict[str, int] = {}
    for number, one in enumerate(context.spec.check):
        path: KeyPath = ("check", number)
        if one.name in TAKEN:
            message = f"a check cannot be called {one.name}: check.{one.name} is what is wrong with any"
            yield context.finding("spec.value", message, (*path, "name"), "give it another name")
        if one.name in seen:
            before = context.sources.at(("check", seen[one.name]))
            message = f"another [[check]] is called {one.name}, at {before}"
            yield context.finding("spec.duplicate", message, (*path, "name"), "each has a name of its own")
        seen.setdefault(one.name, number)
        if (one.expression is None) == (one.use is None):
            message = f'check {one.name} needs an expression, or use = "PACKAGE:NAME"' + (
                ", not both" if one.use else ""
            )
            hint = "keep one of the two" if one.use else "what must be true, like node.owner != ''"
            yield context.finding("spec.value" if one.use else "spec.missing", message, path, hint)
        if one.message is None and one.expression is not None:
            message = f"check {one.name} does not say what is wrong where it does not hold"
            yield context.finding("spec.missing", message, path, 'message = "…"; {name} and other fields expand')
        yield from _message(context, one, path)
        yield from _expression(context, one, path)


def _message(context: CheckContext, one: CheckTable, path: KeyPath) -> Iterator[Finding]:
    from fleethub.checks.fields import QUOTABLE

    known = QUOTABLE[one.about]
    try:
        parts = list(Formatter().parse(one.message or ""))
        bad = [name for _, name, form, way in parts if name is not None and (name not in known or form or way)]
    except ValueError:
        bad = ["{"]
    for name in bad[:1]:
        message = f"the message of check {one.name} has a brace that is no field of a {one.about}: {report.shown(name)}"
        hint = f"fields: {', '.join(f'{{{k}}}' for k in known)}; a brace itself is written twice"
        yield context.finding("spec.placeholder", message, (*path, "message"), hint)


def _expression(context: CheckContext, one: CheckTable, path: KeyPath) -> Iterator[Finding]:
    from fleethub.checks.language import NoLanguage, problem

    if one.expression is None:
        return
    try:
        wrong = problem(one.expression, one.about)
    except NoLanguage:
        return  # whoever asks the checks says so; nobody else needs it
    if wrong is None:
        return
    where = (*path, "expression")
    shown: tuple[str, ...] = ()
    place = context.sources.at(where)
    if wrong.line and place is not None:
        place = inside(context.sources, place, wrong.line, wrong.column)
        line = one.expression.split("\n")[wrong.line - 1]
        shown = (line.replace("\t", " "), " " * (wrong.column - 1) + "^")
    message = f"the expression of check {one.name}: {wrong.message}"
    yield Finding("spec.expression", report.redacted(message), None, place, report.redacted(wrong.hint), shown)


def inside(sources: Sources, start: SourceLocation, line: int, column: int) -> SourceLocation:
    """Where a line and column of a string are in the file in which it begins at ``start``; without the column where
    escapes move it.
    """
    text = sources.files[start.file].decode().replace("\r\n", "\n").split("\n")
    rest = "\n".join((text[start.line - 1][start.column - 1 :], *text[start.line :]))
    quotes = next((q for q in STRINGS if rest.startswith(q)), "")
    if not quotes:
        return start
    written = rest.removeprefix(quotes)
    if quotes[0] == '"' and "\\" in written.partition(quotes)[0]:
        return start
    down = line - 1 + (len(quotes) == 3 and written.startswith("\n"))  # that line break is none of the text
    if down:
        return SourceLocation(start.file, start.line + down, column)
    return SourceLocation(start.file, start.line, start.column + len(quotes) + column - 1)


def own_checks(spec: Spec, sources: Sources) -> tuple[Check, ...]:
    """Those of a spec without errors."""
    return tuple(
        Check(
            name=one.name,
            about=one.about,
            severity=Severity(one.severity),
            expression=one.expression or "",
            use=one.use or "",
            message=one.message or "",
            hint=one.hint or "",
            place=sources.at(("check", number)),
            at=sources.at(("check", number, "expression" if one.expression else "use")),
        )
        for number, one in enumerate(spec.check)
    )
