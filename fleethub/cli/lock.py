"""``fleethub lock``: who holds the fleet's lock, and one that a person puts on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit

if TYPE_CHECKING:
    from fleethub.stores.interface import Holder


@click.group()
def cmd() -> None:
    """Who applies now; keep everybody from applying for a while; take the lock from an apply that is frozen."""


@cmd.command(short_help="Who holds the fleet's lock.")
@click.pass_obj
def status(options: dict[str, object]) -> None:
    """Show who holds the fleet's lock. Takes nothing. Exit 5 when somebody has it."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_write import reached

        with reached(out.path, out.trusting()) as store:
            held = store.holder()
        out.text(_says(held) if held else "Nobody holds the lock.")
        return _end(out, held, Exit.LOCKED if held else Exit.FINE)

    guarded(out, work)


@cmd.command(short_help="Lock the fleet until it is released.")
@click.option("--message", "-m", required=True, help="Why, for whoever is kept out.")
@click.pass_obj
def acquire(options: dict[str, object], message: str) -> None:
    """Lock the fleet: nobody applies, nor you, until fleethub lock release. Plans go on. Exit 5 when it is locked."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations.lock import acquire
        from fleethub.operations.state_write import reached

        with reached(out.path, out.trusting()) as store:
            held = acquire(store, message, out.wait)
        out.text(f"{_says(held)}\nfleethub lock release ends it.")
        return _end(out, held, Exit.FINE)

    guarded(out, work)


@cmd.command(short_help="Take the lock from whoever holds it.")
@click.option(
    "--yes", "-y", is_flag=True, help="Without asking, also from an apply that goes on, or from somebody else."
)
@click.pass_obj
def release(options: dict[str, object], yes: bool) -> None:
    """Take the lock from whoever holds it. An apply that goes on ends at its next step, and what is left is not done.

    What somebody else locked, or an apply that is under way, is asked about first. Exit 1 when nobody holds it.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.cli.state.common import agreed
        from fleethub.operations.lock import mine, release
        from fleethub.operations.state_write import reached

        with reached(out.path, out.trusting(not yes)) as store:
            held = store.holder()
            if held is not None:
                out.text(_says(held))
            if held is not None and not mine(held) and not agreed(out, yes, False, "Take the lock away?"):
                return _end(out, held, Exit.LOCKED)
            taken = release(store)
        out.text("The lock was released." if taken else "Nobody holds the lock.")
        return _end(out, None, Exit.FINE if taken else Exit.ERROR)

    guarded(out, work)


def _says(held: Holder) -> str:
    if held.message:
        return f"{held.who} locked the fleet at {held.since}: {held.message}"
    return f"{held.who} (pid {held.pid or '?'}) has the lock for {held.operation} since {held.since}"


def _end(out: Out, held: Holder | None, code: Exit) -> Exit:
    out.line({"type": "summary", "exit": int(code), "holder": held.as_dict() if held else None})
    return code
