"""What an edit changes of a text, as people and programs read it: a unified diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from itertools import groupby

from fleethub.fleetspec.report import redacted

CONTEXT = 3  # lines around what changed
TOGETHER = 8  # changed lines in a row, at most, where line stands for line


def diff_lines(before: Mapping[str, bytes], after: Mapping[str, bytes | None]) -> Iterable[str]:
    """Unified diff lines, without what a comment may hold of secrets or of what a terminal obeys."""
    for name, data in after.items():
        old, new = (text.decode().replace("\r\n", "\n").split("\n") for text in (before.get(name, b""), data or b""))
        names = (name if name in before else "/dev/null", name if data is not None else "/dev/null")
        for side in (old, new):
            if side[-1] == "":
                side.pop()
        lines = _in_place(old, new, names)
        found = unified_diff(old, new, *names, lineterm="") if lines is None else lines
        yield from (redacted(line.replace("\t", "    ")) for line in found)


def _in_place(old: Sequence[str], new: Sequence[str], names: tuple[str, str]) -> Iterator[str] | None:
    """The diff of texts in which a few lines became others; None where it may be more. difflib looks for what moved,
    which for a thousand changed lines takes longer than all else.
    """
    changed = [at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other]
    runs = [[at for _, at in run] for _, run in groupby(enumerate(changed), key=lambda one: one[1] - one[0])]
    if len(old) != len(new) or not all(len(run) <= TOGETHER for run in runs):
        return None
    return _hunks(old, new, names, runs)


def _hunks(
    old: Sequence[str], new: Sequence[str], names: tuple[str, str], runs: Sequence[Sequence[int]]
) -> Iterator[str]:
    hunks: list[list[Sequence[int]]] = []
    for run in runs:
        if hunks and run[0] - hunks[-1][-1][-1] <= 2 * CONTEXT + 1:
            hunks[-1].append(run)
        else:
            hunks.append([run])
    if hunks:
        yield from (f"--- {names[0]}", f"+++ {names[1]}")
    for hunk in hunks:
        start, end = max(hunk[0][0] - CONTEXT, 0), min(hunk[-1][-1] + CONTEXT + 1, len(old))
        told = f"{start + 1},{end - start}" if end - start != 1 else f"{start + 1}"
        yield f"@@ -{told} +{told} @@"
        at = start
        for run in hunk:
            yield from (f" {line}" for line in old[at : run[0]])
            yield from (f"-{old[n]}" for n in run)
            yield from (f"+{new[n]}" for n in run)
            at = run[-1] + 1
        yield from (f" {line}" for line in old[at:end])
