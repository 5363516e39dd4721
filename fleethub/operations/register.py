"""Taking in a node that exists: which of its files lie where, as far as the target can be read. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fleethub import nodetypes
from fleethub.clients.host import HostError, Hosts
from fleethub.clients.host.target import Target
from fleethub.clients.shell import Shells
from fleethub.fleetspec import load
from fleethub.fleetspec.edit import edited
from fleethub.fleetspec.report import shown
from fleethub.fleetspec.targets import default_files
from fleethub.model.edit import EditError, Located, Register
from fleethub.model.facts import FileReading
from fleethub.model.fleet import Node


def look(path: Path, edit: Register, given: Mapping[str, str]) -> tuple[Register, tuple[Located, ...]]:
    """Look at the target for the node's files, and write ``files`` where they lie elsewhere than by default.

    ``given``: role -> a path below the target, or an absolute one there. A node that would not be valid is not
    looked for: ``propose`` says what is wrong with it. Raises EditError.
    """
    spec = load(path)
    if spec.fleet is None:
        return edit, ()
    fleet = load(path, edited(spec, edit).files).fleet
    if fleet is None:
        return edit, ()
    node = fleet.nodes[edit.node]
    kind = nodetypes.get(node.type)
    has = kind.roles(node) if kind else nodetypes.ROLES
    roles = [role for role in has if role in nodetypes.USUAL]  # a text for its agents is FleetHub's own
    if wrong := sorted(set(given) - set(roles)):
        raise EditError("bad-field", f"a node of type {node.type} has no {wrong[0]} file")
    below = {role: _below(node, Path(fleet.root), text) for role, text in given.items()}
    names = {role: (below[role],) if role in below else nodetypes.USUAL[role] for role in roles}
    shells = Shells(fleet.ssh_program, fleet.secret_variables)
    try:
        seen = _read(Hosts(shells, Path(fleet.root)).at(node.target), [n for some in names.values() for n in some])
    finally:
        shells.close()
    chosen = {role: _choose(role, tried, seen, role in below) for role, tried in names.items()}
    found = tuple(one for role in roles for one in chosen[role])
    default = default_files()
    elsewhere = {
        f"files.{role}": some[0].path
        for role, some in chosen.items()
        if some[0].path != default[role] and (role in below or not _theirs(some[0].path))
    }
    return Register(edit.node, {**edit.fields, **elsewhere}), found


def _below(node: Node, root: Path, text: str) -> str:
    """A path below the target, as ``files`` takes it."""
    at = PurePosixPath(node.target.split("://", 1)[1].partition("/")[2] if "://" in node.target else root / node.target)
    folder = PurePosixPath("/") / at
    path = PurePosixPath(text)
    if not path.is_absolute():
        return text
    if not path.is_relative_to(folder) or path == folder:
        raise EditError("bad-field", f"{shown(text)} is not below the target", f"all files lie below {folder}")
    return path.relative_to(folder).as_posix()


def _read(target: Target, names: Iterable[str]) -> dict[str, FileReading | str | None]:
    """Each file as it is, None where it is absent, or why it could not be looked at.

    The target refuses as a whole when one file may not be read: then each is asked for by itself.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[str, FileReading | str | None] = {}
    try:
        reading = target.read(wanted)
        return {name: reading.files.get(name) for name in wanted}
    except HostError as error:
        first = str(error)
    for name in wanted:
        try:
            found[name] = target.read([name]).files.get(name)
        except HostError as error:
            found[name] = str(error)
            if str(error) == first and name == wanted[0] and target.remote:
                return dict.fromkeys(wanted, first)  # the machine itself does not answer: once is enough
    return found


def _choose(
    role: nodetypes.Role, tried: tuple[str, ...], seen: Mapping[str, FileReading | str | None], given: bool
) -> list[Located]:
    """The file of a role first, then others that are there too; one entry where there is none."""
    judged = [_judge(role, name, seen[name]) for name in tried]
    there = [one for one in judged if one.state != "absent"]
    best = next((one for one in there if one.state == "found"), there[0] if there else None)
    if best is None:
        says = "it is not there" if given else f"none of {', '.join(tried)} is there"
        return [Located(role, tried[0] if given else default_files()[role], "absent", says)]
    if best.state != "found" and not given:  # the default place, and what was there instead
        says = best.says if best.state == "unknown" else f"{best.path}: {best.says}"
        return [Located(role, default_files()[role], best.state, says)]
    rest = [one for one in there if one is not best]
    if _theirs(best.path) and not given:
        own = best.path.partition("/")[0]
        says = f"{best.says}; {own}/ is OpenClaw's own, so FleetHub will write {default_files()[role]} instead"
        best = replace(best, says=says)
    return [best, *rest]


def _theirs(path: str) -> bool:
    """Whether a path lies in a folder that OpenClaw itself writes to: none of FleetHub's files may."""
    return path.startswith(("state/", "workspace/"))


def _judge(role: nodetypes.Role, name: str, seen: FileReading | str | None) -> Located:
    if seen is None:
        return Located(role, name, "absent", "it is not there")
    if isinstance(seen, str):
        return Located(role, name, "unknown", seen)
    if seen.content is None:
        return Located(role, name, "other", f"a {seen.kind} is in its place")
    by = nodetypes.recognise(role, seen.content.reveal())
    if not by:
        return Located(role, name, "other", "nothing in it shows that it is this")
    return Located(role, name, "found", f"recognised by {by}")
