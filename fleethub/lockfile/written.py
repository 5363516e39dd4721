"""The TOML that ``fleet.lock`` is written as, read line by line: a sixth of what reading any TOML takes.

Of a thousand nodes it is a megabyte, which every command reads. Whatever is not just as it is written here is not
understood, and read as TOML then: nothing is taken for right that ``tomllib`` refuses.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

_IN_TEXT = r'[^"\\\x00-\x1f\x7f]'
_NAME = rf'(?:[A-Za-z0-9_-]+|"{_IN_TEXT}+")'
_NAMES = rf"{_NAME}(?:\.{_NAME})*"
_LINE = re.compile(
    rf"""(?:
    (?P<name>{_NAME})\ =\ (?:
        "(?P<text>{_IN_TEXT}*)"
      | (?P<number>0|[1-9][0-9]{{0,17}})
      | (?P<truth>true|false)
      | (?P<texts>\[\n(?:\ {{4}}"{_IN_TEXT}*",\n)*\])
      | (?P<rest>\[\n(?:\ {{4}}.*\n)*\]|.+)
    )
    | \[(?P<table>{_NAMES})\]
    | \[\[(?P<entry>{_NAMES})\]\]
    | (?P<nothing>(?:\#{_IN_TEXT}*)?)
    )\n""",
    re.VERBOSE,
)
_TEXTS, _PARTS = re.compile(rf'"({_IN_TEXT}*)"'), re.compile(_NAME)


def read(text: str) -> dict[str, Any] | None:
    """The document; None: read it as TOML."""
    root: dict[str, Any] = {}
    here, at, lists = root, 0, set[int]()
    while at < len(text):
        line = _LINE.match(text, at)
        if line is None:
            return None
        at, what = line.end(), line.lastgroup
        if what == "nothing":
            continue
        if what == "table" or what == "entry":
            found = _entered(root, line[what], lists if what == "entry" else None)
            if found is None:
                return None
            here = found
            continue
        name = line["name"].strip('"')
        if name in here:
            return None
        if what == "text":
            here[name] = line["text"]
        elif what == "number":
            here[name] = int(line["number"])
        elif what == "truth":
            here[name] = line["truth"] == "true"
        elif what == "texts":
            here[name] = _TEXTS.findall(line["texts"])
        else:
            try:
                here |= tomllib.loads(line[0])
            except (ValueError, RecursionError):
                return None
            if isinstance(here[name], dict):  # to which no table may add
                return None
    return root


def _entered(root: dict[str, Any], path: str, lists: set[int] | None) -> dict[str, Any] | None:
    """The new table of a heading, in one of the ``lists`` where it is an entry; None where it is none."""
    here = root
    *above, name = (part.strip('"') for part in _PARTS.findall(path))
    for part in above:
        below = here.setdefault(part, {})
        if type(below) is not dict:
            return None
        here = below
    made: dict[str, Any] = {}
    if lists is None:
        return None if name in here else here.setdefault(name, made)
    if name not in here:
        entries: list[dict[str, Any]] = []
        here[name] = entries
        lists.add(id(entries))
    elif id(here[name]) not in lists:
        return None
    here[name].append(made)
    return made
