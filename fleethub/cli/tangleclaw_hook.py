"""``fleethub tangleclaw install-hook`` and ``uninstall-hook``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.whereabouts import program
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.integrations.claude_code.hook import SettingsEdit

F = TypeVar("F", bound=Callable[..., Any])


def which(command: F) -> F:
    """The options that say which settings, and whether to ask."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    for option in (
        click.option("-y", "--yes", is_flag=True, help="Write without asking."),
        click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing."),
        click.option("--project", type=folder, metavar="DIR", help="DIR/.claude/settings.local.json instead."),
        click.option("--user", is_flag=True, help="The user's ~/.claude/settings.json: every session (the default)."),
    ):
        command = option(command)
    return command


@click.command("install-hook", short_help="Show the fleet to every Claude session.")
@which
@click.pass_obj
def install_hook(options: dict[str, object], user: bool, project: Path | None, dry_run: bool, yes: bool) -> None:
    """Let Claude run fleethub context when a session starts, resumes or is compacted.

    Adds one entry to Claude's settings and changes no other value; a backup of the file is kept beside it.
    """
    from fleethub.integrations.claude_code.hook import hook_command, plan_install

    _run(options, user, project, dry_run, yes, lambda file: plan_install(file, hook_command(program())))


@click.command("uninstall-hook", short_help="Take that hook out again.")
@which
@click.pass_obj
def uninstall_hook(options: dict[str, object], user: bool, project: Path | None, dry_run: bool, yes: bool) -> None:
    """Take FleetHub's own hook out of Claude's settings, and nothing else."""
    from fleethub.integrations.claude_code.hook import plan_uninstall

    _run(options, user, project, dry_run, yes, plan_uninstall, install=False)


def _run(
    options: dict[str, object],
    user: bool,
    project: Path | None,
    dry_run: bool,
    yes: bool,
    plan: Callable[[Path], SettingsEdit],
    install: bool = True,
) -> None:
    out = Out(options)
    if user and project is not None:
        raise click.UsageError("--user and --project DIR name two files: give one of them")

    def work() -> int:
        from fleethub.integrations.claude_code import keep_out
        from fleethub.integrations.claude_code.hook import HookError, carry_out, without_hooks

        try:
            edit = plan(_settings(project))
            kept = keep_out.Kept() if project is None or not install else keep_out.look(project, edit.path)
            changes = edit.changes or bool(kept.lines)
            for old in edit.old:
                out.text(f"an old hook of FleetHub's, which does nothing any more, is replaced: {old}")
            lines = (*edit.preview, *(f"{kept.file}: + {line}" for line in kept.lines))
            written = changes and not dry_run and _agreed(out, edit, lines, yes)
            if written:
                keep_out.carry_out(kept)  # first: the files never lie there for git to take
            backup = carry_out(edit) if written and edit.changes else None
        except HookError as error:
            raise click.ClickException(str(error)) from None
        if not changes:
            out.text(f"{edit.path} is as it should be; nothing was written.")
        elif not written:
            out.text("\n".join((*([] if not dry_run else lines), "Nothing was written.")))
        elif edit.changes:
            there = f"; what was there is in {backup}" if backup else ""
            out.text(f"{edit.path} was {'written' if edit.after is not None else 'removed'}{there}")
        if written and kept.lines:
            out.text(f"git leaves {'both' if backup else 'it'} alone: {kept.file} says so, in this clone alone")
        silent = without_hooks((edit.path, *_others(project))) if install else ()
        notes = (*kept.notes, *(f"{file} has disableAllHooks: while it has, Claude runs no hook" for file in silent))
        if notes:
            out.text("\n".join(f"note: {note}" for note in notes))
        code = Exit.FINE if written or dry_run or not changes else Exit.ERROR
        out.line(
            {
                "type": "summary",
                "exit": int(code),
                "file": str(edit.path),
                "changes": changes,
                "written": written,
                "backup": str(backup) if backup else None,
                "preview": list(lines),
                "notes": list(notes),
            }
        )
        return code

    guarded(out, work)


def _others(project: Path | None) -> tuple[Path, ...]:
    """Settings that hold for the same sessions as those that are written."""
    from fleethub.integrations.claude_code.hook import project_settings, user_settings

    own = project_settings(project) if project is not None else None
    return (user_settings(Path.home()), *((own.with_name("settings.json"),) if own else ()))


def _agreed(out: Out, edit: SettingsEdit, lines: Sequence[str], yes: bool) -> bool:
    out.text("\n".join(lines))
    if yes:
        return True
    return out.asks("written", "-y") and click.confirm(f"\nWrite {edit.path}?", default=False)


def _settings(project: Path | None) -> Path:
    from fleethub.integrations.claude_code.hook import project_settings, user_settings

    return project_settings(project) if project is not None else user_settings(Path.home())
