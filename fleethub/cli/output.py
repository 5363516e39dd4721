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
from fleethub.cli.streams import lost
from fleethub.model.exit import Exit
from fleethub.model.finding import Finding
from fleethub.model.text import plural
from fleethub.views.commands import AS_WRITTEN, Commands
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


def completed(words: str) -> Commands:
    """Commands that begin with ``words``."""
    from fleethub.cli import COMMANDS

    return Commands(words, frozenset(COMMANDS))


def for_readers(folder: Path, here: bool) -> Commands:
    """Commands for who reads what is served of a fleet; ``here``: only who is on this machine, and has its paths."""
    return completed(whereabouts.anywhere(folder)) if here else AS_WRITTEN


class Out:
    """Made from the global options. ``ctx.obj`` of the command line."""

    def __init__(self, options: dict[str, Any], as_json: bool = False) -> None:
        self._folder: str | None = options["folder"]
        self.json: bool = options["json"] or as_json
        self._trust: tuple[str, ...] = options.get("trust", ())
        self.wait: float = options.get("lock_timeout", 0.0)  # seconds that the fleet's lock is waited for
        self.terminal = sys.stdout.isatty()
        colour = self.terminal and not options["no_color"] and not os.environ.get("NO_COLOR")
        self.style = Style(colour and os.environ.get("TERM") != "dumb")
        self._commands: dict[Path | None, Commands] = {}
        options["out"] = self  # for what is said when the command has ended

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
    def commands(self) -> Commands:
        """How commands are written so that they work when they are pasted where this one was typed: about this fleet;
        of a command that is about none, with the words alone that start FleetHub.
        """
        path = self.path if self._folder is not None or "path" in self.__dict__ else None
        if path not in self._commands:
            self._commands[path] = completed(whereabouts.command(path))
        return self._commands[path]

    def told_where(self) -> None:
        """For what must not be guessed: raises UsageError where nobody said which fleet is meant."""
        if self._folder is None and whereabouts.around(whereabouts.here()) is None and self.path != Path():
            raise click.UsageError(f"this is done where the fleet is, or with -C: {self.again()}")

    def again(self, *more: str) -> str:
        """This very command with more words, to be pasted."""
        return shlex.join((*shlex.split(self.commands.words), *words_of_now(), *more))

    def trusting(self, ask: bool = True) -> Trusting:
        """Who may add to what this machine trusts: ``--trust`` for this run, and a person at a terminal."""
        from fleethub.operations.trust import Trusting

        return Trusting(self._trust, self._ask if ask and sys.stdin.isatty() and not self.json else None)

    def _ask(self, new: New) -> bool:
        click.echo("This machine does not know yet:")
        for line in new.lines:
            click.echo(seen(f"  {line}"))
        return click.confirm("Trust all of it, from now on?", default=False)

    def text(self, text: str) -> None:
        """A text for people; nothing in ``--json``."""
        if not self.json:
            click.echo(seen(self.commands.whole(text)))

    def aside(self, text: str) -> None:
        """A text for people on standard error, where it is in nobody's way."""
        click.echo(seen(self.commands.whole(text)), err=True)

    def asks(self, done: str, yes: str = "--yes", means: str = "") -> bool:
        """Whether somebody can be asked; where nobody can, it is said: see ``unasked``."""
        says = self.unasked(done, yes, means)
        if says:
            self.aside(f"error: {says}")
        return not says

    def unasked(self, done: str, yes: str = "--yes", means: str = "") -> str:
        """What is not ``done`` where nobody can be asked, and the command that does it without a question; else empty.

        Nobody says yes to what was not shown.
        """
        if sys.stdin.isatty() and not self.json and not lost():
            return ""
        return f"not {done}: there is no terminal to ask on; add {yes}{means}:\n  {self.again(yes)}"

    @property
    def apply(self) -> str:
        """The command that carries out what the spec says, as it works where its reader is."""
        return "fleethub apply" if sys.stdin.isatty() else "fleethub apply --auto-approve"

    def document(self, text: str) -> None:
        """A text for programs (a schema, a picture), byte for byte; nothing in ``--json``."""
        if not self.json:
            click.echo(text)

    def line(self, data: dict[str, Any]) -> None:
        """One NDJSON line; nothing without ``--json``."""
        if self.json:
            click.echo(escaped(json.dumps(self.commands.within(data), ensure_ascii=False, default=list)))

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
