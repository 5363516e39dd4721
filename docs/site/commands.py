"""The reference of commands: each with its own help, as a terminal of 100 columns shows it."""

from __future__ import annotations

from collections.abc import Iterator

import click

WIDTH = 100


def commands_page() -> str:
    """Every command that is listed, and every command of a group."""
    from fleethub.cli.group import cli

    settings = {**cli.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    top = click.Context(cli, info_name="fleethub", **settings)
    return "# Commands\n\n" + "\n".join(_of(cli, top, 2))


def _of(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    if level > 2:
        yield f"{'#' * (level - 1)} {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            if one is not None and not one.hidden:
                below = click.Context(one, info_name=name, parent=context)
                yield from _of(one, below, level + 1)
