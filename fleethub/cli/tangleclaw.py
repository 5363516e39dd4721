"""``fleethub tangleclaw``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.tangleclaw_hook import install_hook, uninstall_hook
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.integrations.tangleclaw.access import Access
    from fleethub.integrations.tangleclaw.result import TangleClawReport

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def cmd() -> None:
    """Tell TangleClaw about this fleet, and every Claude session at its start.

    register puts FLEETHUB.md among a project group's shared documents; install-hook makes Claude run fleethub context
    when a session starts. They do not depend on each other. Exit 1 when a step could not be done.
    """


def where(command: F) -> F:
    """The options that say which TangleClaw, and with which token."""
    api = click.option(
        "--api",
        metavar="URL",
        help="TangleClaw's URL; else TANGLECLAW_API, the registered one, its own settings.",
    )
    token = click.option(
        "--token", metavar="REF", help="Its service token, by reference: env:NAME, file:PATH or command:ARGV."
    )
    ca = click.option(
        "--ca",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A PEM file with its certificate, or that of the authority that made it (mkcert's); remembered.",
    )
    return api(token(ca(command)))


@cmd.command(short_help="Register FLEETHUB.md as a shared document.")
@where
@click.option(
    "--group",
    metavar="NAME",
    help="The project group, made if missing; else the one registered with, that shares the folder, or AI Inference.",
)
@click.option(
    "--member", "members", multiple=True, metavar="PROJECT", help="A project to add, by name or id; may be repeated."
)
@click.pass_obj
def register(
    options: dict[str, object],
    api: str | None,
    token: str | None,
    ca: Path | None,
    group: str | None,
    members: tuple[str, ...],
) -> None:
    """Register FLEETHUB.md as a shared document. Doing it again changes nothing."""
    if any(not name.strip() or not name.isprintable() for name in (*members, *([] if group is None else [group]))):
        raise click.UsageError("--group and --member take names of visible characters")
    _run(
        options,
        api,
        token,
        ca,
        lambda use, root, access: use.register_document(root, access, group, tuple(dict.fromkeys(members))),
    )


@cmd.command(short_help="Show what TangleClaw has of this fleet.")
@where
@click.option("--group", metavar="NAME", help="The project group to look for, where register would not find it.")
@click.pass_obj
def status(options: dict[str, object], api: str | None, token: str | None, ca: Path | None, group: str | None) -> None:
    """Show what TangleClaw has of this fleet, and who sees it. Changes nothing."""
    _run(options, api, token, ca, lambda use, root, access: use.document_status(root, access, group))


@cmd.command(short_help="Take that document back.")
@where
@click.pass_obj
def unregister(options: dict[str, object], api: str | None, token: str | None, ca: Path | None) -> None:
    """Remove the document that was registered from here. Its file and the group stay."""
    _run(options, api, token, ca, lambda use, root, access: use.unregister_document(root, access))


@cmd.command("install-rule", short_help="Point sessions of every engine to the fleet.")
@where
@click.argument("projects", nargs=-1, required=True, metavar="PROJECT...")
@click.pass_obj
def install_rule(
    options: dict[str, object], api: str | None, token: str | None, ca: Path | None, projects: tuple[str, ...]
) -> None:
    """Give projects (names or ids) one startup rule that says which command tells of the fleet, and which changes it.

    It reaches Codex, Aider and governed projects too, which get neither a hook nor documents. TangleClaw shows it as
    the operator's own word, so it never holds any state. Doing it again changes nothing.
    """
    from fleethub.cli.whereabouts import program

    words = shlex.join(program())
    _run(options, api, token, ca, lambda use, root, access: _rules().install(root, access, _once(projects), words))


@cmd.command("uninstall-rule", short_help="Take that rule away again.")
@where
@click.argument("projects", nargs=-1, required=True, metavar="PROJECT...")
@click.pass_obj
def uninstall_rule(
    options: dict[str, object], api: str | None, token: str | None, ca: Path | None, projects: tuple[str, ...]
) -> None:
    """Take FleetHub's own startup rule from projects, and no other."""
    _run(options, api, token, ca, lambda use, root, access: _rules().uninstall(root, access, _once(projects)))


def _once(projects: tuple[str, ...]) -> tuple[str, ...]:
    if any(not name.strip() or not name.isprintable() for name in projects):
        raise click.UsageError("a project's name is of visible characters")
    return tuple(dict.fromkeys(projects))


def _rules() -> ModuleType:
    from fleethub.integrations.tangleclaw import rules

    return rules


cmd.add_command(install_hook)
cmd.add_command(uninstall_hook)


def _run(
    options: dict[str, object],
    api: str | None,
    token: str | None,
    ca: Path | None,
    act: Callable[[Any, Path, Access], TangleClawReport],
) -> None:
    out = Out(options)

    def work() -> int:
        from fleethub.integrations.tangleclaw import operation as use
        from fleethub.integrations.tangleclaw.access import access
        from fleethub.integrations.tangleclaw.shared_document import SharedDocumentError
        from fleethub.integrations.tangleclaw.view import report_data, report_text, summary_data

        try:
            report = act(use, use.fleet_root(out.path), access(api, token, os.environ, ca))
        except SharedDocumentError as error:
            raise click.ClickException(str(error)) from None
        code = Exit.FINE if report.fine else Exit.ERROR
        out.text(report_text(report, out.style))
        out.lines(report_data(report))
        out.line(summary_data(report, int(code)))
        return code

    guarded(out, work)
