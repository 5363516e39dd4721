"""``fleethub revoke``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fleethub.cli.completion import completing
from fleethub.cli.output import Out, guarded

if TYPE_CHECKING:
    from fleethub.model.fleet import Fleet


def _names(fleet: Fleet) -> set[str]:
    from fleethub.kinds.key import scopes

    return {name for _, name in scopes(fleet)}


@click.command()
@click.argument("key", shell_complete=completing(_names))
@click.option("--yes", "-y", is_flag=True, help="Revoke without asking.")
@click.pass_obj
def cmd(options: dict[str, object], /, key: str, yes: bool) -> None:
    """End KEY (its name, or key.PROXY.NAME) now: block it through every replica of its proxy, then delete it.

    Its nodes need not be reached. The value never comes back; fleethub rotate KEY gives its users a new one.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.cli.running import progress
        from fleethub.kinds.key.remarks import rotation
        from fleethub.model.exit import Exit
        from fleethub.operations import revoke
        from fleethub.operations.workplace import Workplace
        from fleethub.views.events import result_text

        with Workplace(out.path, trusting=out.trusting(not yes), wait=out.wait) as workplace, workplace.lock("revoke"):
            made = revoke.prepare(workplace, key)
            out.findings(made.findings)
            for line in made.data.says:
                out.text(line)
            if not made.data.held.plan.steps:
                out.line({"type": "summary", "exit": int(made.exit), "revoked": []})
                return made.exit
            if not yes:
                if not out.asks("revoked"):
                    out.line({"type": "summary", "exit": int(Exit.ERROR), "revoked": []})
                    return Exit.ERROR
                if not click.confirm("\nRevoke it now?", default=False):
                    out.text("Not revoked.")
                    return Exit.FINE
            with progress(out) as show:
                done = revoke.run(workplace, made.data, (show,))
        out.text(result_text(done.data, out.style))
        if done.exit is Exit.FINE:
            owner = next((c.locked.owner for c in made.data.held.plan.changes if c.locked and c.locked.owner), "")
            out.text(f"Next: {rotation(key, owner)}, then {out.apply}, gives its users a new value")
        revoked = [step.removesuffix("/revoke") for step in done.data.done]
        out.line({"type": "summary", "exit": int(done.exit), "revoked": revoked, "notes": list(done.data.notes)})
        return done.exit

    guarded(out, work)
