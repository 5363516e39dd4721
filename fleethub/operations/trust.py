"""Who is trusted with what: the record of this machine, what a terminal agrees to, and what a command line names.

A credential goes to an origin, and a command runs, only when one of the three knows it. Nothing else is contacted.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from pathlib import Path

from fleethub import folders
from fleethub.kinds.node.attributes import NodeAttrs
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.finding import FOR_PEOPLE, Finding
from fleethub.model.fleet import Fleet
from fleethub.model.observation import AnyLocked, Lockfile
from fleethub.model.secret import SecretRef
from fleethub.model.trust import COMMAND, CommandUse, Guard, OriginUse, TrustRecord, digest, origin_of, runs, uses
from fleethub.state import trust as kept

VARIABLE = "FLEETHUB_TRUST"
HAND = "named by hand"
_REF = re.compile(r",(?=(?:env|file|command):)")


class TrustInputError(FleetHubError):
    """What was given as trusted cannot be used; the message says what is allowed."""

    code = "trust.input"


@dataclass(frozen=True, slots=True)
class New:
    """What this machine does not know yet: as the spec has it, with what it was before, fit to be shown."""

    uses: tuple[OriginUse, ...] = ()
    runs: tuple[CommandUse, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trusting:
    """How a command may come to trust: ``items`` of ``--trust``; ``ask`` shows what is new and returns yes or no."""

    items: tuple[str, ...] = ()
    ask: Callable[[New], bool] | None = None


ALONE = Trusting()  # nobody is there to ask


@dataclass(frozen=True, slots=True)
class Settled:
    """What may be contacted and run, and what not. ``blocks``: block or address -> why nothing is sent for it."""

    guard: Guard
    findings: tuple[Finding, ...] = ()
    blocks: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, SecretRef] = field(default_factory=dict)  # by URL or origin

    def credential(self, at: str) -> SecretRef | None:
        """What goes to a URL that only the lockfile names."""
        return self.references.get(at) or self.references.get(origin_of(at))


@dataclass(frozen=True, slots=True)
class Given:
    """``--trust`` and FLEETHUB_TRUST: origin -> the references that may go there (none: the spec's); commands."""

    origins: Mapping[str, tuple[SecretRef, ...]] = field(default_factory=dict)
    commands: frozenset[str] = frozenset()

    def knows(self, use: OriginUse) -> bool:
        """Whether it names the origin, and the reference unless it leaves that to the spec."""
        if use.origin not in self.origins:
            return False
        said = self.origins[use.origin]
        return not said or use.credential is None or use.credential in said


def given(items: Iterable[str]) -> Given:
    """Read ``URL[=REF]``, ``COMMAND`` or ``sha256:DIGEST`` of one; raises TrustInputError."""
    origins: dict[str, tuple[SecretRef, ...]] = {}
    commands = set()
    for item in items:
        if item.strip() in ("", "*"):
            raise TrustInputError(f"{item!r} trusts nothing in particular; name a URL[=REF] or a COMMAND")
        if match := re.fullmatch(r"(?:https?|ssh|s3|gs|az)://[^\s=]+(?:=(.+))?", item, re.DOTALL):
            references = tuple(_REF.split(match[1])) if match[1] else ()
            if any(not re.match(r"(env|file|command):.", one) for one in references):
                raise TrustInputError(f"{item!r}: after = stands a reference: env:NAME, file:PATH or command:ARGV")
            origin = origin_of(item.partition("=")[0])
            origins[origin] = (*origins.get(origin, ()), *((SecretRef(references),) if references else ()))
        elif re.fullmatch(r"sha256:[0-9a-f]{64}", item):
            commands.add(item.removeprefix("sha256:"))
        elif "://" in item.split()[0]:
            raise TrustInputError(f"{item!r} is no http://, https://, ssh://, s3://, gs:// or az:// URL")
        elif not _words(item.removeprefix(COMMAND)):
            raise TrustInputError(f"{item!r} is no command: it has no word, or a quote without its end")
        else:
            commands.add(digest(item.removeprefix(COMMAND)))
    return Given(origins, frozenset(commands))


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return []


def record_of(fleet: Fleet, lockfile: Lockfile | None) -> tuple[tuple[Path, ...], TrustRecord | None]:
    """Where the record of a fleet is kept, and what it says; raises state.trust.TrustError."""
    lineage = lockfile.lineage if lockfile else ""
    places = kept.places(Path(fleet.root), fleet.id, lineage)
    return places, kept.read(places)


def settle(fleet: Fleet, lockfile: Lockfile | None, trusting: Trusting = ALONE) -> Settled:
    """What this command may contact and run; asks once, with the whole list, where there is somebody to ask.

    Raises TrustInputError and state.trust.TrustError.
    """
    said = given((*trusting.items, *os.environ.get(VARIABLE, "").split()))
    places, record = record_of(fleet, lockfile)
    known = record or TrustRecord()
    new = unknown(fleet, known, said)
    if (new.uses or new.runs) and trusting.ask is not None and trusting.ask(new):
        known = known.with_uses(_whole(fleet, new.uses), new.runs)
        kept.write(places, known, fleet.name)
        new = unknown(fleet, known, said)
    return _settled(fleet, lockfile, known, said, new)


def unknown(fleet: Fleet, record: TrustRecord, said: Given = Given()) -> New:
    """What the spec uses and neither the record nor the command line knows."""
    fresh = tuple(use for use in uses(fleet) if not record.knows(use) and not said.knows(use))
    unrun = tuple(run for run in runs(fleet) if not record.runs(run.line) and digest(run.line) not in said.commands)
    lines = [_line(use, record) for use in fresh]
    lines += [f"runs {run.line} ({run.what})" for run in unrun]
    return New(fresh, unrun, tuple(dict.fromkeys(lines)))


def _whole(fleet: Fleet, some: Iterable[OriginUse]) -> list[OriginUse]:
    """Every use of the origins of some: what may go to an origin is recorded as a whole."""
    origins = {use.origin for use in some}
    return [use for use in uses(fleet) if use.origin in origins]


def _line(use: OriginUse, record: TrustRecord) -> str:
    """One use for people, with what it was when it was last known."""
    text = f"{use.origin} ({use.what})"
    if use.credential is not None:
        text += f", which gets {use.credential}"
    here = record.origins.get(use.origin)
    if here is not None and use.credential is not None:
        return text + f"; known with {' and '.join(map(str, here.credentials)) or 'no credential'}"
    before = [origin for origin, known in record.origins.items() if use.what in known.uses and origin != use.origin]
    return text + (f"; it was {', '.join(before)}" if before else "")


def command_line(new: New) -> str:
    """The line that adds what is new, to be typed or pasted."""
    items: list[str] = []
    for use in new.uses:
        credential = f"={','.join(use.credential.alternatives)}" if use.credential else ""
        items.append(use.origin + credential)
    named = {item.partition("=")[0] for item in items if "=" in item}
    items = [item for item in dict.fromkeys(items) if "=" in item or item not in named]
    items += [COMMAND + run.line for run in new.runs]
    return shlex.join(["fleethub", "trust", "add", *dict.fromkeys(items)])


def _settled(fleet: Fleet, lockfile: Lockfile | None, record: TrustRecord, said: Given, new: New) -> Settled:
    wrong = {use.origin for use in new.uses}
    origins = {*(use.origin for use in uses(fleet)), *record.origins, *said.origins} - wrong
    guard = Guard(frozenset(origins), frozenset({*record.commands, *said.commands}))
    blocks = {
        use.of: f"{use.origin} is not known on this machine, so nothing is sent there"
        for use in uses(fleet)
        if use.origin in wrong and not use.of.startswith("backend.")
    }
    blocks |= {
        run.what.partition(" ")[0]: f"its command {run.line!r} is not known on this machine, so it does not run"
        for run in new.runs
        if run.acts
    }
    findings = list(_findings(fleet, new))
    for address, locked in sorted((lockfile.resources if lockfile else {}).items()):
        for stop in _stops(locked):
            if guard.runs(stop) or str(address) in blocks:
                continue
            blocks[str(address)] = f"{stop!r}, with which fleet.lock ends it, is not known on this machine"
            message = f"only fleet.lock names the command {stop!r}, and this machine does not know it: it does not run"
            hint = "look how it came into fleet.lock; where it is right: "
            hint += shlex.join(["fleethub", "trust", "add", COMMAND + stop])
            findings.append(Finding("command.new", message, address, hint=hint))
        origin = origin_of(locked.source.at)
        if not origin or origin in origins or origin in wrong:
            continue
        blocks[str(address)] = f"fleet.lock says that it is at {origin}, which this machine does not know"
        findings.append(
            Finding(
                "origin.new",
                f"only fleet.lock names {origin}, and this machine does not know it: nothing was sent there",
                address,
                hint="look how it came into fleet.lock; where it is right: "
                + shlex.join(["fleethub", "trust", "add", origin])
                + ("=REF, with its master key's reference" if locked.source.system == "litellm" else ""),
            )
        )
    references = {origin: known.credentials[0] for origin, known in record.origins.items() if known.credentials}
    references |= {origin: refs[0] for origin, refs in said.origins.items() if refs}
    references |= {use.origin: use.credential for use in uses(fleet) if use.credential is not None}
    references |= {proxy.admin_url: proxy.master_key for proxy in fleet.proxies.values()}
    return Settled(guard, tuple(findings), blocks, {at: r for at, r in references.items() if guard.allows(at)})


def _stops(locked: AnyLocked) -> list[str]:
    """The commands with which a node is ended, of the lockfile."""
    sides = (locked.attrs, locked.pending.attrs if locked.pending else None)
    return [shlex.join(side.stop) for side in sides if isinstance(side, NodeAttrs) and side.stop]


def _findings(fleet: Fleet, new: New) -> Iterable[Finding]:
    line = f"if they are right: {command_line(new)}"
    if new.uses:
        origins = list(dict.fromkeys(use.origin for use in new.uses))
        many = f"{len(origins)} origins are" if len(origins) > 1 else f"{origins[0]} is"
        yield Finding(
            "origin.new",
            f"{many} not known on this machine, so nothing was sent there; what depends on it is unknown",
            hint=line,
            detail=tuple(text for text in new.lines if not text.startswith("runs ")),
        )
    if new.runs:
        many = f"{len(new.runs)} commands are" if len(new.runs) > 1 else "a command is"
        yield Finding(
            "command.new",
            f"{many} not known on this machine, so nothing was run; what depends on it is unknown",
            hint="" if new.uses else line,
            detail=tuple(text for text in new.lines if text.startswith("runs ")),
        )


def says(findings: Iterable[Finding]) -> Iterable[str]:
    """What is not known, one line each with what to type: for who reads no plan (cron, ``serve``)."""
    for finding in findings:
        if finding.code in FOR_PEOPLE:
            yield f"{finding.message}" + (f"; {finding.hint}" if finding.hint else "")


def remember(fleet: Fleet, lockfile: Lockfile | None) -> Path:
    """Record everything that the spec uses now, as somebody who wrote it himself may; raises TrustError."""
    places, record = record_of(fleet, lockfile)
    return kept.write(places, (record or TrustRecord()).with_uses(uses(fleet), runs(fleet)), fleet.name)


def moved(fleet: Fleet, lockfile: Lockfile) -> None:
    """After a first apply: what was known of the folder is known of the lineage. Raises TrustError."""
    places, record = record_of(fleet, lockfile)
    try:
        there = folders.exists(places[0])
    except OSError as error:
        raise kept.TrustError(f"{places[0]} cannot be looked at: {error.strerror}") from None
    if record is not None and not there:
        kept.write(places, record, fleet.name)
