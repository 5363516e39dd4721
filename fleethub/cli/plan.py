"""``fleethub plan``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from fleethub.cli.options import Asked, allowing, formatted, ordered, scoped
from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.model.plan import Plan


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
@click.option(
    "--offline",
    is_flag=True,
    help="The spec against fleet.lock alone: no network, no secret, no command; for a pull request.",
)
@formatted
@click.option("--save", is_flag=True, help="Keep the plan in the fleet's state, to be shown and applied by its id.")
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
    offline: bool,
    form: str,
    max_bytes: int | None,
    save: bool,
    **given: Unpack[Asked],
) -> None:
    """Read what is there and show what would change. Changes nothing.

    A saved plan is a claim: apply FILE (apply --plan ID) reads and plans again, and refuses (exit 4) where something
    that it changes moved meanwhile. show FILE shows it, on any machine.

    --offline takes what was applied to be there, and reckons VRAM with facts/ (observe --facts) and this clone's cache.
    """
    out = Out(options, form == "json")
    if offline and (file is not None or save or destroy or any(given.values())):
        raise click.UsageError("--offline is of the whole spec, and nobody can apply it: leave out the other options")

    def printed(of: Plan) -> None:
        from fleethub.views.data import plan_data
        from fleethub.views.plan import plan_text
        from fleethub.views.plan_markdown import plan_markdown
        from fleethub.views.style import seen

        if form == "markdown":
            out.document(seen(plan_markdown(of, full, max_bytes)))
        else:
            out.text(plan_text(of, out.style, full))
        out.lines(plan_data(of, full))

    def told(text: str) -> None:
        if form == "text":
            out.text(f"\n{text}")
        else:  # the plan alone is the document
            out.aside(text)

    def without_network() -> int:
        from fleethub.operations.offline import run

        done = run(out.path, detailed_exitcode)
        printed(done.data)
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    def work() -> int:
        from fleethub.operations import plan
        from fleethub.operations.held import PlanInput
        from fleethub.operations.workplace import Workplace

        asked = PlanInput(reads=parallel, detailed=detailed_exitcode, destroy=destroy, **given)
        if file is not None:
            from fleethub.operations import saved  # most plans are not kept

            saved.writable(Path(file))
        kept = None
        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = plan.run(workplace, asked)
            if (file is not None or save) and done.data.id:
                from fleethub.operations import saved

                kept = saved.of(workplace, done.data)
                if save:
                    saved.keep(workplace.store, kept, kept.made.at)
        printed(done.data.plan)
        if kept is None and (file is not None or save):
            told("Not saved: this plan decides nothing.")
        if save and kept is not None:
            more = f"--plan {kept.plan.id}"
            told(f"Kept as {kept.plan.id}. To review it: fleethub show {more}; to apply it: fleethub apply {more}")
            out.line({"type": "saved", "id": kept.plan.id, "place": workplace.store.place})
        if file is not None and kept is not None:
            saved.write(Path(file), kept)
            more = shlex.quote(saved.as_argument(file))
            told(f"Saved in {file}. To review it: fleethub show {more}; to apply it: fleethub apply {more}")
            out.line({"type": "saved", "id": kept.plan.id, "file": file})
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    guarded(out, without_network if offline else work)
