"""Commands in texts: written ``fleethub WORD`` throughout, and completed here, so that they work where their reader is.

Every front end passes what it says through one ``Commands``: the command line, its JSON, its errors, the HTTP API with
its page, and the tools for agents. Standard library only: ``fleethub context`` runs at every session's start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

#: Fields of JSON that hold sentences for people. In the others (names, addresses, values) nothing is rewritten.
SENTENCES = frozenset(
    (
        *("beside", "consequence", "detail", "drift", "error", "failed", "hint", "message", "next", "notes", "problem"),
        *("reason", "says", "sentence", "summary", "waits", "why"),
    )
)
_NAMED = re.compile(r"(?<![\w./-])fleethub ([a-z][a-z-]*)(?![\w/-]|\.\w)")


class Commands(NamedTuple):  # no dataclass: those are imported with what reads Python's own source
    """``words`` begin a command, like ``/opt/venv/bin/fleethub -C /srv/fleet``; ``names`` are those of all commands."""

    words: str = "fleethub"
    names: frozenset[str] = frozenset()

    def whole(self, text: str) -> str:
        """A text in which each ``fleethub NAME`` of a command begins with ``words``; all else stays as it is."""
        if self.words == "fleethub" or "fleethub " not in text:
            return text
        return _NAMED.sub(lambda found: f"{self.words} {found[1]}" if found[1] in self.names else found[0], text)

    def within(self, data: Any, sentence: bool = False) -> Any:
        """JSON values whose sentences are whole."""
        if isinstance(data, str):
            return self.whole(data) if sentence else data
        if self.words == "fleethub":
            return data
        if isinstance(data, Mapping):
            return {name: self.within(one, name in SENTENCES) for name, one in data.items()}
        if isinstance(data, list | tuple):
            return [self.within(one, sentence) for one in data]
        return data


AS_WRITTEN = Commands()
