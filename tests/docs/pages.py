"""The console blocks of a page, and whether what a command wrote is what the page shows of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: An invisible line before a block: what is so by then (``scenes.py``).
SCENE = re.compile(r"<!-- scene: (.+) -->")
EXIT = re.compile(r"\bexit code (\d+)")
QUESTION = re.compile(r"^(.*\[y/N\]:?) (\S+)$|^(Type .+:) (\S+)$")
#: What differs from run to run, in what is shown and in what is written.
VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00|Z)?"), "TIME"),
    (re.compile(r"\b\d+ (s|min|h) ago\b"), "AGO"),
    (re.compile(r"\b(plan |Plan |p-)[0-9a-f]{8,12}\b"), r"\1ID"),
    (re.compile(r"-[0-9a-f]{8}\.seed\b"), "-ID8.seed"),
    (re.compile(r"127\.0\.0\.1:\d{4,5}/postgres\b"), "127.0.0.1:PORT/postgres"),
    (re.compile(r"127\.0\.0\.1:\d{5}\b"), "127.0.0.1:PORT"),
    (re.compile(r"/tmp/[\w./-]*?fleethub-[\w-]+"), "FOLDER"),
)


@dataclass(frozen=True)
class Command:
    """One command of a block: ``text`` as it is typed, ``shown`` the lines below it, ``code`` what it ends with."""

    text: str
    shown: tuple[str, ...]
    code: int
    line: int

    @property
    def answers(self) -> tuple[str, ...]:
        """What is typed at the questions that are shown."""
        found = (QUESTION.match(line) for line in self.shown)
        return tuple(match[2] or match[4] for match in found if match)


@dataclass(frozen=True)
class Block:
    """The commands between two fences, and the scenes that are set before them."""

    commands: tuple[Command, ...]
    scenes: tuple[str, ...]
    line: int


def blocks(path: Path) -> list[Block]:
    """The console blocks of a page, in their order."""
    found: list[Block] = []
    scenes: list[str] = []
    start, kind = 0, ""
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if match := SCENE.fullmatch(line.strip()):
            scenes.append(match[1])
        elif line.startswith("```"):
            if start:
                if kind == "console":
                    found.append(Block(_commands(lines[start : number - 1], start + 1), tuple(scenes), start))
                    scenes = []
                start = 0
            else:
                start, kind = number, line[3:].strip()
    return found


def fences(path: Path) -> list[tuple[int, str, str]]:
    """Each fenced block of a page: the line it begins at, its language, its text."""
    text = path.read_text()
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in found]


def _commands(lines: Sequence[str], first: int) -> tuple[Command, ...]:
    found: list[tuple[int, list[str], list[str]]] = []
    typing = False
    for number, line in enumerate(lines, first):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif not found:
            raise ValueError(f"line {number}: a console block begins with a command")
        elif typing or (not found[-1][2] and line.startswith("  ") and line.strip().startswith("#")):
            found[-1][1].append(line)
        else:
            found[-1][2].append(line)
        typing = line.endswith("\\") and not found[-1][2]
    return tuple(_command(number, typed, shown) for number, typed, shown in found)


def _command(number: int, typed: Sequence[str], shown: list[str]) -> Command:
    text = "\n".join(typed)
    code = EXIT.search(text)
    while shown and not shown[-1]:
        shown.pop()
    return Command(text, tuple(shown), int(code[1]) if code else 0, number)


def plain(line: str) -> str:
    """A line without what varies and without the width of its columns."""
    for pattern, name in VARIES:
        line = pattern.sub(name, line)
    return " ".join(line.split())


def differs(shown: Sequence[str], written: str) -> str:
    """Empty where the page shows what was written: ``…`` alone on a line is any number of lines, within one any text.
    Nothing shown is no claim. Else the first line that is shown and was not written.
    """
    want = [plain(line) for line in shown]
    got = [plain(line) for line in written.splitlines()]
    while got and not got[-1]:
        got.pop()
    if not want:
        return ""
    at, free = 0, False
    for line in want:
        if line == "…":
            free = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        end = len(got) if free else min(at + 1, len(got))
        here = next((index for index in range(at, end) if pattern.fullmatch(got[index])), None)
        if here is None:
            return line + (f"\n  (there is: {got[at]})" if at < len(got) and not free else "")
        at, free = here + 1, False
    return "" if free or at == len(got) else f"the end\n  (there is more: {got[at]})"
