"""Checks of ``[consumers]``: one place for a key, and fields that go together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from fleethub import nodetypes
from fleethub.fleetspec import report
from fleethub.fleetspec.checks import CheckContext, check_role
from fleethub.fleetspec.merge import program
from fleethub.fleetspec.tables.consuming import ConsumerTable
from fleethub.fleetspec.targets import SSH, Refused, expand, expand_words
from fleethub.model.finding import Finding
from fleethub.model.written import KeyPath
from fleethub.nodetypes import tangleclaw
from fleethub.nodetypes.sink.words import PLACEHOLDERS

#: Where a key may go.
PLACES = ("env", "file", "command", "type")
#: What says nothing without the field that it goes with.
WITH = {
    "settings": "file",
    "files": "type",
    "manage": "type",
    "stdin": "command",
    "check": "command",
    "remove": "command",
}

#: The machine where a command runs (empty: here), its words, and what else it is told.
Taker = tuple[str, tuple[str, ...], str]

#: What standard input may have that does not say whose key it is.
ANONYMOUS = ("key", "env", "json-string")


def check_consumers(context: CheckContext) -> Iterator[Finding]:
    """Every consumer by itself; what it has in common with nodes is checked with them."""
    takers: dict[tuple[str, Taker], str] = {}
    for name, table in context.spec.consumers.items():
        yield from _check(context, name, table)
        for field, taker in _takers(name, table):
            if (other := takers.setdefault((field, taker), name)) != name:
                message = f"{field} is that of {report.shown(other)}, word for word: one place for two keys"
                path: KeyPath = ("consumers", name, field)
                hint = "write {name} into it" + (", or a path below its target" if taker[0] else "")
                yield context.finding("spec.duplicate", message, path, hint)


def _takers(name: str, table: ConsumerTable) -> Iterator[tuple[str, Taker]]:
    """The words of its commands that lead to one place: all that run in the fleet's folder, and on one machine those
    that name a whole path there, for each of them runs in a folder of its own.

    A command that is told the name on standard input may know by that whose key it has.
    """
    if table.command is None:
        return
    with suppress(Refused):
        target = expand(table.target, "", name)
        far = SSH.fullmatch(target)
        host, door = (far[2], f"{far[2].casefold()}:{far[3] or 22}") if far else ("", "")
        words = expand_words(table.command, host, name, PLACEHOLDERS)
        told = any(f"{{{one}}}" in word for word in words for one in PLACEHOLDERS if one != "generation")
        if table.stdin in ANONYMOUS and _one_place(words, door):
            yield "command", (door, words, f"{table.model} {table.fallbacks}" if told else "")
        if table.check and _one_place(check := expand_words(table.check, host, name), door):
            yield "check", (door, check, "")


def _one_place(words: Sequence[str], door: str) -> bool:
    """Whether a command leads to the same place from whichever folder it runs in."""
    return not door or any(re.match(r"(?:[^/]*=)?[~/]", word) for word in words[1:])


def _check(context: CheckContext, name: str, table: ConsumerTable) -> Iterator[Finding]:
    """What a consumer calls, and the one place where its key goes."""
    path: KeyPath = ("consumers", name)
    yield from check_role(context, path, table)
    if name in context.defined["nodes"]:
        message = f"{report.shown(name)} is a node already, and both would have one key by default"
        yield context.finding("spec.duplicate", message, path, "give one of them another name")
    places = [place for place in PLACES if getattr(table, place) is not None]
    if not table.type and program(table):
        places.append("profile")
    if len(places) != 1 and not context.validated.incomplete(*map(str, path)):
        message = f"consumer {name} needs env, file, command, type or profile, one of them: where its key goes"
        hint = 'write env = { file = ".env" }, file = "key", command = [ARGUMENTS], type = "codex" or profile = "NAME"'
        yield context.finding("spec.value" if places else "spec.missing", message, path, hint)
    for field, place in WITH.items():
        if field in table.model_fields_set and getattr(table, place) is None:
            message = f"{field} goes with {place}, and says nothing without it"
            yield context.finding("spec.value", message, (*path, field), f"take it out, or write {place}")
    if table.type is not None and table.type not in nodetypes.clients():
        message = f"type {report.shown(table.type)} is no program that FleetHub knows the settings of"
        yield context.finding("spec.value", message, (*path, "type"), f"one of {', '.join(nodetypes.clients())}")
    yield from _profile(context, path, table)
    far = table.target.startswith("ssh://")
    if table.restart and not far and table.command is None:
        message = "restart is run at an ssh:// target; in a folder of the fleet nothing is run"
        yield context.finding("spec.value", message, (*path, "restart"), 'write target = "ssh://user@host/path"')
    if table.command is not None and "target" in table.model_fields_set and not far:
        message = "command is run in the fleet's folder, or at an ssh:// target"
        hint = 'take target out, or write target = "ssh://user@host/path"'
        yield context.finding("spec.value", message, (*path, "target"), hint)
    yield from _words(context, path, table)


def _profile(context: CheckContext, path: KeyPath, table: ConsumerTable) -> Iterator[Finding]:
    """A profile where its program has none, or said twice."""
    if table.profile is None:
        return
    own = tangleclaw.NAME
    if table.type not in (None, own):
        message = f"profile is TangleClaw's, and {report.shown(table.type or '')} has none"
        yield context.finding("spec.value", message, (*path, "profile"), f"take it out, or type: it is {own}'s then")
    if table.tangleclaw is not None and table.tangleclaw.profiles:
        message = "profile and tangleclaw.profiles say the same thing, each in its way"
        yield context.finding("spec.duplicate", message, (*path, "profile"), "take one of them out")


def _words(context: CheckContext, path: KeyPath, table: ConsumerTable) -> Iterator[Finding]:
    """Placeholders that its commands do not have."""
    if table.command is None:
        return
    fields = (("command", PLACEHOLDERS), ("restart", PLACEHOLDERS), ("check", ()), ("remove", ()))
    for field, later in fields:
        for number, word in enumerate(getattr(table, field) or ()):
            try:
                expand_words((word,), "h", "n", later)
            except Refused as refused:
                yield context.finding("spec.placeholder", f"{field} {refused}", (*path, field, number), refused.hint)
