"""The command line as click has it. Each command is one module, imported when it is called."""

from __future__ import annotations

import importlib
import re

import click

from fleethub import __version__
from fleethub.cli import COMMANDS, GROUPS


class Lazy(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """With what people type elsewhere put as it is said here."""
        from fleethub.cli.habits import understood, without_folder

        words = args if ctx.resilient_parsing else understood(self, ctx, args)
        ctx.meta["fleethub.words"] = without_folder(words)
        return super().parse_args(ctx, list(words))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command when it is called."""
        if name in COMMANDS:
            command: click.Command = importlib.import_module(f"fleethub.cli.{name}").cmd
            return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The lists for ``--help``."""
        widest = max(map(len, COMMANDS))
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                lines = [f"  {name:{widest}}  {does}" for name, does in commands.items()]
                if max(map(len, lines)) < formatter.width:  # nothing to be wrapped, which takes long to find out
                    formatter.write("".join(f"{line}\n" for line in lines))
                else:
                    formatter.write_dl([(name.ljust(widest), does) for name, does in commands.items()])


def _seconds(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """``30s``, ``5m``, ``1h``; a number alone is seconds."""
    if value == "0s":  # as nearly always: there is no pattern to be compiled
        return 0.0
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(s|m|h)?", value.strip())
    if found is None:
        raise click.BadParameter(f"{value!r} is no time; write 30s, 5m or 1h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"]


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Say it and end; ``--json`` may stand on either side."""
    if not value or ctx.resilient_parsing:
        return
    if "--json" in ctx.meta.get("fleethub.words", ()):
        click.echo(f'{{"type": "version", "version": "{__version__}"}}\n{{"type": "summary", "exit": 0}}')
    else:
        click.echo(f"fleethub, version {__version__}")
    ctx.exit()


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
@click.option(
    "-C",
    "folder",
    metavar="DIR",
    help="The fleet's folder (or its fleet.toml); else the one that this folder lies in, else the only known one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print NDJSON for machines; the last line is a summary.")
@click.option(
    "--trust",
    multiple=True,
    metavar="URL[=REF]|COMMAND",
    help="Trust it for this run (also $FLEETHUB_TRUST, separated by spaces); may be repeated.",
)
@click.option(
    "--lock-timeout",
    default="0s",
    callback=_seconds,
    envvar="FLEETHUB_LOCK_TIMEOUT",
    metavar="TIME",
    help="Wait so long for the fleet's lock, when somebody has it: 30s, 5m.",
)
@click.option("--verbose", "-v", is_flag=True, help="Log what is sent to standard error, without any secret.")
@click.option("--debug", is_flag=True, help="The same, and where a bug is.")
@click.option("--no-color", is_flag=True, help="Print without colour (so does NO_COLOR).")
@click.pass_context
def cli(
    ctx: click.Context,
    folder: str | None,
    as_json: bool,
    trust: tuple[str, ...],
    lock_timeout: float,
    verbose: bool,
    debug: bool,
    no_color: bool,
) -> None:
    """Plan and apply for a self-hosted AI inference fleet.

    Exit codes: 0 fine, 1 error or all blocked by unknowns, 2 changes (plan --detailed-exitcode), 3 refused by a
    finding, 4 stale or behind, 5 locked, 6 partly applied, 70 a bug, 130 interrupted.
    """
    if verbose or debug:
        from fleethub.cli.verbose import start

        start(debug)
    ctx.ensure_object(dict).update(
        {
            "folder": folder,
            "json": as_json,
            "no_color": no_color,
            "trust": trust,
            "lock_timeout": lock_timeout,
        }
    )
