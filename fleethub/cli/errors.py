"""What a command prints and returns when it cannot go on."""

from __future__ import annotations

import json
import os
import sys
import traceback

import click

from fleethub.cli.whereabouts import called
from fleethub.model.errors import FleetHubError
from fleethub.model.exit import Exit
from fleethub.views.commands import AS_WRITTEN, Commands
from fleethub.views.style import escaped, seen


def report(error: BaseException, commands: Commands = AS_WRITTEN, as_json: bool = False) -> int:
    """Say what is wrong, with ``--json`` as the last line too, and give the exit code.

    What it says to type works where the command was typed: see ``commands``.
    """
    if isinstance(error, click.UsageError) and error.ctx is not None:
        error.ctx.find_root().info_name = called()  # of "Try '… --help'"
    code, said = _judge(error)
    message = seen(commands.whole(said))
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(message, err=True)  # the help; that no command is named says itself
        message = "no command is named"
    elif isinstance(error, click.ClickException):
        usage = error.ctx if isinstance(error, click.UsageError) else None
        (click.UsageError(message, usage) if usage else click.ClickException(message)).show()
    else:
        if isinstance(error, click.Abort) and error.__cause__ is None and sys.stderr.isatty():
            click.echo(err=True)  # a question's line is not ended yet
        click.echo(message, err=True)
    if as_json:
        click.echo(escaped(json.dumps({"type": "summary", "exit": int(code), "error": message})))
    return code


def _judge(error: BaseException) -> tuple[Exit, str]:
    """Exit code and message; what nobody foresaw is a bug of ours: 70."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Exit.INTERRUPTED, "interrupted; the next plan sees what was done"
    if isinstance(error, click.ClickException):
        return Exit.ERROR, error.format_message()
    if isinstance(error, FleetHubError):
        return error.exit, f"error: {error}"
    if isinstance(error, OSError):
        known = error.strerror is not None and error.filename is not None and error.filename2 is None
        return Exit.ERROR, f"error: {error.strerror}: {str(error.filename)!r}" if known else f"error: {error}"
    if os.environ.get("FLEETHUB_DEBUG"):
        traceback.print_exception(error)
    # source lines hold no values, so no secret; the message of an unforeseen error might
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = [f"  {os.path.basename(f.filename)}:{f.lineno} in {f.name}" for f in frames]  # noqa: PTH119
    return Exit.BUG, "\n".join((f"fleethub has a bug ({type(error).__name__}); please report:", *where))
