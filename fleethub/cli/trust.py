"""``fleethub trust``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.model.trust import TrustRecord
    from fleethub.operations.outcome import Outcome
    from fleethub.operations.trust import New
    from fleethub.operations.trust_record import TrustResult


@click.group()
def cmd() -> None:
    """Which hosts get a credential from this machine, and which commands run on it.

    Kept outside the repository, one record a fleet (~/.config/fleethub/trust). Nothing is sent to a host, and no
    command runs, that neither it nor --trust names: a spec or a lockfile from somewhere else cannot send a key away.
    """


@cmd.command("list", short_help="Show what is trusted, and what the spec uses that is not.")
@click.pass_obj
def list_(options: dict[str, object]) -> None:
    """Show what this machine trusts for this fleet, and what the spec uses that it does not. Exit 3 with such."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import trust_record

        done = trust_record.show(out.path)
        found = done.data
        out.text(f"{found.path}:" if found.there else f"nothing is trusted yet ({found.path})")
        _show(out, found.record)
        _show_new(out, found.new)
        if found.new.lines:
            out.text(f"\nif they are right: {found.line}")
        return _end(out, done)

    guarded(out, work)


@cmd.command(short_help="Trust what is named; without a name, all that the spec uses now.")
@click.argument("items", nargs=-1, metavar="[URL[=REF]|COMMAND]...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_obj
def add(options: dict[str, object], items: tuple[str, ...], yes: bool) -> None:
    """Trust hosts and commands for this fleet, from now on.

    URL alone: with the credential that the spec names for it now. URL=REF: with this one (several: REF,REF). A COMMAND
    is written as in the spec. Without arguments everything that the spec uses now is shown and asked for.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import trust_record

        if not items:
            before = trust_record.show(out.path)
            if not before.data.new.lines:
                out.text("Everything that the spec uses is trusted already.")
                return _end(out, before)
            _show_new(out, before.data.new)
            if not yes:
                if not sys.stdin.isatty() or out.json:
                    raise click.ClickException("there is no terminal to ask on; name what to trust, or add --yes")
                if not click.confirm("Trust all of it, from now on?", default=False):
                    out.text("Nothing was added.")
                    return _end(out, replace(before, exit=Exit.FINE))
            done = trust_record.add_all(before.data)
        else:
            done = trust_record.add(out.path, items)
        out.text(f"kept in {done.data.path}")
        if items:
            _show_new(out, done.data.new)
        return _end(out, done)

    guarded(out, work)


@cmd.command(short_help="Trust it no longer.")
@click.argument("items", nargs=-1, required=True, metavar="URL|COMMAND...")
@click.pass_obj
def remove(options: dict[str, object], items: tuple[str, ...]) -> None:
    """Take hosts and commands out of the record. Exit 1 when one was not in it."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import trust_record

        done = trust_record.remove(out.path, items)
        for one in done.data.missing:
            out.aside(f"error: {one} is not in the record")
        _show(out, done.data.record)
        return _end(out, done)

    guarded(out, work)


def _show(out: Out, record: TrustRecord) -> None:
    for origin, known in sorted(record.origins.items()):
        gets = f", gets {' and '.join(map(str, known.credentials))}" if known.credentials else ""
        out.text(f"  {origin} ({', '.join(known.uses)}){gets}")
        credentials = [list(c.alternatives) for c in known.credentials]
        out.line({"type": "origin", "origin": origin, "as": list(known.uses), "credentials": credentials})
    for digest, line in sorted(record.commands.items(), key=lambda item: item[1]):
        out.text(f"  runs {line}  sha256:{digest}")
        out.line({"type": "command", "line": line, "digest": f"sha256:{digest}"})


def _show_new(out: Out, new: New) -> None:
    if new.lines:
        out.text("The spec uses, and this machine does not know:")
    for line in new.lines:
        out.text(f"  {line}")


def _end(out: Out, done: Outcome[TrustResult]) -> Exit:
    record, new = done.data.record, done.data.new
    counts = {"origins": len(record.origins), "commands": len(record.commands)}
    out.line({"type": "summary", "exit": int(done.exit), **counts, "new": list(new.lines)})
    return done.exit
