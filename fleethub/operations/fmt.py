"""Put the spec's files into the one layout, or say which are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fleethub import folders
from fleethub.atomic import replace as write_file
from fleethub.fleetspec import load
from fleethub.fleetspec.fmt import formatted
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import SpecError
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding, SourceLocation
from fleethub.operations.edit_write import LOCK
from fleethub.operations.outcome import Outcome
from fleethub.operations.text_diff import diff_lines
from fleethub.stores.lock import local_lock


@dataclass(frozen=True, slots=True)
class FmtResult:
    """``changed``: files (below the fleet's folder) that are not in the layout; ``diff``: what it is to them."""

    changed: tuple[str, ...]
    diff: tuple[str, ...] = ()


def run(path: Path, check: bool = False) -> Outcome[FmtResult]:
    """Every file of a spec, also of one that is otherwise wrong; ``check``: write nothing, and exit 2 for a change.

    Raises SpecError where a file is no TOML or cannot be read; then nothing is written. Raises OSError, LockedError.
    """
    root = (path if folders.is_folder(path) else path.parent).resolve()
    if check:
        before, after = _judged(path)
    else:
        (root / LOCK).parent.mkdir(exist_ok=True)
        with local_lock(root / LOCK, "fmt"):
            before, after = _judged(path)
            for name, data in after.items():
                file = (root / name).resolve()
                write_file(file, data, file.stat().st_mode & 0o7777)
    result = FmtResult(tuple(after), tuple(diff_lines({name: before[name] for name in after}, after)))
    return Outcome(result, Exit.CHANGES if check and after else Exit.FINE)


def _judged(path: Path) -> tuple[Mapping[str, bytes], dict[str, bytes]]:
    """The files as they are, and those that change."""
    loaded = load(path)
    broken = tuple(f for f in loaded.findings if f.code in ("spec.syntax", "spec.unreadable", "spec.include"))
    if broken or not loaded.texts:
        raise SpecError(broken or loaded.findings)
    changed = {}
    for name, data in loaded.texts.items():
        try:
            made = formatted(data.decode()).encode()
        except ValueError as error:
            raise SpecError((Finding("spec.syntax", str(error), place=SourceLocation(name, 1, 1)),)) from None
        if made != data:
            changed[name] = made
    return loaded.texts, changed
