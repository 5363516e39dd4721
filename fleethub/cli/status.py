"""``fleethub status``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from fleethub.cli.output import Out, guarded


@click.command()
@click.pass_obj
def cmd(options: dict[str, object]) -> None:
    """Show proxies, backends, nodes and keys as they are now, and what a plan would change."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import status
        from fleethub.operations.workplace import Workplace
        from fleethub.views.fleet_status import status_data
        from fleethub.views.status import status_text

        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = status.run(workplace)
        out.text(status_text(done.data, out.style, datetime.now(UTC).isoformat()))
        if done.findings:
            out.text("")
        out.findings(done.findings)
        out.line({"type": "status", **status_data(done.data)})
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    guarded(out, work)
