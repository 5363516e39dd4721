"""``fleethub destroy``."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.options import ordered
from fleethub.cli.output import Out, guarded
from fleethub.cli.running import run_apply
from fleethub.operations.apply import ApplyInput


@click.command()
@click.option("--auto-approve", "-y", is_flag=True, help="Do not ask for the fleet's name.")
@ordered
@click.pass_obj
def cmd(options: dict[str, object], /, **asked: Any) -> None:
    """Remove what FleetHub made for this fleet: nodes' files, then keys and routes. What was there before it stays, and
    so does a key of a node that runs on. The lockfile's lineage stays.
    """
    out = Out(options)

    def work() -> int:
        out.told_where()
        return run_apply(out, ApplyInput(destroy=True, **asked))

    guarded(out, work)
