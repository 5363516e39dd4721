"""What a command prints and returns when it cannot go on."""

from __future__ import annotations

import os
import traceback

import click

from fleethub.model.exit import Exit


def report(error: BaseException) -> int:
    """Say what is wrong, and give the exit code. What nobody foresaw is a bug of ours: 70."""
    from fleethub.state.format import LockfileError
    from fleethub.state.lock import LockedError
    from fleethub.usecases import NotThereYet

    if isinstance(error, LockedError):
        click.echo(f"error: {error}", err=True)
        return Exit.LOCKED
    if isinstance(error, LockfileError | NotThereYet | OSError):
        click.echo(f"error: {error}", err=True)
        return Exit.ERROR
    # a traceback's source lines hold no values, so no secret; the message of an unforeseen error might
    where = traceback.extract_tb(error.__traceback__)
    click.echo(f"fleethub has a bug ({type(error).__name__}); nothing more was done. Please report:", err=True)
    for frame in where[-6:]:
        click.echo(f"  {os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}", err=True)  # noqa: PTH119
    if os.environ.get("FLEETHUB_DEBUG"):
        traceback.print_exception(error)
    return Exit.BUG
