"""What the commands of ``fleethub state`` share: they ask before they write, and say what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleethub.cli.output import Out
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.operations.state_write import StateWritten


def agreed(out: Out, yes: bool, dry_run: bool, question: str) -> bool:
    """Whether it is to be written; raises ClickException where nobody can say so."""
    if dry_run:
        out.text("\nA dry run: nothing was written.")
        return False
    if yes:
        return True
    if says := out.unasked("written"):
        raise click.ClickException(says)
    if click.confirm(f"\n{question}", default=False):
        return True
    out.text("Not written.")
    return False


def ended(out: Out, code: Exit, written: StateWritten | None = None) -> Exit:
    """Say what was written, and end with this code."""
    if written is not None:
        before = f", after {written.before}" if written.before is not None else ""
        out.text(f"{written.place} has serial {written.serial} now{before}.")
        for note in written.notes:
            out.text(f"note: {note}")
    out.line(
        {
            "type": "summary",
            "exit": int(code),
            "written": written is not None,
            "serial": written.serial if written else None,
            "notes": list(written.notes) if written else [],
        }
    )
    return code
