"""What the named tables of a spec have in common, and how patterns name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from fnmatch import fnmatchcase

from fleethub.model.dataclass import dataclass
from fleethub.model.finding import SourceLocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What every named table of the spec has. ``projects`` are other names under which its owner's sessions come."""

    name: str
    owner: str = ""
    projects: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    place: SourceLocation | None = None


def is_named(name: str, labels: Mapping[str, str], patterns: Iterable[str]) -> bool:
    """Whether one of the patterns names a block: by its name with ``*`` and ``?``, or by ``@label`` or
    ``@label=value``.
    """
    for pattern in patterns:
        label, equals, value = pattern[1:].partition("=")
        if pattern.startswith("@"):
            if label in labels and (not equals or labels[label] == value):
                return True
        elif fnmatchcase(name, pattern):
            return True
    return False
