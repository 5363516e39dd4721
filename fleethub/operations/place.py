"""Where each model of the fleet should lie: a proposal, its diff of the spec, and the edit that writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fleethub.engines.registry import lacks, nowhere
from fleethub.fleetspec import Loaded, load
from fleethub.fleetspec.blocks import Names
from fleethub.fleetspec.edit import Edited, with_values
from fleethub.model.address import Address
from fleethub.model.dataclass import dataclass
from fleethub.model.edit import Proposal
from fleethub.model.errors import SpecError
from fleethub.model.exit import Exit
from fleethub.model.fleet import Fleet
from fleethub.model.placing import Placing
from fleethub.model.text import plural
from fleethub.operations.capacity import LookResult
from fleethub.operations.edit import begun, concluded, judged
from fleethub.operations.edit_ownership import block_owned, who_asks
from fleethub.operations.outcome import Outcome
from fleethub.operations.text_diff import diff_lines
from fleethub.operations.trust import ALONE, Trusting
from fleethub.placement.ask import AskError, backend_of
from fleethub.placement.moves.propose import propose


@dataclass(frozen=True, slots=True)
class PlaceInput:
    """``drain``: backends that are to be emptied. ``exact`` False: no solver is asked."""

    drain: tuple[str, ...] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True)
class PlaceResult:
    """``diff``: of the spec's files, for whoever writes it by hand."""

    placing: Placing
    diff: tuple[str, ...] = ()


def run(looked: LookResult, asked: PlaceInput) -> Outcome[Placing]:
    """The proposal, from what was read; 3 where primaries, or what is to leave, cannot all be housed, 1 where nothing
    is known. Raises AskError.
    """
    fleet = looked.fleet
    for name in asked.drain:
        if backend_of(fleet, name).engine is None:
            raise AskError(lacks(fleet.backends[name]))
    if all(backend.engine is None for backend in fleet.backends.values()):
        raise AskError(nowhere())
    found = propose(fleet, looked.facts, asked.drain, asked.exact)
    lacking = found.after.leaving or found.after.broken
    return Outcome(found, Exit.REFUSED if lacking else Exit.FINE if found.known else Exit.ERROR)


def shown(path: Path, looked: LookResult, asked: PlaceInput) -> Outcome[PlaceResult]:
    """The same with the diff of the spec, which is empty where that was changed since it was looked at; writes nothing.
    Raises AskError and EditError.
    """
    done, spec = run(looked, asked), load(path)
    diff = tuple(diff_of(spec, done.data)) if spec.digest == looked.fleet.digest else ()
    return Outcome(PlaceResult(done.data, diff), done.exit)


def diff_of(spec: Loaded, found: Placing) -> Iterable[str]:
    """What a proposal changes of the spec's text. Raises EditError."""
    return diff_lines(spec.texts, _edited(spec, found).files) if found.backends else ()


def edit(
    path: Path,
    found: Outcome[Placing],
    project: str = "",
    force: bool = False,
    dry_run: bool = False,
    trusting: Trusting = ALONE,
) -> Outcome[Proposal]:
    """The proposal as an edit of the spec with the plan that would follow; writes nothing. Models that belong to others
    are moved with ``force``, which is recorded. Raises SpecError and EditError.
    """
    spec = load(path)
    if spec.fleet is None:
        raise SpecError(spec.findings)
    fleet, placing = spec.fleet, found.data
    who = who_asks(fleet, project)
    proposal = begun(spec, fleet, "place", _says(placing), Address("fleet", fleet.name), who, force)
    for alias in sorted(placing.backends):
        proposal = block_owned(proposal, f"[models.{alias}]", fleet.models[alias], who)
    if proposal.findings:
        return concluded(proposal, dry_run)
    if not placing.backends:
        return Outcome(proposal, found.exit)
    made = _edited(spec, placing)
    proposal = replace(proposal, files=made.files, notes=(*made.notes, *_notes(fleet, placing)))
    return concluded(judged(path, spec, proposal, None, trusting), dry_run)


def _edited(spec: Loaded, found: Placing) -> Edited:
    values: dict[Names, object] = {("models", a, "backends"): list(names) for a, names in found.backends.items()}
    return with_values(spec, values)


def _says(found: Placing) -> str:
    """For the history: few moves by name."""
    if not found.moves:
        return "place: nothing is to be moved"
    if len(found.moves) > 3:
        return f"place: {plural(len(found.moves), 'move')} of models between backends"
    return "place: " + ", ".join(f"{m.model} from {m.source} to {m.target or 'nowhere else'}" for m in found.moves)


def _notes(fleet: Fleet, found: Placing) -> Iterable[str]:
    """What is to be done beside the edit."""
    for move in found.moves:
        if move.absent and not move.pulls:
            tag = fleet.models[move.model].tag or move.model
            yield f"{tag} is not on the disk of {move.target}: install it there first, or write pull = true"
