"""What a node's ``FLEETHUB.md`` must be: a short text for its agents, which are shown it whole."""

from __future__ import annotations

from fleethub.model.secret import Text

#: An agent's prompt carries it at each session.
BYTES = 4096


def finish(text: Text) -> Text:
    """The text as it is; raises ValueError when it is too long."""
    size = len(text.display().encode())
    if size > BYTES:
        raise ValueError(f"it has {size} bytes, and an agent's prompt has room for {BYTES}: say less")
    return text
