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
        from fleethub.operations import Workplace, plan_exit
        from fleethub.operations.sessions import remember
        from fleethub.views.fleet_status import status_data
        from fleethub.views.status import status_text

        with Workplace(out.path, trusting=out.trusting()) as workplace:
            made = workplace.plan(only_look=True)
            seen = workplace.fleet_status(made)
            remember(workplace, made)
        code = plan_exit(made.plan)
        out.text(status_text(seen, out.style))
        if made.plan.findings:
            out.text("")
        out.findings(made.plan.findings)
        out.line({"type": "status", **status_data(seen)})
        out.line({"type": "summary", "exit": int(code)})
        return code

    guarded(out, work)
