"""Saved plans: kept in a file, shown anywhere, and applied if they still stand."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

from fleethub import __version__, folders
from fleethub.atomic import replace as write_file
from fleethub.model.address import PARTS
from fleethub.model.errors import InputError
from fleethub.model.history import HistoryEntry
from fleethub.operations import plan as planning
from fleethub.operations.held import HeldPlan, StalePlan, UnknownPlan, input_of
from fleethub.operations.outcome import Outcome
from fleethub.operations.workplace import Workplace
from fleethub.planfile.compare import differences
from fleethub.planfile.document import Made, SavedPlan
from fleethub.planfile.text import PlanFileError, dump, is_plan, load
from fleethub.stores.interface import Store, StoreError

#: Plans that a store keeps, and for how long.
MOST, DAYS = 50, 30


def of(workplace: Workplace, held: HeldPlan) -> SavedPlan:
    """A plan as it is saved now. Raises InputError for one that decides nothing."""
    from fleethub.clients.git import commit
    from fleethub.observing import now
    from fleethub.stores.lock import who

    if held.plan.fatal or not held.id:
        raise InputError("this plan decides nothing (see the findings), so there is nothing to save")
    return held.saved(Made(now(), who(), commit(workplace.root), __version__))


def writable(path: Path) -> None:
    """Raise InputError where a plan must not be written: over what is no saved plan."""
    if not folders.exists(path):
        if not folders.is_folder(path.resolve().parent):
            raise InputError(f"{path.parent} is no folder: make it first, or choose another place for {path.name}")
        return
    if folders.is_folder(path):
        raise InputError(f"{path} is a folder: name a file for the plan")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and not is_plan(text):
        raise InputError(f"{path} is there and is no saved plan, so it is not written over: choose another name")


def write(path: Path, plan: SavedPlan) -> None:
    """Write the document, whole or not at all. Raises what ``writable`` raises, OSError."""
    writable(path)
    write_file(path.resolve(), dump(plan).encode(), 0o644)


def is_named(word: str) -> bool:
    """Whether a word names a file rather than a thing of the fleet, whose alias may have a slash or an ending too."""
    ending = word.endswith((".json", ".plan"))
    if ending and folders.is_file(Path(word)):
        return True
    if word.partition(".")[0] in PARTS and not word.startswith("fleet."):
        return False
    return ending or (os.sep in word and (word[0] in "./" or folders.is_file(Path(word))))


def as_argument(file: str) -> str:
    """The file's name as ``is_named`` knows it."""
    return file if is_named(file) else f".{os.sep}{file}"


def read(path: Path) -> SavedPlan:
    """Read a document. Raises PlanFileError, OSError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PlanFileError(
            f"there is no file {path}: fleethub plan -o FILE writes one; an address is like node.volta"
        ) from None
    except UnicodeDecodeError:
        raise PlanFileError(f"{path} is no saved plan: it is not UTF-8") from None
    except IsADirectoryError:
        raise PlanFileError(f"{path} is no saved plan: it is a folder") from None
    return load(text, str(path))


def keep(store: Store, plan: SavedPlan, now: str) -> None:
    """Keep a plan in the fleet's state, by its id, and say so in the history; of older ones the latest stay.

    ``now``: ISO 8601. Raises OSError, StoreError.
    """
    store.put("plans", plan.plan.id, json.loads(dump(plan)))
    made = plan.made
    line = HistoryEntry(
        now, "plan", made.by, plan.plan.sentence, plan=plan.plan.id, spec=plan.plan.spec, commit=made.commit
    )
    store.record(line.line())
    found = {name: _made_at(store, name) for name in store.names("plans") if name != plan.plan.id}
    days = (datetime.fromisoformat(now) - timedelta(days=DAYS)).isoformat()
    latest = sorted(found, key=lambda name: found[name], reverse=True)
    for name in (name for at, name in enumerate(latest, 1) if found[name] and (at >= MOST or found[name] < days)):
        store.delete("plans", name)


def kept(store: Store, name: str) -> SavedPlan:
    """A plan by its id. Raises UnknownPlan with those that are kept, PlanFileError, StoreError."""
    try:
        document = store.get("plans", name)
    except ValueError:
        document = None
    if document is None:
        there = ", ".join(sorted(store.names("plans"), key=lambda one: _made_at(store, one), reverse=True)[:8])
        raise UnknownPlan(f"no plan {name!r} is kept (there are: {there or 'none'}): fleethub plan --save keeps one")
    return load(json.dumps(document), f"the plan {name}")


def _made_at(store: Store, name: str) -> str:
    try:
        made = (store.get("plans", name) or {}).get("made")
    except StoreError:
        return ""  # damaged, or not reached: how old it is nobody knows, and it stays
    return str(made.get("at", "")) if isinstance(made, dict) else ""


def confirmed(workplace: Workplace, saved: SavedPlan, reads: int = 32) -> Outcome[HeldPlan]:
    """The plan that is made now, where it is the saved one; a fatal one is given back as it is.

    Raises InputError for another fleet's plan, and StalePlan that names what moved.
    """
    fleet, was = workplace.fleet, saved.plan
    if (fleet.name, fleet.id) != (was.fleet, was.fleet_id):
        raise InputError(f"the plan is of the fleet {was.fleet!r} (id {was.fleet_id or 'none'}), not of {fleet.name!r}")
    done = planning.run(workplace, input_of(saved.asked, reads))
    if not done.data.plan.fatal and (moved := differences(saved, done.data.saved(Made(version=__version__)))):
        raise StalePlan(moved)
    return done
