"""Where output goes: colour on a terminal, plain lines elsewhere, NDJSON for machines."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleethub.cli import whereabouts
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding
from fleethub.model.text import plural
from fleethub.views.style import Style, escaped, seen

if TYPE_CHECKING:
    from fleethub.operations.trust import New, Trusting


#: Where the words are kept that were typed, without those for all commands.
WORDS = "fleethub.words"


def words_of_now() -> list[str]:
    """The command that runs now as it was typed, without ``-C``."""
    context = click.get_current_context(silent=True)
    words: list[str] = context.meta.get(WORDS, []) if context is not None else []
    return words


def commands() -> Iterable[str]:
    """The names of all commands."""
    from fleethub.cli import COMMANDS

    return COMMANDS


class Out:
    """Made from the global options. ``ctx.obj`` of the command line."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._folder: str | None = options["folder"]
        self.json: bool = options["json"]
        self._trust: tuple[str, ...] = options.get("trust", ())
        self.wait: float = options.get("lock_timeout", 0.0)  # seconds that the fleet's lock is waited for
        self.terminal = sys.stdout.isatty()
        colour = self.terminal and not options["no_color"] and not os.environ.get("NO_COLOR")
        self.style = Style(colour and os.environ.get("TERM") != "dumb")

    @property
    def given(self) -> Path:
        """What ``-C`` says, else this folder: for what makes a fleet, or must not be guessed."""
        return Path(self._folder or ".")

    @cached_property
    def path(self) -> Path:
        """The fleet that the command is about: see ``cli.whereabouts``. Raises NoFleet."""
        if self._folder is not None:
            return self.given
        folder, says = whereabouts.found(whereabouts.here(), words_of_now())
        if says:
            click.echo(seen(says), err=True)
        return folder

    @property
    def _command(self) -> str:
        """The words before a command about this fleet; of one that is about none, those that start FleetHub."""
        path = self.path if self._folder is not None or "path" in self.__dict__ else None
        return whereabouts.command(path)

    def told_where(self) -> None:
        """For what must not be guessed: raises UsageError where nobody said which fleet is meant."""
        if self._folder is None and whereabouts.around(whereabouts.here()) is None and self.path != Path():
            raise click.UsageError(f"this is done where the fleet is, or with -C: {self.again()}")

    def whole(self, text: str) -> str:
        """A text whose commands work when they are pasted where this one was typed."""
        return whereabouts.whole(text, self._command, commands())

    def again(self, *more: str) -> str:
        """This very command with more words, to be pasted."""
        return shlex.join((*shlex.split(self._command), *words_of_now(), *more))

    def trusting(self, ask: bool = True) -> Trusting:
        """Who may add to what this machine trusts: ``--trust`` for this run, and a person at a terminal."""
        from fleethub.operations.trust import Trusting

        return Trusting(self._trust, self._ask if ask and sys.stdin.isatty() and not self.json else None)

    def _ask(self, new: New) -> bool:
        click.echo("This machine does not know yet:")
        for line in new.lines:
            click.echo(seen(f"  {line}"))
        return click.confirm("Trust all of it, from now on?", default=False)

    def command(self, *words: str) -> str:
        """A command line for the same fleet, fit to be typed."""
        folder = ["-C", str(self.path)] if str(self.path) != "." else []
        return shlex.join(["fleethub", *folder, *words])

    def text(self, text: str) -> None:
        """A text for people; nothing in ``--json``."""
        if not self.json:
            click.echo(seen(self.whole(text)))

    def document(self, text: str) -> None:
        """A text for programs (a schema, a picture), byte for byte; nothing in ``--json``."""
        if not self.json:
            click.echo(text)

    def line(self, data: dict[str, Any]) -> None:
        """One NDJSON line; nothing without ``--json``."""
        if self.json:
            click.echo(escaped(json.dumps(data, ensure_ascii=False, default=list)))

    def lines(self, data: Iterable[dict[str, Any]]) -> None:
        """Several NDJSON lines."""
        for one in data:
            self.line(one)

    def findings(self, findings: Iterable[Finding]) -> None:
        """Findings in either form."""
        from fleethub.views.data import finding_data
        from fleethub.views.plan import findings_lines

        found = list(findings)
        self.lines(finding_data(f) for f in found)
        if found:
            self.text("\n".join(line.removeprefix("  ") for line in findings_lines(found, self.style)))


def guarded(out: Out, work: Callable[[], int]) -> None:
    """Run a command's body; the process ends with its exit code. A wrong spec is shown with every finding."""
    from fleethub.model.errors import InputError, SpecError

    try:
        code = work()
    except InputError as error:
        raise click.UsageError(str(error)) from None
    except SpecError as error:
        code = Exit.ERROR
        out.findings(map(whereabouts.instead_of_init, error.findings))
        out.line({"type": "summary", "exit": int(code), "findings": len(error.findings)})
        out.text(f"\n{plural(len(error.findings), 'finding')}; nothing was asked or changed.")
    sys.exit(int(code))
