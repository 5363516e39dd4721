"""``fleethub show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleethub.cli.completion import addresses
from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.model.address import Address
    from fleethub.operations.workplace import Workplace
    from fleethub.planfile.document import SavedPlan


@click.command()
@click.argument("address", metavar="[ADDRESS|FILE]", required=False, shell_complete=addresses)
@click.option("--reveal", is_flag=True, help="Print the value of a key, on a terminal only.")
@click.option(
    "--to",
    metavar="file:PATH|command:ARGV",
    help="Give the value of a key to a file (0600), or to a program's standard input.",
)
@click.option("--plan", "plan_id", metavar="ID", help="Show the plan that plan --save kept.")
@click.option("--full", is_flag=True, help="Show unified diffs of files, of a saved plan.")
@click.pass_obj
def cmd(
    options: dict[str, object], address: str | None, reveal: bool, to: str | None, plan_id: str | None, full: bool
) -> None:
    """Show what is wanted, was applied and is there of ADDRESS, and who uses it; or the saved plan in FILE.

    Such as node.volta, key.main.volta, route.main.MODEL, proxy.main, backend.gpu; a bare name is found. A word with a
    slash, or that ends with .json or .plan, is a file.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import saved, show

        if plan_id is not None:
            return _kept(out, plan_id, full)
        if address is None:
            raise click.UsageError("Missing argument '[ADDRESS|FILE]'.")
        if saved.is_named(address):
            return _saved(out, saved.read(Path(address)), full)
        from fleethub.operations.workplace import Workplace
        from fleethub.views.show import show_data, show_text

        with Workplace(out.path, trusting=out.trusting()) as workplace:
            if reveal:
                return _reveal(out, workplace, show.address_of(address))
            if to is not None:
                return _hand_over(out, workplace, show.address_of(address), to)
            done = show.run(workplace, address)
        if done.data is None:
            out.findings(done.findings)
        else:
            found = done.data
            data = show_data(found.address, found.wanted, found.locked, found.seen, found.users, found.status)
            out.text(show_text(data, found.status, out.style))
            out.line(data)
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    guarded(out, work)


def _saved(out: Out, found: SavedPlan, full: bool) -> int:
    from fleethub.views.planfile import saved_data, saved_text

    out.text(saved_text(found, out.style, full))
    out.lines(saved_data(found, full))
    out.line({"type": "summary", "exit": 0})
    return 0


def _kept(out: Out, plan_id: str, full: bool) -> int:
    from fleethub.operations import saved
    from fleethub.operations.spec import load_fleet
    from fleethub.operations.stores import opened

    return _saved(out, saved.kept(opened(load_fleet(out.path), out.trusting()), plan_id), full)


def _reveal(out: Out, workplace: Workplace, address: Address) -> int:
    from fleethub.clients.resolver import SecretError
    from fleethub.operations import show

    if out.json or not sys.stdout.isatty():
        raise click.UsageError("--reveal prints a secret, and does so on a terminal only")
    try:
        done = show.reveal(workplace, address)
    except SecretError as error:
        raise click.ClickException(str(error)) from None
    out.findings(done.findings)
    if done.data is not None:
        click.echo(done.data.reveal())
    return done.exit


def _hand_over(out: Out, workplace: Workplace, address: Address, to: str) -> int:
    from fleethub.clients.resolver import SecretError
    from fleethub.operations import show

    try:
        done = show.hand_over(workplace, address, to)
    except SecretError as error:
        raise click.ClickException(str(error)) from None
    out.findings(done.findings)
    if done.data:
        out.text(f"The value of {address} was {done.data}.")
    out.line({"type": "summary", "exit": int(done.exit), "given": done.data})
    return done.exit
