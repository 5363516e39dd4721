"""``fleethub drift``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.completion import completing
from fleethub.cli.editing import edits, run_proposal
from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.model.edit import Proposal
    from fleethub.model.fleet import Fleet
    from fleethub.operations.outcome import Outcome


def _names(fleet: Fleet) -> set[str]:
    from fleethub.kinds.key import scopes

    return {
        *(str(node.address) for node in fleet.nodes.values()),
        *(f"key.{proxy}.{name}" for proxy, name in scopes(fleet)),
    }


@click.command()
@click.option(
    "--accept",
    multiple=True,
    metavar="ADDRESS",
    shell_complete=completing(_names),
    help="Write what is there into the spec; may be repeated.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when something has drifted.")
@edits
@click.pass_obj
def cmd(options: dict[str, object], /, accept: tuple[str, ...], detailed_exitcode: bool, **asked: Any) -> None:
    """Read what is there, and tell what somebody changed behind the fleet's back. Changes nothing.

    --accept writes what is there into the spec instead (limits of a key, models of a node), and shows the plan that
    follows; what a spec cannot say, or may be a secret, is named. ignore in the spec leaves a thing alone for good.
    """
    if accept:
        project, force = asked.pop("project"), asked.pop("force")

        def propose(out: Out) -> Outcome[Proposal]:
            from fleethub.operations.drift import AcceptInput, propose

            made = AcceptInput(accept, project, force, asked["dry_run"])
            return propose(out.path, made, out.trusting(not asked["yes"]))

        run_proposal(options, propose, **asked)
        return
    out = Out(options)

    def work() -> int:
        from fleethub.operations import drift
        from fleethub.operations.workplace import Workplace
        from fleethub.views.drift import drift_data, drift_text

        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = drift.run(workplace, detailed_exitcode)
        out.findings(done.findings)
        if not done.findings:
            out.text(drift_text(done.data, out.style, out.apply, asked["full"]))
        out.lines(drift_data(done.data))
        out.line({"type": "summary", "exit": int(done.exit), "drift": len(done.data.drift)})
        return done.exit

    guarded(out, work)
