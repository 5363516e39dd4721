"""``fleethub status``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded


@click.command()
@click.pass_obj
def cmd(options: dict[str, object]) -> None:
    """Show proxies, backends, nodes and keys as they are now, and what a plan would change."""
    out = Out(options)

    def work() -> int:
        from fleethub.usecases import Workplace, plan_exit
        from fleethub.views.status import status_data, status_text

        with Workplace(out.path) as workplace:
            made = workplace.plan()
            data = status_data(workplace.fleet, made.lockfile, workplace.observations(made), made.facts, made.plan)
        code = plan_exit(made.plan)
        out.text(status_text(data, out.style))
        if made.plan.findings:
            out.text("")
        out.findings(made.plan.findings)
        out.line({**data, "exit": int(code)})
        return code

    guarded(out, work)
