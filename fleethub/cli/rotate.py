"""``fleethub rotate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fleethub.cli.completion import completing
from fleethub.cli.editing import edits, run_proposal
from fleethub.cli.output import Out

if TYPE_CHECKING:
    from fleethub.model.edit import Proposal
    from fleethub.model.fleet import Fleet
    from fleethub.operations.outcome import Outcome


def _names(fleet: Fleet) -> set[str]:
    from fleethub.kinds.key import scopes

    return {*fleet.nodes, *(name for _, name in scopes(fleet))}


@click.command()
@click.argument("what", metavar="KEY|NODE", required=False, shell_complete=completing(_names))
@click.option("--all", "everything", is_flag=True, help="Every key of the fleet.")
@edits
@click.pass_obj
def cmd(options: dict[str, object], /, what: str | None, everything: bool, **asked: Any) -> None:
    """Give a KEY, or the key of a NODE, a new value: raise its generation in the spec, and show the plan that follows.

    Applies nothing. The next apply makes the new value beside the old one, proves it, delivers it, and deletes the old
    one once every node runs on the new one (or, for users that are no node, after grace). No call is refused meanwhile.
    """
    if bool(what) == everything:
        raise click.UsageError("name a key or a node, or say --all")
    project, force = asked.pop("project"), asked.pop("force")

    def propose(out: Out) -> Outcome[Proposal]:
        from fleethub.operations.rotate import RotateInput, propose

        made = RotateInput(what or "", project, force, asked["dry_run"])
        return propose(out.path, made, out.trusting(not asked["yes"]))

    run_proposal(options, propose, **asked)
