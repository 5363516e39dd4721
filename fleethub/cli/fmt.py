"""``fleethub fmt``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 2 when a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@click.pass_obj
def cmd(options: dict[str, object], check: bool, diff: bool) -> None:
    """Put the spec's files into one layout: spacing, blank lines, comments in column. Order and words stay.

    Names each file that changes. Needs neither network nor secret.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations import fmt

        done = fmt.run(out.path, check or diff)
        for name in done.data.changed:
            out.text(name)
            out.line({"type": "file", "name": name})
        if diff:
            out.text("\n".join(done.data.diff))
        code = done.exit if check else Exit.FINE
        out.line({"type": "summary", "exit": int(code), "changed": len(done.data.changed)})
        return code

    guarded(out, work)
