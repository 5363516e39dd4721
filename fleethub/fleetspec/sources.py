"""The files of a spec, read and joined to one document in which every key still knows its place.

The only module of the room that reads files, and it reads none outside the fleet's folder.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from fleethub import folders
from fleethub.fleetspec import report
from fleethub.fleetspec.positions import Spot, TooDeep, scan
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding, SourceLocation
from fleethub.model.written import KeyPath

MAIN = "fleet.toml"
FOLDER = "a fleet is a folder with a fleet.toml in it: name that with -C"  # said of another
MAX_BYTES = 1 << 20
_LONG = re.compile(r"0[xob][0-9a-fA-F_]{3000}|\d[\d_]{4000}")
ONLY_MAIN = ("fleet", "policy", "include", "accept", "moved")
#: Files by their names below the fleet's folder, as if they were so on disk; None: as if it were not there.
Overlay = Mapping[str, bytes | None]


@dataclass
class Sources:
    """The joined document. ``places`` maps a key path to the places of its key and of its value."""

    root: Path
    main: str
    doc: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, tuple[SourceLocation, SourceLocation]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    overlay: Overlay = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def key(self, path: KeyPath) -> SourceLocation:
        """Where the key of a path stands, or the nearest thing above it."""
        return self._place(path, 0)

    def at(self, path: KeyPath) -> SourceLocation:
        """Where the value of a path stands, or the nearest thing above it."""
        return self._place(path, 1)

    def _place(self, path: KeyPath, which: int) -> SourceLocation:
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path][which] if path else SourceLocation(self.main, 1, 1)

    @property
    def digest(self) -> str:
        """Over the names and bytes of all files."""
        return digest(self.files)

    def complain(self, code: str, message: str, place: SourceLocation | None, hint: str = "") -> None:
        """Add a finding."""
        self.findings.append(report.finding(code, message, place, hint))


def digest(files: Mapping[str, bytes]) -> str:
    """Over the names and bytes of a spec's files."""
    total = hashlib.sha256()
    for name, data in sorted(files.items()):
        total.update(f"{len(name.encode())} {len(data)} {name}\n".encode() + data)
    return "sha256:" + total.hexdigest()


def read_main(path: Path, overlay: Overlay = MappingProxyType({})) -> Sources:
    """Read fleet.toml alone: ``path`` is the file or its folder. Raises OSError or ValueError for an unusable path."""
    main = path / MAIN if folders.is_folder(path) else path
    if not main.name.isprintable():
        raise ValueError("it is shown in every finding's place")
    str(main.parent.resolve()).encode()  # nodes' targets are below it, and shells are told of them in UTF-8
    sources = Sources(main.parent.resolve(), main.name, overlay=overlay)
    if document := read_document(sources, main, main.name):
        _join(sources, *document, main=True)
    return sources


def read_includes(sources: Sources) -> None:
    """Read what ``include`` names, and join it."""
    patterns = sources.doc.get("include", [])
    if not isinstance(patterns, list):
        return  # the schema says so
    for number, pattern in enumerate(patterns):
        place = sources.at(("include", number))
        for file in _matches(sources, pattern, place) if isinstance(pattern, str) and pattern.strip() else ():
            name = file.relative_to(sources.root).as_posix()
            if not name.isprintable():
                sources.complain("spec.include", f"{report.shown(ascii(name))} is no usable name of a file", place)
            elif name not in sources.files and (document := read_document(sources, file, name)):
                _join(sources, *document, main=False)


def _matches(sources: Sources, pattern: str, place: SourceLocation | None) -> Iterable[Path]:
    wild = bool(re.search(r"[*?\[]", pattern))
    if pattern.startswith(("/", "~")) or "\\" in pattern or ".." in pattern.split("/"):
        sources.complain(
            "spec.include",
            "an include may not leave the fleet's folder",
            place,
            "write a path below it, without ..",
        )
        return []
    parts = pattern.split("/")
    if (
        any("**" in part and part != "**" for part in parts) or parts[-1] == "**"
    ):  # each Python means another thing by it
        sources.complain(
            "spec.include", "an include with ** that is no folder's place", place, 'write "nodes/**/*.toml"'
        )
        return []
    try:
        found = folders.files(sources.root, pattern) if wild else [sources.root / pattern]
        if wild:
            fixed = takewhile(lambda part: not re.search(r"[*?\[]", part), pattern.split("/"))
            looked = {PurePosixPath(*fixed), *(PurePosixPath(f.relative_to(sources.root)).parent for f in found)}
            sources.folders |= {str(folder) for folder in looked if folder.parts}
            found = _overlaid(sources, pattern, found)
        outside = [f for f in found if not f.resolve().is_relative_to(sources.root)]
        absent = [f for f in found if not _there(sources, f)]
    except OSError as error:
        # what it lacks is not known, and the keys of nodes that are not in the spec are deleted
        what = report.shown(_below(sources, error))
        why = f"an include cannot be followed: {what}: {error.strerror or error}"
        sources.complain("spec.include", why, place, f"make {what} readable for this user, or take it out of include")
        return []
    except (ValueError, RuntimeError):
        sources.complain("spec.include", "an include that is no usable pattern", place, 'write it like "nodes/*.toml"')
        return []
    if outside:
        sources.complain(
            "spec.include",
            "an include leads out of the fleet's folder by a symbolic link",
            place,
            "move the file here",
        )
    elif absent:
        sources.complain(
            "spec.include",
            f"there is no file {report.shown(pattern)}",
            place,
            "create it, or take it out of include (a pattern with * may match nothing)",
        )
    return [f for f in found if f not in outside and f not in absent]


def matches(pattern: str, name: str) -> bool:
    """Whether an include with ``*`` takes a file that is not on disk yet; one with ``**`` is not asked."""
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and "**" not in wanted and all(map(fnmatchcase, parts, wanted))


def _overlaid(sources: Sources, pattern: str, found: Iterable[Path]) -> list[Path]:
    """The files of a pattern: those on disk but for the ones to be thought away, and the ones to be thought there."""
    gone = {sources.root / name for name, data in sources.overlay.items() if data is None}
    new = {sources.root / name for name, data in sources.overlay.items() if data is not None and matches(pattern, name)}
    return sorted({*found, *new} - gone)


def _there(sources: Sources, file: Path) -> bool:
    name = file.relative_to(sources.root).as_posix()
    return sources.overlay[name] is not None if name in sources.overlay else folders.exists(file)


def _below(sources: Sources, error: OSError) -> str:
    """What an error is about, by its name below the fleet's folder."""
    path = Path(str(error.filename or "."))
    return path.relative_to(sources.root).as_posix() if path.is_relative_to(sources.root) else path.as_posix()


def read_document(
    sources: Sources, file: Path, name: str, absent: str = FOLDER
) -> tuple[dict[str, Any], dict[KeyPath, tuple[SourceLocation, SourceLocation]]] | None:
    """The document and its places; a finding and None for whatever is wrong with it. ``absent``: what to do where there
    is no such file.
    """
    start = SourceLocation(name, 1, 1)
    data = sources.overlay.get(name)
    try:
        if data is None and (there := folders.kind(file)) != "file":
            missing = "is no file" if there else "does not exist"
            hint = "fleethub init writes a first one" if name == MAIN else "" if there else absent
            sources.complain("spec.unreadable", f"{name} {missing}", start, hint)
            return None
        if data is None:
            with file.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its name is unusable"
        sources.complain("spec.unreadable", f"{name} cannot be read: {why}", start)
        return None
    if len(data) > MAX_BYTES:
        sources.complain("spec.unreadable", f"{name} is larger than 1 MiB", start, "is it the right file?")
        return None
    sources.files[name] = data
    try:
        text = data.decode().replace("\r\n", "\n")
        document = tomllib.loads(text)
        if _LONG.search(text):
            repr(document)  # Python reads a number of any length in base 16, and writes none of 4300 digits
        found = scan(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        sources.complain("spec.syntax", "is not UTF-8", SourceLocation(name, line, column), "save the file as UTF-8")
    except TooDeep as error:
        sources.complain("spec.value", f"is {error}", SourceLocation(name, *error.spot))
    except RecursionError:
        sources.complain("spec.value", "is nested too deeply", start)
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        message, spot = _syntax(error, data.decode())
        hint = "save the file without a byte order mark" if data.startswith(b"\xef\xbb\xbf") else ""
        sources.complain("spec.syntax", message, SourceLocation(name, *spot), hint)
    else:
        return document, {p: (SourceLocation(name, *x.key), SourceLocation(name, *x.value)) for p, x in found.items()}
    return None


def _syntax(error: ValueError, text: str) -> tuple[str, Spot]:
    if not isinstance(error, tomllib.TOMLDecodeError):
        match = _LONG.search(text)
        before = text[: match.start()] if match else ""
        return "has a number that is too long", (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
    message = f"not TOML: {error}"
    if match := re.search(r" \(at line (\d+), column (\d+)\)$", message):
        return message[: match.start()], (int(match[1]), int(match[2]))
    last = text.rstrip("\n").rpartition("\n")[2]
    ended = message.removesuffix(" (at end of document)")
    return f"{ended}: the file ends too early", (text.rstrip("\n").count("\n") + 1, len(last) + 1)


def _join(
    sources: Sources, doc: dict[str, Any], places: dict[KeyPath, tuple[SourceLocation, SourceLocation]], main: bool
) -> None:
    """Join one file's tables: by name, and the same name twice is an error."""
    taken: set[KeyPath] = set()
    for group, table in doc.items():
        if not main and group in ONLY_MAIN:
            sources.complain(
                "spec.include",
                f"{group} stands only in {MAIN}",
                places[group,][0],
                "move it to the main file",
            )
            continue
        mine = sources.doc.get(group)
        if group == "check" and isinstance(mine, list) and isinstance(table, list):
            _behind(sources, group, mine, table, places)
        elif mine is None:
            sources.doc[group] = table
            taken.add((group,))
        elif isinstance(mine, dict) and isinstance(table, dict):
            for name, block in table.items():
                if name in mine:
                    _twice(sources, (group, name), places[group, name][0])
                else:
                    mine[name] = block
                    taken.add((group, name))
        else:
            _twice(sources, (group,), places[group,][0])
    for path, place in places.items():
        if path[:1] in taken or path[:2] in taken:
            sources.places[path] = place


def _behind(
    sources: Sources,
    group: str,
    mine: list[Any],
    table: list[Any],
    places: dict[KeyPath, tuple[SourceLocation, SourceLocation]],
) -> None:
    """Blocks without a name, behind those of earlier files."""
    before = len(mine)
    mine += table
    for path, place in places.items():
        if path[0:1] == (group,) and len(path) > 1 and isinstance(path[1], int):
            sources.places[(group, path[1] + before, *path[2:])] = place


def _twice(sources: Sources, path: KeyPath, place: SourceLocation) -> None:
    sources.complain(
        "spec.duplicate",
        f"{report.dotted(path)} is also defined at {sources.key(path)}",
        place,
        "keep one of the two",
    )
