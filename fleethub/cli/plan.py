"""``fleethub plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import click

from fleethub.cli.options import Asked, allowing, ordered, scoped
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
@click.option("--destroy", is_flag=True, help="Show what destroy would take away.")
@click.option("--out", "-o", "file", type=click.Path(), metavar="FILE", help="Save the plan, to be shown and applied.")
@scoped
@ordered
@allowing
@click.pass_obj
def cmd(
    options: dict[str, object],
    /,
    parallel: int,
    full: bool,
    detailed_exitcode: bool,
    destroy: bool,
    file: str | None,
    **given: Unpack[Asked],
) -> None:
    """Read what is there and show what would change. Changes nothing.

    A saved plan is a claim: apply FILE reads and plans again, and refuses (exit 4) where something that it changes
    moved meanwhile. show FILE shows it, on any machine.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import plan
        from fleethub.operations.held import PlanInput
        from fleethub.operations.workplace import Workplace
        from fleethub.views.data import plan_data
        from fleethub.views.plan import plan_text

        asked = PlanInput(reads=parallel, detailed=detailed_exitcode, destroy=destroy, **given)
        if file is not None:
            from fleethub.operations import saved  # most plans are not kept

            saved.writable(Path(file))
        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = plan.run(workplace, asked)
            kept = saved.of(workplace, done.data) if file is not None and done.data.id else None
        out.text(plan_text(done.data.plan, out.style, full))
        out.lines(plan_data(done.data.plan, full))
        if file is not None and kept is not None:
            saved.write(Path(file), kept)
            shown, applied = (out.command(word, saved.as_argument(file)) for word in ("show", "apply"))
            out.text(f"\nSaved in {file}. To review it: {shown}; to apply it: {applied}")
            out.line({"type": "saved", "id": kept.plan.id, "file": file})
        elif file is not None:
            out.text(f"\nNot saved in {file}: this plan decides nothing.")
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    guarded(out, work)
