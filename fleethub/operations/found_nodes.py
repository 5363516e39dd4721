"""Nodes that run already, at targets that somebody names or that TangleClaw knows: read, and never written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from fleethub import nodetypes
from fleethub.adoption.nodes import FoundTarget
from fleethub.adoption.proposal import Told
from fleethub.clients.host import HostError, Hosts
from fleethub.fleetspec.targets import Refused, normal
from fleethub.integrations.tangleclaw.client import TangleClaw, TangleClawError
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import InputError
from fleethub.model.login import machine
from fleethub.model.readings.host import FileReading
from fleethub.model.trust import origin_of
from fleethub.nodetypes import NodeType
from fleethub.operations.workplace import Workplace

NODE = re.compile(r"(?:(?P<name>[a-z0-9][a-z0-9-]*)=)?(?P<target>(?:ssh://)?[^=]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node may be, under the name that it would have in the spec."""

    name: str
    target: str


def place_of(text: str) -> Place:
    """``[NAME=]TARGET``; without a name, that of its folder. Raises InputError."""
    match = NODE.fullmatch(text)
    if match is None:
        raise InputError(f"--node {text!r}: it is [NAME=]TARGET, like ssh://ops@host/srv/openclaw/volta")
    return Place(match["name"] or _name(match["target"].rstrip("/").rpartition("/")[2]), match["target"])


def known_to(now: Workplace, url: str) -> tuple[list[Place], list[Told]]:
    """The connections of a TangleClaw; their tokens are dropped where the answer is read."""
    try:
        found = TangleClaw(now.http, url.rstrip("/")).connections()
    except TangleClawError as error:
        return [], [Told(f"tangleclaw {url}", f"it could not be asked: {error}")]
    places, told = [], []
    for one in found:
        if not one.folder or not one.folder.startswith("/"):
            told.append(Told(f"node.{_name(one.name)}", f"TangleClaw knows no folder of {one.name!r} (Instance Dir)"))
            continue
        user = f"{one.user}@" if one.user else ""
        places.append(Place(_name(one.name), f"ssh://{user}{one.host}{one.folder.rstrip('/')}"))
    return places, told


def look_at(now: Workplace, places: Iterable[Place]) -> tuple[tuple[FoundTarget, ...], tuple[Told, ...]]:
    """What lies at each place, by the type that most of it is of; what cannot be told is told as that."""
    hosts = Hosts(now.shells, now.root)
    files = [file for kind in _types() for file in kind.files]
    usual = sorted({path for file in files for path in (*file.usual, file.path)} - {""})
    found: list[FoundTarget] = []
    told: list[Told] = []
    for place in places:
        try:
            target = normal(place.target, now.root)
            reading = hosts.at(target).read(usual)
        except Refused as error:
            told.append(Told(f"node.{place.name}", f"{place.target}: {error}{error.hint and f'; {error.hint}'}"))
            continue
        except HostError as error:
            known = "://" not in place.target or now.trust.guard.allows(place.target)
            trust = f"--trust {shlex.quote(origin_of(place.target))}"
            why = str(error) if known else f"not known on this machine, so not looked at: {trust}"
            told.append(Told(f"node.{place.name}", f"{place.target}: {why}"))
            continue
        if not reading.exists:
            told.append(Told(f"node.{place.name}", f"{place.target}: there is no such folder"))
        elif reading.mark is not None:
            told.append(Told(f"node.{place.name}", f"{place.target}: a fleet of FleetHub's has it already"))
        elif lost := _lost(reading.files):
            told.append(Told(f"node.{place.name}", f"{place.target}: {lost}"))
        elif (one := _recognised(place.name, target, reading.files)) is None:
            told.append(Told(f"node.{place.name}", f"{place.target}: nothing there is a node of a known type"))
        else:
            found.append(one)
    return tuple(found), tuple(told)


def _lost(files: Mapping[str, FileReading]) -> str:
    """What stands in the place of a file that would say what the node calls; empty: nothing does."""
    paths = {path for kind in _types() for file in kind.files if file.role in _wired(kind) for path in file.usual}
    odd = [f"its {path} is no file of its own ({files[path].kind})" for path in sorted(paths & files.keys())
           if files[path].content is None]  # fmt: skip
    return f"{', '.join(odd)}, so what it calls is not known" if odd else ""


def _recognised(name: str, target: str, files: Mapping[str, FileReading]) -> FoundTarget | None:
    """The type of which most files are there and fewest are missing, with what it reads out of them."""
    best: tuple[int, int] = (0, 0)
    chosen: tuple[NodeType, dict[str, str]] | None = None
    for kind in _types():
        there = {}
        for file in kind.files:
            for path in (*file.usual, *([file.path] if file.path else [])):
                seen = files.get(path)
                if seen is not None and seen.content is not None and kind.recognise(file, seen.content.reveal()):
                    there[file.role] = path
                    break
        missing = sum(bool(file.usual) and file.role not in there for file in kind.files)
        if (len(there), -missing) > best:
            best, chosen = (len(there), -missing), (kind, there)
    if chosen is None:
        return None
    kind, there = chosen
    data = {role: blob.reveal() for role, path in there.items() if (blob := files[path].content) is not None}
    own = {file.role: file.path for file in kind.files}
    elsewhere = {role: path for role, path in there.items() if path != own[role] and role in _wired(kind)}
    host = machine(target) or name
    return FoundTarget(name, host, target, kind.name, kind.found(data, {}), elsewhere)


def _wired(kind: NodeType) -> set[str]:
    """The roles of the files that FleetHub puts its part into."""
    return {file.role for file in kind.files if file.format in ("json", "dotenv")}


def _types() -> list[NodeType]:
    return [kind for name in nodetypes.names() if (kind := nodetypes.get(name)) is not None]


def _name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63] or "node"
