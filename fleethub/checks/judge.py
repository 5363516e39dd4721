"""What is wrong by a fleet's own checks, as findings."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from string import Formatter
from typing import Any

from fleethub.checks.answers import CheckAnswer, Evaluate
from fleethub.checks.view import Subject, View
from fleethub.model.address import Address
from fleethub.model.extras import install
from fleethub.model.finding import CHECK, Finding, Severity
from fleethub.model.fleet import Check, Fleet
from fleethub.model.text import heard, named, plural

UNKNOWN = "check.unknown"
#: The hint of an answer that an extra is missing for.
EXTRA = "extra"


def judged(fleet: Fleet, view: View, evaluate: Evaluate, left: Container[Address] = ()) -> tuple[Finding, ...]:
    """What every check of the fleet finds, but of what is ``left`` out of the plan."""
    answers = evaluate(fleet.checks, view.document())
    alone = {one.address for one in fleet.acknowledged if one.code == UNKNOWN and one.address is not None}
    found = list(_without_language(fleet.checks, answers))
    for number, check in enumerate(fleet.checks):
        subjects = view.subjects.get(check.about, ())
        mine = [
            a
            for a in answers
            if a.check == number and a.hint != EXTRA and (a.entry < 0 or subjects[a.entry].address not in left)
        ]
        found += _of(check, subjects, mine, alone)
    return tuple(found)


def _without_language(checks: Sequence[Check], answers: Iterable[CheckAnswer]) -> Iterator[Finding]:
    """One finding, however many checks are expressions that nobody here can read."""
    lack = {one.check: one for one in answers if one.hint == EXTRA}
    several = [checks[number] for number in sorted(lack)]
    if not several:
        return
    first, says = several[0], lack[checks.index(several[0])].says
    who = f"check {first.name} has" if len(several) == 1 else f"checks {', '.join(c.name for c in several)} have"
    place = first.at or first.place
    worst = next((c.severity for c in several if c.severity is Severity.ERROR), first.severity)
    message = f"the {who} no answer: {says}"
    yield Finding("check.failed", message, None, place, install("checks"), severity_override=worst)


def _of(
    check: Check, subjects: Sequence[Subject], answers: Sequence[CheckAnswer], alone: Container[Address]
) -> Iterator[Finding]:
    """``alone``: what is not known of these is told apart, for the spec accepts it of each."""
    for one in answers:
        if one.outcome == "wrong":
            yield _wrong(check, one, subjects[one.entry])
    for (says, _), several in _alike(one for one in answers if one.outcome == "unknown").items():
        about = [subjects[one.entry] for one in several]
        yield from (_unknown(check, says, [one]) for one in about if one.address in alone)
        if together := [one for one in about if one.address not in alone]:
            yield _unknown(check, says, together)
    for (says, hint), several in _alike(one for one in answers if one.outcome == "failed").items():
        yield _failed(check, says, hint, [subjects[one.entry] for one in several if one.entry >= 0])


def _alike(answers: Iterable[CheckAnswer]) -> Mapping[tuple[str, str], list[CheckAnswer]]:
    found: dict[tuple[str, str], list[CheckAnswer]] = {}
    for one in answers:
        found.setdefault((one.says, one.hint), []).append(one)
    return found


def _wrong(check: Check, answer: CheckAnswer, subject: Subject) -> Finding:
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
    """One finding for all entries of which it is not known. About several it has no address: who accepts it of one does
    not accept it of the others.
    """
    first, several = about[0], len(about) > 1
    address, place = (None, check.place) if several else (first.address, first.place)
    more = f", and of {plural(len(about) - 1, 'other')} alike" if several else ""
    message = f"whether the check {check.name} holds of {first.address}{more} is not known: {named(field)} is not known"
    hint = f"what is not known is named in {check.about}.unknown, so that a check can say what holds then"
    return Finding(UNKNOWN, message, address, place, hint, (f"by the check at {check.place}",))


def _failed(check: Check, says: str, hint: str, about: Sequence[Subject]) -> Finding:
    """About the check, not about an entry: what it would have said of any is not known."""
    of = f" of {about[0].address}" if about else ""
    of += f" and {plural(len(about) - 1, 'other')}" if len(about) > 1 else ""
    message = f"the check {check.name} has no answer{of}: {heard(says, 400)}"
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
