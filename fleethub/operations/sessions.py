"""What sessions are told: the summary that ``fleethub context`` reads, and FLEETHUB.md beside the spec."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub import folders
from fleethub.model.errors import FleetHubError
from fleethub.model.finding import FATAL
from fleethub.model.fleet import Fleet
from fleethub.model.fleet_status import FleetStatus
from fleethub.model.observation import Lockfile
from fleethub.model.plan import Plan
from fleethub.state.session_summary import Stamps

if TYPE_CHECKING:
    from fleethub.model.history import HistoryEntry
    from fleethub.operations.held import HeldPlan
    from fleethub.operations.workplace import Workplace
    from fleethub.stores.interface import Store

LAST = 3  # changes that a session is told of
REFUSED = "refused"  # what the history says of an edit that was not made


def keep(fleet_status: FleetStatus, files: Stamps, store: Store) -> None:
    """Write the summary of a fleet_status; ``files``: what its plan was made from, as it was then. Raises OSError.

    ``store``: of its lockfile, which tells what was done last.
    """
    from fleethub.state import last_look
    from fleethub.state.session_summary import save
    from fleethub.views.session_summary import session_summary

    if not fleet_status.proxies or any(proxy.state == "there" for proxy in fleet_status.proxies):
        last_look.save(fleet_status)  # what was seen without a key is no look for those who have none
    save(Path(fleet_status.root), session_summary(fleet_status, _last(store, fleet_status)), files)


def _last(store: Store, status: FleetStatus) -> list[HistoryEntry]:
    """What was done last; a history that cannot be read tells nothing.

    The apply that keeps this has no line yet: of the newest serial it is not said that it was broken off.
    """
    from fleethub.operations.history import entries

    try:
        done = [one for one in entries(store, Path(status.root)) if REFUSED not in one.changes.values()]
    except (OSError, FleetHubError):
        return []
    return [one for one in done if not (one.broken_off and one.serial == status.serial)][-LAST:]


def remember(workplace: Workplace, held: HeldPlan) -> None:
    """Keep the summary of a plan that was made anyway; a folder that cannot be written to is left alone.

    What somebody saw who may see more stays what sessions are told.
    """
    status = workplace.fleet_status(held)
    if held.plan.fatal or not sees_less(workplace, status):
        with suppress(OSError):
            told(workplace, held, status)


def told(workplace: Workplace, held: HeldPlan, status: FleetStatus) -> tuple[str, ...]:
    """Keep what a look saw. Of one that saw less than is known, or nothing, only why: sessions go on with what was seen
    before, and its age. Returns why, where it is so. Raises OSError.
    """
    from fleethub.state.session_summary import refuse
    from fleethub.views.session_summary import told as line

    if held.plan.fatal:
        why = tuple(line(f) for f in held.plan.findings if f.code in FATAL)
    else:
        why = sees_less(workplace, status)
    if why:
        refuse(workplace.root, why)
    else:
        keep(status, held.stamps, workplace.store)
    return why


def sees_less(workplace: Workplace, status: FleetStatus) -> tuple[str, ...]:
    """Why this account does not see what was seen of the fleet before: it has no master key, or never agreed to what
    the spec contacts and runs. Empty where it lacks neither, or nothing that was seen is unknown to it.
    """
    from fleethub.state import last_look
    from fleethub.views.session_summary import told as line

    why = (*(line(f) for f in workplace.trust.findings), *workplace.keyless())
    before = last_look.read(workplace.root) if why else None
    if before is None or before.fleet != status.fleet:
        return ()
    lost = _states(before, unknown=False) & _states(status, unknown=True)
    return why if lost else ()


def _states(status: FleetStatus, unknown: bool) -> set[tuple[str, str]]:
    """What is unknown in a look, or what is not, by its sort and name."""
    found = [("proxy", one.name, one.state) for one in status.proxies]
    found += [("backend", one.name, one.state) for one in status.backends]
    found += [("consumer", one.address, one.state) for one in status.nodes]
    found += [("key", one.address, one.state) for one in status.keys]
    return {(sort, name) for sort, name, state in found if (state == "unknown") is unknown}


def _tells(fleet: Fleet, lockfile: Lockfile | None, plan: Plan | None) -> bool:
    """Whether the spec can name what was applied: it is the applied one; or no one spec is, for two clones' lockfiles
    were made one, and the plan shows that it asks no more.
    """
    if lockfile is None:
        return False
    merged = not lockfile.applied.spec and plan is not None and not plan.changes and not plan.fatal
    return lockfile.applied.spec == fleet.digest or merged


def unpublished(fleet: Fleet, lockfile: Lockfile | None, plan: Plan) -> str:
    """What is wrong with FLEETHUB.md, where an apply would write it again: it is gone, or somebody edited it."""
    from fleethub.views.document import NAME, document, ours, same

    if lockfile is None or not _tells(fleet, lockfile, plan):
        return ""
    try:
        there = (Path(fleet.root) / NAME).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "" if (Path(fleet.root) / NAME).is_symlink() else f"{NAME} is gone: an apply writes it again"
    except (OSError, RuntimeError):
        return ""
    edited = ours(there) and not same(there, document(fleet, lockfile))
    return f"{NAME} is not as an apply left it: the next one writes it again" if edited else ""


def publish(fleet: Fleet, lockfile: Lockfile | None, plan: Plan | None = None) -> tuple[str, ...]:
    """Write FLEETHUB.md where what was applied reads differently from it, and tell the TangleClaw that it is
    registered with; says what was done, or why not.

    Only a spec that is the applied one, or asks no more than it, can name what was applied: another one leaves the
    file as it is. ``plan``: of the fleet as it is now, where one was made.
    """
    from fleethub.atomic import replace as write_file
    from fleethub.integrations.tangleclaw.access import binding
    from fleethub.integrations.tangleclaw.operation import notify
    from fleethub.views.document import NAME, document, ours, same

    if lockfile is None or not _tells(fleet, lockfile, plan):
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
