"""``fleethub plan``."""

from __future__ import annotations

from typing import Unpack

import click

from fleethub.cli.options import Asked, ordered, scoped
from fleethub.cli.output import Out, guarded


@click.command()
@click.option(
    "--parallel",
    type=click.IntRange(1, 128),
    default=32,
    show_default=True,
    help="Hosts, proxies and backends that are read at a time.",
)
@click.option("--full", is_flag=True, help="Show unified diffs of files.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@scoped
@ordered
@click.pass_obj
def cmd(
    options: dict[str, object], /, parallel: int, full: bool, detailed_exitcode: bool, **given: Unpack[Asked]
) -> None:
    """Read what is there and show what would change. Changes nothing."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import plan
        from fleethub.operations.held import PlanInput
        from fleethub.operations.workplace import Workplace
        from fleethub.views.data import plan_data
        from fleethub.views.plan import plan_text

        asked = PlanInput(reads=parallel, detailed=detailed_exitcode, **given)
        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = plan.run(workplace, asked)
        out.text(plan_text(done.data.plan, out.style, full))
        out.lines(plan_data(done.data.plan, full))
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    guarded(out, work)
