"""``fleethub rollback``."""

from __future__ import annotations

from typing import Any

import click

from fleethub.cli.options import allowing
from fleethub.cli.output import Out, guarded
from fleethub.cli.running import ended_in_order, progress
from fleethub.cli.serials import SERIAL
from fleethub.model.exit import Exit, worst


@click.command()
@click.argument("serial", type=SERIAL)
@click.option("--auto-approve", "-y", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what it would do, and write nothing.")
@click.option("--full", is_flag=True, help="Show unified diffs of the nodes' files too.")
@allowing
@click.pass_obj
def cmd(
    options: dict[str, object], serial: int, auto_approve: bool, dry_run: bool, full: bool, allow: tuple[str, ...]
) -> None:
    """Go back to the spec of apply SERIAL: show its diff and the plan toward it, ask, write the spec, apply.

    Secrets stay as they are now. Refused where the spec has edits that neither git nor the history knows. The serials
    are those of fleethub log.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import rollback
        from fleethub.operations.apply import ApplyInput
        from fleethub.views.edit import proposal_data, proposal_text
        from fleethub.views.plan import plan_text

        asked = ApplyInput(auto_approve=auto_approve, allow=allow)
        trusting = out.trusting(not auto_approve)
        done = rollback.prepare(out.path, serial, asked, trusting)
        made = done.data
        out.text(proposal_text(made.proposal, out.style, full))
        if made.proposal.nothing and made.held is not None and made.held.plan.changes:  # the fleet is not as it says
            out.text(f"\n{plan_text(made.held.plan, out.style, full)}")
        out.lines(proposal_data(made.proposal, full))
        if made.proposal.findings:
            out.text("\nRefused. Nothing was written.")
            return _end(out, done.exit)
        if not made.possible:
            out.text("\nNothing is to be done." if not done.exit else "\nNothing can be done now; nothing was written.")
            return _end(out, done.exit)
        if dry_run:
            out.text("\nA dry run: nothing was written.")
            return _end(out, done.exit)
        if not auto_approve:
            if not out.asks("done", "--auto-approve"):
                return _end(out, worst(Exit.ERROR, done.exit))
            if not click.confirm("\nWrite this spec and apply this plan?", default=False):
                out.text("Not done.")
                return _end(out, Exit.FINE)
        return _carry_out(out, made, asked, trusting)

    guarded(out, work)


def _carry_out(out: Out, made: Any, asked: Any, trusting: Any) -> int:
    from dataclasses import replace

    from fleethub.operations import rollback
    from fleethub.views.events import result_text

    approved = "--auto-approve" if asked.auto_approve else "asked on a terminal"
    with ended_in_order(), progress(out) as show:
        written, done = rollback.run(out.path, made, replace(asked, approved=approved), trusting, (show,), out.wait)
    if done.data.applied:
        out.text(result_text(done.data, out.style))
    files = list(written.files) if written else []
    if files:
        out.text(f"The spec is that of apply {made.serial} again ({', '.join(files)}): commit it, or see git diff.")
    return _end(out, done.exit, files, done.data.serial)


def _end(out: Out, code: int, files: list[str] | None = None, serial: int | None = None) -> int:
    out.line({"type": "summary", "exit": int(code), "files": files or [], "serial": serial})
    return code
