"""What sessions are told: the brief that ``fleethub context`` reads, and FLEETHUB.md beside the spec."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fleethub import folders
from fleethub.model.capacity import Fit
from fleethub.model.finding import FATAL, Finding
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Plan
from fleethub.operations import Planned, Workplace
from fleethub.state.context import Stamps


@dataclass(frozen=True, slots=True)
class Observed:
    """What ``observe`` saw. Without ``fleet_status`` nothing was asked: ``findings`` say why. ``notes``: for people."""

    plan: Plan
    fleet_status: FleetStatus | None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def observe(workplace: Workplace) -> Observed:
    """Read everything, keep the brief, and put FLEETHUB.md right. Raises OSError when the brief cannot be written."""
    made = workplace.plan(only_look=True)
    if made.plan.fatal:
        refused(workplace.root, made.plan)
        return Observed(made.plan, None, made.plan.findings)
    fleet_status = workplace.fleet_status(made)
    keep(fleet_status, made.stamps)
    lockfile = workplace.store.read().lockfile  # once more: an apply may have ended while the fleet was read
    if lockfile is not None and lockfile == made.lockfile and not made.plan.changes:
        lockfile = _asked_no_more(lockfile, made.plan)
    notes = [*publish(workplace.fleet, lockfile), *_listed(workplace.root)]
    return Observed(made.plan, fleet_status, made.plan.findings, tuple(notes))


def _asked_no_more(lockfile: Lockfile, plan: Plan) -> Lockfile:
    """As an apply of an empty plan would leave it, which writes nothing: the spec may have moved a backend since, or
    declared other GPUs. What is unknown just now keeps what was known; of the applied spec nothing is judged anew.
    """
    if lockfile.applied.spec == plan.spec:
        return lockfile
    known = {(backend, p.model, p.context): p.bytes for backend, some in lockfile.planned.items() for p in some}
    planned = {
        backend: tuple(p if p.bytes else replace(p, bytes=known.get((backend, p.model, p.context))) for p in some)
        for backend, some in plan.planned.items()
    }
    fits = {b: lockfile.fits.get(b, fit) if fit == Fit.UNKNOWN.value else fit for b, fit in plan.fits.items()}
    return replace(lockfile, planned=planned, fits=fits, applied=replace(lockfile.applied, spec=plan.spec))


def keep(fleet_status: FleetStatus, files: Stamps) -> None:
    """Write the brief of a fleet_status; ``files``: what its plan was made from, as it was then. Raises OSError."""
    from fleethub.state.context import save
    from fleethub.views.brief import brief

    save(Path(fleet_status.root), brief(fleet_status), files)


def remember(workplace: Workplace, made: Planned) -> None:
    """Keep the brief of a plan that was made anyway; a folder that cannot be written to is left alone."""
    try:
        if made.plan.fatal:
            refused(workplace.root, made.plan)
        else:
            keep(workplace.fleet_status(made), made.stamps)
    except OSError:
        return


def refused(root: Path, plan: Plan) -> None:
    """Add to the brief why nothing can be decided now: sessions go on with what was seen before. Raises OSError."""
    from fleethub.state.context import refuse
    from fleethub.views.brief import told

    refuse(root, [told(f) for f in plan.findings if f.code in FATAL])


def unpublished(fleet: Fleet, lockfile: Lockfile | None) -> str:
    """What is wrong with FLEETHUB.md, where an apply would write it again: it is gone, or somebody edited it."""
    from fleethub.views.document import NAME, document, ours, same

    if lockfile is None or lockfile.applied.spec != fleet.digest:
        return ""
    try:
        there = (Path(fleet.root) / NAME).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "" if (Path(fleet.root) / NAME).is_symlink() else f"{NAME} is gone: an apply writes it again"
    except (OSError, RuntimeError):
        return ""
    edited = ours(there) and not same(there, document(fleet, lockfile))
    return f"{NAME} is not as an apply left it: the next one writes it again" if edited else ""


def publish(fleet: Fleet, lockfile: Lockfile | None) -> tuple[str, ...]:
    """Write FLEETHUB.md where what was applied reads differently from it, and tell the TangleClaw that it is
    registered with; says what was done, or why not.

    Only a spec that is the applied one, or asks no more than it, can name what was applied: another one leaves the
    file as it is.
    """
    from fleethub.atomic import replace as write_file
    from fleethub.integrations.tangleclaw.operation import binding, notify
    from fleethub.views.document import NAME, document, ours, same

    if lockfile is None or lockfile.applied.spec != fleet.digest:
        return ()
    path = Path(fleet.root) / NAME
    text = document(fleet, lockfile)
    try:
        there = path.read_text(encoding="utf-8", errors="replace") if folders.exists(path) else None
        if there is None and path.is_symlink():  # it may have come with the repository, and lead anywhere
            return (f"{NAME} is a link to nothing, and no file is made behind a link: move one there, or remove it",)
        if there is not None and not ours(there):
            return (f"{NAME} was not written by FleetHub and is left alone",)
        if there is not None and same(there, text):
            return ()
        write_file(path.resolve(), text.encode(), 0o644)  # behind a link it is the link's file
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
        return (f"{NAME} could not be written: {getattr(error, 'strerror', None) or error}",)
    told = notify(Path(fleet.root), binding(os.environ)).note()
    return (f"{NAME} tells what was applied", *([told] if told else []))


def _listed(folder: Path) -> Iterable[str]:
    """The user's list of fleets has this one from its first observation on, so that sessions elsewhere find it."""
    from fleethub.state.fleets import remember as list_it

    try:
        new = list_it(folder)
    except (OSError, RuntimeError) as error:
        yield f"the list of fleets could not be written ({error}): sessions elsewhere do not find this fleet"
        return
    if new:
        yield f"{folder} is now in your list of fleets, so that sessions everywhere are told of it"
