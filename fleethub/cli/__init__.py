"""The command line. Each command is one module, imported when it is called: ``--help`` imports click alone."""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
from typing import Any, NoReturn

import click

from fleethub import __version__
from fleethub.cli import streams

#: heading -> command -> what it does, as ``--help`` has them. The module of a command's name holds it as ``cmd``.
GROUPS = {
    "Begin": {
        "init": "Write a runnable spec, its schema, a seed and .gitignore.",
        "import": "Take what runs into spec and lockfile, and change nothing of it.",
        "audit": "Say what is wrong with any LiteLLM, without a spec.",
        "demo": "Run the whole story on an embedded stand-in fleet.",
    },
    "Write the spec": {
        "validate": "Check the spec and what is rendered from it, offline.",
        "test": "Plan the cases in tests/, and say what is not as expected.",
        "fmt": "Put the spec's files into one layout.",
        "schema": "Print the JSON Schema of fleet.toml, for editors.",
        "assign": "Give a node another primary model, in the spec.",
        "release": "Take a node out of the spec.",
        "node": "Register a node, or set its fields, in the spec.",
        "rotate": "Give keys new values, in the spec; the old ones go last.",
        "approve": "Say yes or no to an edit that an agent proposed.",
    },
    "Plan and apply": {
        "plan": "Read what is there and show what would change.",
        "apply": "Make it so.",
        "destroy": "Remove everything that FleetHub made for this fleet.",
        "rollback": "Go back to the spec of an earlier apply.",
        "revoke": "End a key at once, on every replica.",
        "render": "Write the nodes' files to a folder, secrets as (sensitive).",
    },
    "Look": {
        "status": "Show what runs where, now.",
        "show": "Show everything about one address.",
        "why": "Say why one address is as it is, line by line.",
        "uses": "Say who uses one address, offline.",
        "graph": "Print the wiring as Mermaid, DOT, SVG or JSON.",
        "drift": "Show what somebody changed; --accept writes it into the spec.",
        "log": "Show who did what and when, and the spec of then.",
        "diff": "Show what applies changed since an earlier one.",
        "capacity": "Show what fits in VRAM, and what would make it fit.",
        "place": "Propose on which backends the models should lie; --drain empties one.",
        "verify": "Ask with each node's own key whether its chain works.",
        "logs": "Show the last lines that a node's program wrote.",
    },
    "Tell others": {
        "observe": "Read the fleet and keep what sessions are told of it.",
        "context": "Tell a session what there is and what is wrong, from that.",
        "tangleclaw": "Tell TangleClaw, and every coding session at its start.",
        "mcp": "Give agents the fleet as MCP tools; their edits are proposals.",
        "serve": "Serve the fleet's state over HTTP, with a page for people.",
    },
    "Look after": {
        "state": "What was last applied: look, correct, bring back.",
        "lock": "Who applies now; keep everybody from applying for a while.",
        "trust": "Show and change which hosts and commands this machine trusts.",
        "seed": "Check the seed, or say where it belongs.",
        "completion": "Print what a shell needs to complete commands and names.",
    },
}
COMMANDS = {name: does for group in GROUPS.values() for name, does in group.items()}


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
                formatter.write_dl([(name.ljust(widest), does) for name, does in commands.items()])


def _seconds(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """``30s``, ``5m``, ``1h``; a number alone is seconds."""
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


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line; ends the process with the command's exit code."""
    gc.set_threshold(100_000, 20, 20)  # the usual 700 looks for garbage 150 times while modules are imported
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # nobody else's code, nor a look for it, in each start
    streams.fit()
    sys.exit(streams.judged(_run(argv)))


def _run(argv: list[str] | None) -> int:
    options: dict[str, Any] = {}
    try:
        cli(args=argv, prog_name="fleethub", standalone_mode=False, obj=options)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:
        return int(stop.code or 0)
    except BaseException as error:
        from fleethub.cli.errors import report
        from fleethub.cli.output import Out, completed
        from fleethub.cli.whereabouts import called

        out: Out | None = options.get("out")
        as_json = out.json if out else "--json" in (sys.argv[1:] if argv is None else argv)
        return report(error, out.commands if out else completed(called()), as_json)
    return 0
