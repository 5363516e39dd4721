"""``fleethub show``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.model.address import Address
    from fleethub.operations import Workplace


def _addresses(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Completion: the addresses of the spec and the lockfile, without asking anybody."""
    from pathlib import Path

    from fleethub.fleetspec import load
    from fleethub.kinds.key import scopes
    from fleethub.lockfile.errors import LockfileError
    from fleethub.stores import open_store

    folder = Path((ctx.find_root().params or {}).get("folder") or ".")
    found: set[str] = set()
    fleet = load(folder).fleet
    if fleet is not None:
        found |= {f"node.{name}" for name in fleet.nodes}
        found |= {f"key.{proxy}.{name}" for proxy, name in scopes(fleet)}
        try:
            lockfile = open_store(Path(fleet.root)).read().lockfile
        except LockfileError:
            lockfile = None
        found |= {str(a) for a in lockfile.resources} if lockfile else set()
    return sorted(a for a in found if a.startswith(incomplete))


@click.command()
@click.argument("address", shell_complete=_addresses)
@click.option("--reveal", is_flag=True, help="Print the value of a key, on a terminal only.")
@click.pass_obj
def cmd(options: dict[str, object], address: str, reveal: bool) -> None:
    """Show what is wanted, was applied and is there of ADDRESS, such as node.volta or key.main.volta."""
    out = Out(options)

    def work() -> int:
        from fleethub.model.address import Address
        from fleethub.model.observation import Unknown
        from fleethub.operations import Workplace, plan_exit
        from fleethub.views.status import show_data, show_text

        try:
            wanted_address = Address.parse(address)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        with Workplace(out.path, trusting=out.trusting()) as workplace:
            if reveal:
                if out.json or not sys.stdout.isatty():
                    raise click.UsageError("--reveal prints a secret, and does so on a terminal only")
                return _reveal(out, workplace, wanted_address)
            made = workplace.plan(only_look=True)
            if made.plan.fatal:
                out.findings(made.plan.findings)
                out.line({"type": "summary", "exit": int(plan_exit(made.plan))})
                return plan_exit(made.plan)
            seen = workplace.observations(made)
            if wanted_address not in seen:
                near = ", ".join(str(a) for a in seen if a.kind == wanted_address.kind) or "none of this kind"
                raise click.UsageError(f"{address} is neither in the spec nor in the lockfile; there are: {near}")
            locked = made.lockfile.resources.get(wanted_address) if made.lockfile else None
            data = show_data(wanted_address, made.wanted.get(wanted_address), locked, seen[wanted_address])
        out.text(show_text(data, out.style))
        code = 1 if isinstance(seen[wanted_address], Unknown) else 0
        out.line(data)
        out.line({"type": "summary", "exit": code})
        return code

    guarded(out, work)


def _reveal(out: Out, workplace: Workplace, address: Address) -> int:
    from fleethub.clients.resolver import SecretError
    from fleethub.operations import plan_exit

    if address.kind != "key":
        raise click.UsageError("--reveal is for keys: show key.PROXY.NAME --reveal")
    refused = workplace.refused()
    if refused is not None:
        out.findings(refused.findings)
        return plan_exit(refused)
    try:
        click.echo(workplace.reveal(address).reveal())
    except KeyError:
        raise click.UsageError(f"{address} is not in the spec") from None
    except SecretError as error:
        raise click.ClickException(str(error)) from None
    return 0
