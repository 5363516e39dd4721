"""``fleethub destroy``."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.options import ordered
from fleethub.cli.output import Out, guarded
from fleethub.cli.running import run_apply
from fleethub.operations.apply import ApplyInput
from fleethub.operations.held import PlanInput


@click.command()
@click.option("--auto-approve", "-y", is_flag=True, help="Do not ask for the fleet's name.")
@click.option("--plan", "only", is_flag=True, help="Show what it would take away, and change nothing.")
@ordered
@click.pass_obj
def cmd(options: dict[str, object], /, only: bool, **asked: Any) -> None:
    """Remove what FleetHub made for this fleet: nodes' files, then keys and routes. What was there before it stays, and
    so does a key of a node that runs on. The lockfile's lineage stays.
    """
    out = Out(options)

    def work() -> int:
        if only:
            return _shown(out, PlanInput(destroy=True, forget=asked["forget"], prune=asked["prune"]))
        out.told_where()
        return run_apply(out, ApplyInput(destroy=True, **asked))

    guarded(out, work)


def _shown(out: Out, asked: PlanInput) -> int:
    from fleethub.operations import plan
    from fleethub.operations.workplace import Workplace
    from fleethub.views.data import plan_data
    from fleethub.views.plan import plan_text

    with Workplace(out.path, trusting=out.trusting()) as workplace:
        done = plan.run(workplace, asked)
    out.text(plan_text(done.data.plan, out.style))
    out.lines(plan_data(done.data.plan))
    out.line({"type": "summary", "exit": int(done.exit)})
    return done.exit
