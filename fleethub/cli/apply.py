"""``fleethub apply``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.options import PlanPath, allowing, ordered, scoped
from fleethub.cli.output import Out, guarded
from fleethub.cli.running import run_apply
from fleethub.operations.apply import ApplyInput

if TYPE_CHECKING:
    from fleethub.operations.workplace import Workplace
    from fleethub.planfile.document import SavedPlan

#: What a saved plan says itself.
SAID = ("targets", "excludes", "forget", "prune", "allow", "owner")


@click.command()
@click.argument("file", required=False, type=PlanPath(), metavar="[FILE]")
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
@click.option("--plan", "plan_id", metavar="ID", help="Apply the plan that plan --save kept, instead of a FILE.")
@click.option("--full", is_flag=True, help="Show unified diffs of files.")
@scoped
@ordered
@allowing
@click.pass_obj
def cmd(options: dict[str, object], /, file: str | None, plan_id: str | None, full: bool, **asked: Any) -> None:
    """Plan, ask, and carry the plan out: widen keys, prove them, deliver files, activate, settle, narrow keys.

    One node goes first; one that does not come up with its new files gets its old ones back, and stops the rest.

    With FILE (or --plan ID), a plan that plan -o (--save) saved: it was decided on, so nobody is asked. All is read and
    planned again; where something that it changes moved, nothing is done, and what moved is named (exit 4).
    """
    out = Out(options)
    if file is not None and plan_id is not None:
        raise click.UsageError("it is FILE or --plan ID")
    if file is None and plan_id is None:
        guarded(out, lambda: run_apply(out, ApplyInput(**asked), full))
        return
    if given := [name for name in SAID if asked[name]]:
        option = {"targets": "--target", "excludes": "--exclude", "owner": "--as"}.get(given[0], f"--{given[0]}")
        again = f"-o {file}" if file else "--save"
        raise click.UsageError(f"what is applied is what the plan says: plan again with {option} {again}")

    def find(workplace: Workplace) -> SavedPlan:
        from pathlib import Path

        from fleethub.operations import saved

        return saved.read(Path(file)) if file is not None else saved.kept(workplace.store, plan_id or "")

    guarded(out, lambda: run_apply(out, ApplyInput(**asked), full, find))
