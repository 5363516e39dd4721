"""``fleethub apply``."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.options import ordered, scoped
from fleethub.cli.output import Out, guarded
from fleethub.cli.running import run_apply
from fleethub.operations.apply import ApplyInput


@click.command()
@click.option(
    "--auto-approve",
    "-y",
    is_flag=True,
    help="Do not ask. Drift is left alone unless the policy says repair.",
)
@click.option(
    "--parallel",
    type=click.IntRange(1, 128),
    help="Nodes that are delivered to and activated at a time, after the first (16); and what is read at a time (32).",
)
@click.option(
    "--max-failures",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Nodes that may fail to come up with their new files before the rest is left alone.",
)
@click.option("--full", is_flag=True, help="Show unified diffs of files.")
@scoped
@ordered
@click.pass_obj
def cmd(options: dict[str, object], /, full: bool, **asked: Any) -> None:
    """Plan, ask, and carry the plan out: widen keys, prove them, deliver files, activate, settle, narrow keys.

    One node goes first; one that does not come up with its new files gets its old ones back, and stops the rest.
    """
    out = Out(options)
    guarded(out, lambda: run_apply(out, ApplyInput(**asked), full))
