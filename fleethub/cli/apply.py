"""``fleethub apply``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.running import run_apply


@click.command()
@click.option(
    "--auto-approve",
    "-y",
    is_flag=True,
    help="Do not ask. Drift is left alone unless the policy says repair.",
)
@click.option("--full", is_flag=True, help="Show unified diffs of files.")
@click.pass_obj
def cmd(options: dict[str, object], auto_approve: bool, full: bool) -> None:
    """Plan, ask, and carry the plan out: widen keys, prove them, deliver files, settle, narrow keys."""
    out = Out(options)
    guarded(out, lambda: run_apply(out, auto_approve, full))
