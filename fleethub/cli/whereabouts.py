"""Which fleet a command is about: the one that ``-C`` names, that this folder lies in, or that is the only known one.

A session stands in its own project, not in the fleet's folder: ``context`` tells it of the fleets of this machine, and
every other command finds the same ones. Standard library only: ``context`` runs at every session's start.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub.folders import is_file
from fleethub.model.errors import FleetHubError
from fleethub.state.fleets import known

if TYPE_CHECKING:
    from fleethub.model.finding import Finding

MAIN = "fleet.toml"


class NoFleet(FleetHubError):
    """Which fleet is meant cannot be told; the message is fit to be shown, with lines to paste."""


def here() -> Path:
    """The working directory; ``/`` where it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return Path("/")


def lacks(folder: Path) -> str:
    """Why there is no fleet in a folder, as far as can be seen; empty where there is one. Never raises."""
    try:
        return "" if is_file(folder / MAIN) else "its folder is not there now"
    except OSError as error:
        return f"its folder cannot be read: {error.strerror}"


def around(folder: Path) -> Path | None:
    """The fleet that a folder lies in."""
    return next((place.resolve() for place in (folder, *folder.parents) if not lacks(place)), None)


def all_known(folder: Path) -> Iterable[Path]:
    """The fleet that a folder lies in, then those of the user's list; each once."""
    inside = around(folder)
    return dict.fromkeys((*([inside] if inside else ()), *known()))


def found(folder: Path, words: Sequence[str] = ()) -> tuple[Path, str]:
    """The fleet for a command that was typed in ``folder`` without ``-C``, and what to say of it where it is another's.

    Where no fleet is listed it is this folder, whatever is in it. ``words``: the command, for the lines to paste.
    Raises NoFleet.
    """
    inside = around(folder)
    if inside is not None:
        return (Path() if inside == folder.resolve() else inside), ""
    listed = known()
    there = [place for place in listed if not lacks(place)]
    gone = [f"{place}: {lacks(place)}" for place in listed if place not in there]
    if len(there) == 1:
        also = "".join(f"; {one}" for one in gone)
        return there[0], f"fleet: {there[0]} (the one that this machine knows{also})"
    if not listed:
        return Path(), ""
    if not there:
        says = "\n  ".join(
            ("there is no fleet.toml here, and of the fleets that this machine knows none is there:", *gone)
        )
        raise NoFleet(f"{says}\nMount its folder; or take its line out of ~/.config/fleethub/fleets.")
    lines = [f"{command(place)} {shlex.join(words)}".rstrip() for place in there]
    says = "\n  ".join(
        ("there is no fleet.toml here, and this machine knows several fleets; say which:", *lines, *gone)
    )
    raise NoFleet(says)


def program() -> tuple[str, ...]:
    """The words that start this FleetHub from anywhere: by path, for a session's PATH need not be this one."""
    beside = Path(sys.executable).parent / "fleethub"
    if os.access(beside, os.X_OK):
        return (str(beside),)
    on_path = _on_path()
    return (str(Path(on_path).absolute()),) if on_path else (sys.executable, "-m", "fleethub")


def _on_path() -> str | None:
    """As ``shutil.which`` finds it, without what else that module does: it imports what packs archives."""
    places = (Path(folder, "fleethub") for folder in os.get_exec_path())
    return next((str(place) for place in places if os.access(place, os.X_OK) and not os.path.isdir(place)), None)  # noqa: PTH112


def called() -> str:
    """How this FleetHub is called here: by its name where PATH leads to it, else by the words of ``program``."""
    words = program()
    on_path = _on_path()
    if on_path and len(words) == 1 and Path(on_path).resolve() == Path(words[0]).resolve():
        return "fleethub"
    return shlex.join(words)


def command(folder: Path | None) -> str:
    """The words before a command about the fleet in ``folder``, as they work where this process stands."""
    if folder is None:
        return called()
    place = folder.resolve()
    with suppress(OSError):
        place = place.parent if is_file(place) else place
    return called() if around(here()) == place else f"{called()} -C {shlex.quote(str(place))}"


def anywhere(folder: Path) -> str:
    """The same as it works wherever its reader stands, who is not where this process is."""
    place = folder.resolve()
    return f"{called()} -C {shlex.quote(str(place.parent if is_file(place) else place))}"


def instead_of_init(finding: Finding) -> Finding:
    """A finding that there is no fleet at a place: where this machine has fleets, those are named."""
    from dataclasses import replace

    there = [str(place) for place in known() if not lacks(place)]
    asks = finding.hint.startswith(("fleethub init", "a fleet is a folder"))
    if not asks or finding.code != "spec.unreadable" or not there:
        return finding
    return replace(finding, hint=f"the fleets that this machine knows: {', '.join(there)}; name one with -C")
