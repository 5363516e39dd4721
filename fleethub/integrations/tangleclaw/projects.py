"""What a project is called of which only TangleClaw's id is known, as in a newer pane."""

from __future__ import annotations

import os
from pathlib import Path

from fleethub.integrations.tangleclaw import shared_document as kept

SECONDS = 2.0  # for one answer: an edit waits for it


def name_of(root: Path, number: str) -> str | None:
    """The name of a project by its id: as the group's members are remembered, else as the TangleClaw says that the
    fleet is registered with, or that started this pane; None where none of them knows it. Never raises.
    """
    known = kept.names(root / ".fleethub").get(number)
    return known if known is not None else _asked(root, number)


def _asked(root: Path, number: str) -> str | None:
    from fleethub.integrations.tangleclaw.access import Access, Unusable, access, connected
    from fleethub.integrations.tangleclaw.client import TangleClawError
    from fleethub.integrations.tangleclaw.log import Log

    mine = os.environ.get("TANGLECLAW_PROJECT_ID", "").strip() == number
    try:
        before = kept.read(root / ".fleethub")
        pane = access(None, None, os.environ) if mine else Access()
    except (kept.SharedDocumentError, Unusable):
        return None
    base = before.base if before is not None else pane.default
    if base is None:
        return None
    with connected(Log(base, root), pane, before, SECONDS) as client:
        try:
            there = client.projects() if client is not None else []
        except TangleClawError:
            return None
    return next((one.name for one in there if str(one.id) == number), None)
