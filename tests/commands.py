"""Commands in texts, as the tests have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleethub.cli import COMMANDS
from fleethub.views.commands import Commands

#: Fields that hold parts of files, byte for byte.
FILES = {"description", "diff", "lockfile"}


class AsWritten(Commands):
    """As they stand in the code. What is made for programs may name commands in sentences alone, where they are
    completed.
    """

    def within(self, data: Any, sentence: bool = False) -> Any:
        """The data as it is; it fails where a command would not be completed."""
        marked = Commands("WHOLE", frozenset(COMMANDS))
        left = [text for text in texts(marked.within(data, sentence)) if marked.whole(text) != text]
        assert left == [], f"commands in fields that are no sentences: {left}"
        return data


def texts(data: Any) -> Iterator[str]:
    """All texts of JSON values but those of files."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for name, one in data.items():
            yield from texts(one) if name not in FILES else ()
    elif isinstance(data, list | tuple):
        for one in data:
            yield from texts(one)
