"""Saved plans: kept in a file, shown anywhere, and applied if they still stand."""

from __future__ import annotations

import os
from pathlib import Path

from fleethub import __version__, folders
from fleethub.atomic import replace as write_file
from fleethub.model.address import PARTS
from fleethub.model.errors import InputError
from fleethub.operations import plan as planning
from fleethub.operations.held import HeldPlan, StalePlan, input_of
from fleethub.operations.outcome import Outcome
from fleethub.operations.workplace import Workplace
from fleethub.planfile.compare import differences
from fleethub.planfile.document import Made, SavedPlan
from fleethub.planfile.text import PlanFileError, dump, is_plan, load


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
    """Whether a word names a file rather than a thing of the fleet, whose alias may have a slash too."""
    if word.partition(".")[0] in PARTS:
        return False
    return word.endswith((".json", ".plan")) or (os.sep in word and (word[0] in "./" or folders.is_file(Path(word))))


def as_argument(file: str) -> str:
    """The file's name as ``is_named`` knows it."""
    return file if is_named(file) else f".{os.sep}{file}"


def read(path: Path) -> SavedPlan:
    """Read a document. Raises PlanFileError, OSError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PlanFileError(f"{path} is no saved plan: it is not UTF-8") from None
    except IsADirectoryError:
        raise PlanFileError(f"{path} is no saved plan: it is a folder") from None
    return load(text, str(path))


def confirmed(workplace: Workplace, saved: SavedPlan, reads: int = 32) -> Outcome[HeldPlan]:
    """The plan that is made now, where it is the saved one; a fatal one is given back as it is.

    Raises InputError for another fleet's plan, and StalePlan that names what moved.
    """
    fleet, was = workplace.fleet, saved.plan
    if (fleet.name, fleet.id) != (was.fleet, was.fleet_id):
        raise InputError(f"the plan is of the fleet {was.fleet!r} (id {was.fleet_id or 'none'}), not of {fleet.name!r}")
    done = planning.run(workplace, input_of(saved.asked, reads))
    if not done.data.plan.fatal and (moved := differences(saved, done.data.saved())):
        raise StalePlan(moved)
    return done
