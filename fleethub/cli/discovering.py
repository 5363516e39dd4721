"""``fleethub init --discover``: propose a first spec of what runs, show it, write it when somebody says yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.whereabouts import command
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.operations.discover import DiscoverInput


def run_discover(
    out: Out,
    asked: DiscoverInput,
    yes: bool,
    dry_run: bool,
) -> None:
    """The body of the command; the process ends with its exit code."""

    def work() -> int:
        from fleethub.operations.discover import propose, take
        from fleethub.views.adopt import import_data, import_text

        done = propose(asked, out.trusting(not yes))
        found = done.data
        left = [(one.address, one.why) for one in found.left]
        out.text(import_text(found.edit, (), left, found.findings, out.style, "What the spec does not say"))
        out.lines(import_data(found.edit, (), left, found.findings))
        if not found.edit.files or dry_run:
            if dry_run:
                out.text("\nA dry run: nothing was written.")
            return _end(out, done.exit)
        if found.blind:
            out.aside("error: not written: no proxy could be read; mend what is said above and run it again")
            return _end(out, Exit.ERROR)
        if not yes:
            if not out.asks("written"):
                return _end(out, Exit.ERROR)
            if not click.confirm("\nWrite this spec?", default=False):
                out.text("Not written.")
                return _end(out, Exit.FINE)
        made = take(asked, found)
        written = tuple(map(str, made.written)) if made else ()
        for path in (*found.edit.files, *written):
            out.text(f"wrote {path}")
        if made and made.new_seed:
            out.text("Keep a copy of the seed in your password store: keys that this fleet makes are derived from it.")
        for note in made.notes if made else ():
            out.text(f"note: {note}")
        folder = asked.folder
        out.text(f"Nothing was sent to anybody.\nNext: {command(folder)} import --all")
        return _end(out, done.exit, (*found.edit.files, *written))

    guarded(out, work)


def _end(out: Out, code: Exit, written: tuple[str, ...] = ()) -> Exit:
    out.line({"type": "summary", "exit": int(code), "written": list(written)})
    return code
