"""``fleethub state``: each command is imported when it is called."""

from __future__ import annotations

import importlib

import click

#: command -> the module that has it, and what it does, in the order of ``--help``.
COMMANDS = {
    "init": ("keeping", "Make the store that [state] names ready."),
    "migrate": ("keeping", "Take the state to the store that [state] names by now."),
    "list": ("records", "Show what is recorded."),
    "show": ("records", "Show one record, as the lockfile has it."),
    "mv": ("records", "Put a record under another address."),
    "rm": ("records", "Forget a record; nothing is deleted."),
    "pull": ("versions", "Print the lockfile of the store, or write it to a file."),
    "push": ("versions", "Put a lockfile into the store."),
    "backups": ("versions", "Show the earlier lockfiles that can be had."),
    "restore": ("versions", "Bring an earlier lockfile back."),
    "rebuild": ("rebuilding", "Make a lost lockfile again from marks and spec."),
    "reconcile": ("merging", "One lockfile of two that clones wrote apart, by what is there."),
    "merge-driver": ("merging", "What git runs to merge fleet.lock; --install tells this clone's git."),
}


class Lazy(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command when it is called."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"fleethub.cli.state.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name.replace("-", "_") + "_")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for ``--help``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(cls=Lazy)
def cmd() -> None:
    """What FleetHub last applied: look at it, correct it, bring it back, make one of what two clones did.

    The state is fleet.lock. Commands that write take the fleet's lock, keep a backup, and raise the serial.
    """
