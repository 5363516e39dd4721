"""``fleethub approve``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit


@click.command()
@click.argument("proposal", required=False)
@click.option("--no", "decline", is_flag=True, help="Take the proposal away instead.")
@click.option("--plan", "shown", metavar="ID", help="The plan that you saw: exit 4 where it would be another by now.")
@click.option("--yes", "-y", is_flag=True, help="Without asking; only if the plan is the one that was proposed.")
@click.option("--commit", is_flag=True, help="Make a git commit of the files that change, and of nothing else.")
@click.option("--full", is_flag=True, help="Show unified diffs of the nodes' files too.")
@click.pass_obj
def cmd(
    options: dict[str, object],
    proposal: str | None,
    decline: bool,
    shown: str | None,
    yes: bool,
    commit: bool,
    full: bool,
) -> None:
    """Show what PROPOSAL of an agent would do now, and write it into the spec if you say yes; fleethub apply does the
    rest. Without PROPOSAL: list what waits.
    """
    if proposal is None and (decline or shown or yes or commit):
        raise click.UsageError("name the proposal that this is about; without any option they are listed")
    out = Out(options)

    def work() -> int:
        from fleethub.model.edit import Proposal
        from fleethub.operations import proposals
        from fleethub.operations.edit import EditInput, propose
        from fleethub.operations.outcome import Outcome
        from fleethub.operations.workplace import Workplace
        from fleethub.stores.lock import who
        from fleethub.views.edit import proposal_data, proposal_text, refusal_text, written_data, written_text
        from fleethub.views.proposals import waiting_data, waiting_text

        trusting = out.trusting(not yes)
        with Workplace(out.path, trusting=trusting) as workplace:
            store = workplace.store
        if proposal is None:
            waiting = proposals.waiting(store)
            out.text(waiting_text(waiting, out.style))
            out.lines([waiting_data(one) for one in waiting])
            out.line({"type": "summary", "exit": 0, "proposals": len(waiting)})
            return Exit.FINE
        if decline:
            one = proposals.any_named(store, proposal)
            proposals.decline(store, one, who())
            wish = f"{one.agent}'s wish to {one.says}" if one.action else "what could not be read"
            out.text(f"{one.id} is declined: {wish} is gone, and nothing was written")
            out.line({"type": "summary", "exit": 0, "declined": one.id})
            return Exit.FINE
        one = proposals.named(store, proposal)

        def judge(asked: EditInput) -> Outcome[Proposal]:
            return propose(out.path, asked, trusting=trusting)

        done = proposals.judged(judge, one, shown or (one.plan if yes else ""))
        made = done.data
        out.text(waiting_text((one,), out.style))
        out.text(f"\n{proposal_text(made, out.style, full)}")
        out.lines(proposal_data(made, full))
        if made.refused:
            out.text(f"\n{refusal_text(made)}")
            out.line({"type": "summary", "exit": int(done.exit), **written_data(None)})
            return done.exit
        if not yes:
            if not out.asks("approved", means=f", which approves it if its plan is still {one.plan or 'the same'}"):
                out.line({"type": "summary", "exit": int(Exit.ERROR), **written_data(None)})
                return Exit.ERROR
            if not click.confirm(f"\nWrite what {one.agent} proposed to the spec?", default=False):
                out.text(f"Not written; it waits. To take it away: fleethub approve {one.id} --no")
                return Exit.FINE
        written = proposals.approve(store, one, made, who(), commit)
        out.text(f"\n{written_text(written, out.apply)}")
        out.line({"type": "summary", "exit": 0, "approved": one.id, **written_data(written)})
        return Exit.FINE

    guarded(out, work)
