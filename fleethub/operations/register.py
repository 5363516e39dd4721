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
from fleethub.model.consuming import Node
from fleethub.model.edit import EditError, Located, Register
from fleethub.model.readings.host import FileReading
from fleethub.nodetypes import FileType, NodeType


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
    kind = nodetypes.of(node)
    assert kind is not None  # a check of the spec
    files = {file.role: file for file in kind.files_of(node) if file.usual}  # a text for its agents is FleetHub's own
    roles = list(files)
    if wrong := sorted(set(given) - set(roles)):
        raise EditError("bad-field", f"a node of type {node.type} has no {wrong[0]} file")
    below = {role: _below(node, Path(fleet.root), text) for role, text in given.items()}
    names = {role: (below[role],) if role in below else file.usual for role, file in files.items()}
    shells = Shells(fleet.ssh_program, fleet.secret_variables)
    try:
        seen = _read(Hosts(shells, Path(fleet.root)).at(node.target), [n for some in names.values() for n in some])
    finally:
        shells.close()
    chosen = {role: _choose(kind, node, files[role], tried, seen, role in below) for role, tried in names.items()}
    found = tuple(one for role in roles for one in chosen[role])
    elsewhere = {
        f"files.{role}": some[0].path
        for role, some in chosen.items()
        if some[0].path != files[role].path and (role in below or not _theirs(kind, node, some[0].path))
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
    kind: NodeType,
    node: Node,
    file: FileType,
    tried: tuple[str, ...],
    seen: Mapping[str, FileReading | str | None],
    given: bool,
) -> list[Located]:
    """The file of a role first, then others that are there too; one entry where there is none."""
    judged = [_judge(kind, file, name, seen[name]) for name in tried]
    there = [one for one in judged if one.state != "absent"]
    best = next((one for one in there if one.state == "found"), there[0] if there else None)
    if best is None:
        says = "it is not there" if given else f"none of {', '.join(tried)} is there"
        return [Located(file.role, tried[0] if given else file.path, "absent", says)]
    if best.state != "found" and not given:  # the default place, and what was there instead
        says = best.says if best.state == "unknown" else f"{best.path}: {best.says}"
        return [Located(file.role, file.path, best.state, says)]
    rest = [one for one in there if one is not best]
    if _theirs(kind, node, best.path) and not given:
        own = best.path.partition("/")[0]
        says = f"{best.says}; {own}/ is {kind.title}'s own, so FleetHub will write {file.path} instead"
        best = replace(best, says=says)
    return [best, *rest]


def _theirs(kind: NodeType, node: Node, path: str) -> bool:
    """Whether a path lies in a folder that the node's program itself writes to: none of FleetHub's files may."""
    return path.startswith(tuple(f"{folder}/" for folder in kind.folders(node)))


def _judge(kind: NodeType, file: FileType, name: str, seen: FileReading | str | None) -> Located:
    if seen is None:
        return Located(file.role, name, "absent", "it is not there")
    if isinstance(seen, str):
        return Located(file.role, name, "unknown", seen)
    if seen.content is None:
        return Located(file.role, name, "other", f"a {seen.kind} is in its place")
    by = kind.recognise(file, seen.content.reveal())
    if not by:
        return Located(file.role, name, "other", "nothing in it shows that it is this")
    return Located(file.role, name, "found", f"recognised by {by}")
