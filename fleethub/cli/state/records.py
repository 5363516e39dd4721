"""``fleethub state list``, ``show``, ``mv`` and ``rm``: the records of the lockfile, one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from fleethub.cli.completion import completing
from fleethub.cli.output import Out, guarded
from fleethub.cli.state.common import agreed, ended
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.model.fleet import Fleet


def _recorded(fleet: Fleet) -> Iterable[str]:
    """The addresses that are recorded, as this machine knows."""
    from fleethub.operations.stores import known

    lockfile = known(fleet)
    return map(str, lockfile.resources) if lockfile is not None else ()


recorded = completing(_recorded)


@click.command("list")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...", shell_complete=recorded)
@click.pass_obj
def list_(options: dict[str, object], patterns: tuple[str, ...]) -> None:
    """Show what is recorded: the address of each key, route and node, or of those that a PATTERN names (key.main.*).

    Asks nobody: fleethub status shows what is there, fleethub show ADDRESS all of one.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_records import listed
        from fleethub.operations.state_write import reached
        from fleethub.views.state import record_data, records_text

        with reached(out.path, out.trusting()) as store:
            found = listed(store, patterns)
        out.text(records_text(found, out.style))
        out.lines(record_data(address, record) for address, record in found.items())
        out.line({"type": "summary", "exit": 0, "records": len(found)})
        return Exit.FINE

    guarded(out, work)


@click.command("show")
@click.argument("address", shell_complete=recorded)
@click.pass_obj
def show_(options: dict[str, object], address: str) -> None:
    """Show the record of ADDRESS, as the lockfile has it: no secret is in it."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_records import one
        from fleethub.operations.state_write import reached
        from fleethub.views.state import record_data, record_text

        with reached(out.path, out.trusting()) as store:
            found, record = one(store, address)
        out.text(record_text(found, record, out.style))
        out.line(record_data(found, record))
        out.line({"type": "summary", "exit": 0})
        return Exit.FINE

    guarded(out, work)


@click.command("mv")
@click.argument("old", shell_complete=recorded)
@click.argument("new")
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.pass_obj
def mv_(options: dict[str, object], old: str, new: str, yes: bool) -> None:
    """Put the record of OLD under NEW, an address of the same kind. What lives is not touched, nor is the spec.

    For a node's new name the spec's [[moved]] does it with the next apply, in every clone: rather write that.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_records import may_move, move
        from fleethub.operations.state_write import reached

        with reached(out.path, out.trusting()) as store:
            may_move(store, old, new)
            out.text(f"{old} becomes {new} in the lockfile.")
            if not agreed(out, yes, False, "Write it?"):
                return ended(out, Exit.FINE)
            done = move(store, old, new, out.wait)
        out.text("\n".join(done.says))
        return ended(out, Exit.FINE, done.written)

    guarded(out, work)


@click.command("rm")
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...", shell_complete=recorded)
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.pass_obj
def rm_(options: dict[str, object], addresses: tuple[str, ...], yes: bool) -> None:
    """Forget what is recorded of ADDRESS. Nothing is deleted: the thing lives on, and it is said what becomes of it.

    To have it deleted take its block out of the spec and apply.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_records import may_remove, remove
        from fleethub.operations.state_write import reached

        with reached(out.path, out.trusting()) as store:
            may_remove(store, addresses)
            out.text(f"{', '.join(addresses)}: forgotten in the lockfile, and nothing is deleted.")
            if not agreed(out, yes, False, "Write it?"):
                return ended(out, Exit.FINE)
            done = remove(store, addresses, out.wait)
        out.text("\n".join(done.says))
        return ended(out, Exit.FINE, done.written)

    guarded(out, work)
