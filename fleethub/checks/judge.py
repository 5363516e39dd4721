"""What is wrong by a fleet's own checks, as findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import Formatter
from typing import Any

from fleethub.checks.answers import Answer, Evaluate
from fleethub.checks.view import Subject, View
from fleethub.model.extras import install
from fleethub.model.finding import CHECK, Finding
from fleethub.model.fleet import Check, Fleet
from fleethub.model.text import heard, named, plural


def judged(fleet: Fleet, view: View, evaluate: Evaluate | None) -> tuple[Finding, ...]:
    """What every check of the fleet finds; without somebody who evaluates them nothing is known of any."""
    if not fleet.checks or evaluate is None:
        return ()
    answers = evaluate(fleet.checks, view.document())
    return tuple(f for number, check in enumerate(fleet.checks) for f in _of(number, check, view, answers))


def _of(number: int, check: Check, view: View, answers: Sequence[Answer]) -> Iterator[Finding]:
    subjects = view.subjects.get(check.about, ())
    mine = [one for one in answers if one.check == number]
    for one in mine:
        if one.outcome == "wrong":
            yield _wrong(check, one, subjects[one.entry])
    for outcome in ("unknown", "failed"):
        for (says, hint), several in _alike(one for one in mine if one.outcome == outcome).items():
            about = [subjects[one.entry] for one in several if one.entry >= 0]
            yield _unknown(check, says, about) if outcome == "unknown" else _failed(check, says, hint, about)


def _alike(answers: Iterable[Answer]) -> Mapping[tuple[str, str], list[Answer]]:
    found: dict[tuple[str, str], list[Answer]] = {}
    for one in answers:
        found.setdefault((one.says, one.hint), []).append(one)
    return found


def _wrong(check: Check, answer: Answer, subject: Subject) -> Finding:
    message = heard(answer.says, 400) if answer.says else _filled(check.message, subject.entry)
    return Finding(
        CHECK + check.name,
        message or f"{subject.address} is not as the check {check.name} wants it",
        subject.address,
        subject.place or check.place,
        check.hint,
        (f"by the check at {check.place}",),
        check.severity,
    )


def _unknown(check: Check, field: str, about: Sequence[Subject]) -> Finding:
    """One finding for all entries of which it is not known."""
    first = about[0]
    more = f", and of {plural(len(about) - 1, 'other')} alike" if len(about) > 1 else ""
    message = f"whether the check {check.name} holds of {first.address}{more} is not known: {named(field)} is not known"
    hint = f"what is not known is named in {check.about}.unknown, so that a check can say what holds then"
    return Finding("check.unknown", message, first.address, first.place, hint, (f"by the check at {check.place}",))


def _failed(check: Check, says: str, hint: str, about: Sequence[Subject]) -> Finding:
    """About the check, not about an entry: what it would have said of any is not known."""
    of = f" of {about[0].address}" if about else ""
    of += f" and {plural(len(about) - 1, 'other')}" if len(about) > 1 else ""
    message = f"the check {check.name} has no answer{of}: {heard(says, 400)}"
    hint = install("checks") if hint == "extra" else hint
    return Finding("check.failed", message, None, check.at or check.place, hint, severity_override=check.severity)


def _filled(message: str, entry: Mapping[str, Any]) -> str:
    """The message with the fields that it quotes; it was checked where it was read."""
    parts = []
    for text, name, _, _ in Formatter().parse(message):
        parts.append(text)
        if name:
            value = entry.get(name)
            parts.append("(unknown)" if value is None else named(str(value)) if str(value) else "(none)")
    return "".join(parts)
