"""``fleethub uses``."""

from __future__ import annotations

import click

from fleethub.cli.completion import addresses
from fleethub.cli.output import Out, guarded


@click.command()
@click.argument("address", shell_complete=addresses)
@click.option("--full", is_flag=True, help="Name everybody, each on a line.")
@click.pass_obj
def cmd(options: dict[str, object], address: str, full: bool) -> None:
    """Say who uses ADDRESS, directly or through another, by spec and lockfile alone: no network, no secret.

    Such as backend.gpu, route.main.MODEL, proxy.main, model.gpu.TAG; a bare name is found.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import reasons
        from fleethub.views.reasons import uses_data, uses_text

        done = reasons.uses(out.path, address)
        found = done.data
        out.text(uses_text(found.address, found.graph, found.users, out.style, full))
        out.lines(uses_data(found.address, found.graph, found.users))
        users = [str(a) for a in found.users]
        out.line({"type": "summary", "exit": int(done.exit), "address": str(found.address), "users": users})
        return done.exit

    guarded(out, work)
