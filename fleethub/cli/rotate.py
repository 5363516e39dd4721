"""``fleethub rotate``."""

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

    return {*fleet.nodes, *(name for _, name in scopes(fleet))}


@click.command()
@click.argument("what", metavar="KEY|NODE", required=False, shell_complete=completing(_names))
@click.option("--all", "everything", is_flag=True, help="Every key of the fleet.")
@click.option("--seed", is_flag=True, help="A new seed, also when the old one is lost: every value anew.")
@edits
@click.pass_obj
def cmd(options: dict[str, object], /, what: str | None, everything: bool, seed: bool, **asked: Any) -> None:
    """Give a KEY, or the key of a NODE, a new value: raise its generation in the spec, and show the plan that follows.

    Applies nothing. The next apply makes the new value beside the old one, proves it, delivers it, and deletes the old
    one once every node runs on the new one (or, for users that are no node, after grace). No call is refused meanwhile.
    """
    if [bool(what), everything, seed].count(True) != 1:
        raise click.UsageError("name a key or a node, or say --all or --seed")
    if seed:
        _seed(Out(options), asked["yes"], asked["dry_run"])
        return
    project, force = asked.pop("project"), asked.pop("force")

    def propose(out: Out) -> Outcome[Proposal]:
        from fleethub.operations.rotate import RotateInput, propose

        made = RotateInput(what or "", project, force, asked["dry_run"])
        return propose(out.path, made, out.trusting(not asked["yes"]))

    run_proposal(options, propose, **asked)


def _seed(out: Out, yes: bool, dry_run: bool) -> None:
    def work() -> int:
        from fleethub.model.exit import Exit
        from fleethub.operations import rotate_seed
        from fleethub.operations.workplace import Workplace

        trusting = out.trusting(not yes)
        with Workplace(out.path, trusting=trusting) as workplace:
            made = rotate_seed.prepare(workplace)
        out.findings(made.findings)
        summary = {"type": "summary", "exit": int(made.exit), "written": False}
        if made.data is None or dry_run:
            out.text(made.data.says if made.data else "Nothing was written.")
            out.line(summary)
            return made.exit
        out.text(f"{made.data.says[:1].upper()}{made.data.says[1:]}.")
        if not yes:
            if not out.asks("written"):
                out.line({**summary, "exit": int(Exit.ERROR)})
                return Exit.ERROR
            if not click.confirm("\nDerive every value of this fleet anew?", default=False):
                out.text("Not written.")
                return Exit.FINE
        done = rotate_seed.run(out.path, made.data, lambda: Workplace(out.path, trusting=trusting, wait=out.wait))
        out.text(f"fleet.lock is under the new seed (apply {done.data.serial}); what was cannot be compared any more.")
        out.text(f"Next: {out.apply}, which makes each value anew beside the old one; give the seed to its operators")
        out.line({**summary, "exit": int(done.exit), "written": True, "serial": done.data.serial})
        return done.exit

    guarded(out, work)
