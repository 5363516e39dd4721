"""The edits of the spec that an apply would carry, and who made them: everybody's, not only those of who applies.

Compared is the spec that was applied last, as the history keeps it (else the last commit: then only what nobody
committed is told). Who wrote a line is git's blame; of lines that nobody committed, what the history of edits says,
else whose file it is and since when. Where neither git nor that history is there, nothing is told.
"""

from __future__ import annotations

import pwd
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from difflib import SequenceMatcher
from itertools import groupby
from pathlib import Path

from fleethub.clients import git
from fleethub.model.history import HistoryEntry, edit_entry
from fleethub.model.observation import Lockfile
from fleethub.model.text import flat, moment, named
from fleethub.operations import history
from fleethub.operations.edit_write import HISTORY
from fleethub.stores.history import read as read_lines
from fleethub.stores.interface import Store, StoreError

FEW = 6  # stretches of lines that are named
NOBODY = "not committed"


def notes(store: Store, root: Path, digest: str, texts: Mapping[str, bytes], lockfile: Lockfile | None) -> list[str]:
    """A note for each file of the spec that differs from what was applied; none where nothing can be told."""
    if lockfile is not None and lockfile.applied.spec == digest:
        return []
    try:
        inside, before = git.inside(root), _applied(store, lockfile)
        if before is None and not inside:
            return []
        differing = git.differing(root) if before is None else frozenset(texts)
        found = []
        for name, data in texts.items():
            if name not in differing:
                continue
            old = git.committed_text(root, name) if before is None else before.get(name)
            if (old or b"").splitlines() == data.splitlines():
                continue
            stretches = list(_stretches(root, name, old or b"", data, digest, inside))
            shown = "; ".join(stretches[:FEW]) + (f"; and {len(stretches) - FEW} more" if stretches[FEW:] else "")
            if shown or inside:
                since = "since the last apply" if before is not None else "since the last commit"
                found.append(f"{name} was edited {since}: {shown or _removed(root, name, digest)}")
        gone = sorted(set(before or ()) - set(texts)) if inside else []
        return found + ([f"{', '.join(gone)}: no part of the spec any more"] if gone else [])
    except (git.GitError, OSError, StoreError):
        return []  # who wrote it is no reason not to plan


def _applied(store: Store, lockfile: Lockfile | None) -> Mapping[str, bytes] | None:
    if lockfile is None:
        return None
    spec = history.spec_of(store, HistoryEntry("", "apply", spec=lockfile.applied.spec))
    return spec.files if spec is not None else None


def _stretches(root: Path, name: str, before: bytes, now: bytes, digest: str, inside: bool) -> Iterable[str]:
    """``14-16 Ana (1a2b3c4d)`` for each stretch of new lines of one author."""
    lines = list(_new_lines(before, now))
    if not lines:
        return
    authors = git.blame(root, name) if inside else {}
    uncommitted = _writer(root, name, digest, inside)

    def who(line: int) -> str:
        author, commit = authors.get(line, ("", ""))
        return f"{named(flat(author))} ({commit})" if commit else uncommitted

    for author, group in groupby(lines, who):
        if not author:
            continue
        numbers = list(group)
        where = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        yield f"{'line' if len(numbers) == 1 else 'lines'} {where} {author}"


def _removed(root: Path, name: str, digest: str) -> str:
    """Who took lines out of a file that git knows."""
    author, commit = ("", "") if name in git.differing(root) else git.last(root, name)
    return f"lines were removed, {f'{named(flat(author))} ({commit})' if commit else _writer(root, name, digest, True)}"


def _new_lines(before: bytes, now: bytes) -> Iterable[int]:
    """The numbers, from 1, of the lines that are new or changed."""
    old, new = (text.decode(errors="replace").splitlines() for text in (before, now))
    for kind, _, _, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind in ("insert", "replace"):
            yield from range(first + 1, last + 1)


def _writer(root: Path, name: str, digest: str, inside: bool) -> str:
    """Who wrote what is in no commit, as far as that can be told; empty: nothing is known."""
    edits: Sequence[HistoryEntry] = [
        made for line in read_lines(root / HISTORY) if (made := edit_entry(line)).spec == digest
    ]
    if edits:
        last = edits[-1]
        of = f" for {named(last.owner)}" if last.owner else ""
        return f"{NOBODY}, by {named(last.by)}{of} ({flat(last.says)}, {moment(last.at, minutes=True)})"
    if not inside:
        return ""
    seen = (root / name).stat()
    owner = str(seen.st_uid)
    with suppress(KeyError):
        owner = pwd.getpwuid(seen.st_uid).pw_name
    when = datetime.fromtimestamp(seen.st_mtime, UTC).isoformat(timespec="minutes")
    return f"{NOBODY} (the file is {named(owner)}'s, written {moment(when, minutes=True)})"
