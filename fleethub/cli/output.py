"""Where output goes: colour on a terminal, plain lines elsewhere, NDJSON for machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleethub.model.exit import Exit
from fleethub.model.finding import Finding
from fleethub.model.text import plural
from fleethub.views.style import Style, escaped, seen

if TYPE_CHECKING:
    from fleethub.operations.trust import New, Trusting


class Out:
    """Made from the global options. ``ctx.obj`` of the command line."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.path = Path(options["folder"])
        self.json: bool = options["json"]
        self._trust: tuple[str, ...] = options.get("trust", ())
        self.terminal = sys.stdout.isatty()
        colour = self.terminal and not options["no_color"] and not os.environ.get("NO_COLOR")
        self.style = Style(colour and os.environ.get("TERM") != "dumb")

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
            click.echo(seen(text))

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
        out.findings(error.findings)
        out.line({"type": "summary", "exit": int(code), "findings": len(error.findings)})
        out.text(f"\n{plural(len(error.findings), 'finding')}; nothing was asked or changed.")
    sys.exit(int(code))
