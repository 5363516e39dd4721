"""``fleethub tangleclaw``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.tangleclaw_hook import install_hook, uninstall_hook
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from pathlib import Path

    from fleethub.integrations.tangleclaw.operation import Access
    from fleethub.integrations.tangleclaw.result import TangleClawReport

F = TypeVar("F", bound=Callable[..., Any])
GROUP = "AI Inference"


@click.group()
def cmd() -> None:
    """Tell TangleClaw about this fleet, and every Claude session at its start.

    register puts FLEETHUB.md among a project group's shared documents; install-hook makes Claude run fleethub context
    when a session starts. They do not depend on each other. Exit 1 when a step could not be done.
    """


def where(command: F) -> F:
    """The options that say which TangleClaw, and with which token."""
    api = click.option(
        "--api", metavar="URL", help="TangleClaw's URL; without it TANGLECLAW_API, else http://localhost:3101."
    )
    token = click.option(
        "--token", metavar="REF", help="Its service token, by reference: env:NAME, file:PATH or command:ARGV."
    )
    return api(token(command))


@cmd.command(short_help="Register FLEETHUB.md as a shared document.")
@where
@click.option("--group", default=GROUP, show_default=True, metavar="NAME", help="The project group; made if missing.")
@click.option(
    "--member", "members", multiple=True, type=click.IntRange(1), metavar="ID", help="A project to add, by id; again."
)
@click.pass_obj
def register(
    options: dict[str, object], api: str | None, token: str | None, group: str, members: tuple[int, ...]
) -> None:
    """Register FLEETHUB.md as a shared document. Doing it again changes nothing."""
    if not group.strip() or not group.isprintable():
        raise click.UsageError("--group must be a name of visible characters")
    _run(
        options,
        api,
        token,
        lambda use, root, access: use.register_document(root, access, group, tuple(dict.fromkeys(members))),
    )


@cmd.command(short_help="Show what TangleClaw has of this fleet.")
@where
@click.option("--group", default=GROUP, show_default=True, metavar="NAME", help="The project group to look for.")
@click.pass_obj
def status(options: dict[str, object], api: str | None, token: str | None, group: str) -> None:
    """Show what TangleClaw has of this fleet. Changes nothing."""
    _run(options, api, token, lambda use, root, access: use.document_status(root, access, group))


@cmd.command(short_help="Take that document back.")
@where
@click.pass_obj
def unregister(options: dict[str, object], api: str | None, token: str | None) -> None:
    """Remove the document that was registered from here. Its file and the group stay."""
    _run(options, api, token, lambda use, root, access: use.unregister_document(root, access))


cmd.add_command(install_hook)
cmd.add_command(uninstall_hook)


def _run(
    options: dict[str, object], api: str | None, token: str | None, act: Callable[[Any, Path, Access], TangleClawReport]
) -> None:
    out = Out(options)

    def work() -> int:
        from fleethub.integrations.tangleclaw import operation as use
        from fleethub.integrations.tangleclaw.shared_document import SharedDocumentError
        from fleethub.integrations.tangleclaw.view import report_data, report_text, summary_data

        try:
            report = act(use, use.fleet_root(out.path), use.access(api, token, os.environ))
        except SharedDocumentError as error:
            raise click.ClickException(str(error)) from None
        code = Exit.FINE if report.fine else Exit.ERROR
        out.text(report_text(report, out.style))
        out.lines(report_data(report))
        out.line(summary_data(report, int(code)))
        return code

    guarded(out, work)
