"""``fleethub why``."""

from __future__ import annotations

import click

from fleethub.cli.completion import addresses
from fleethub.cli.output import Out, guarded


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="ADDRESS | 403 NODE|KEY [MODEL]", shell_complete=addresses)
@click.pass_obj
def cmd(options: dict[str, object], what: tuple[str, ...]) -> None:
    """Say why ADDRESS is as it is: the lines of the spec, what follows from them, the arithmetic, what a plan would do.

    Such as node.volta, key.main.volta, route.main.MODEL, backend.gpu, model.gpu.TAG; a bare name is found.

    "why 403 volta qwen3-32b" says why a call is refused: key, end, routes, budget, scope, team, model and each replica
    are told apart. Without MODEL: all that it calls. Exit 3 when something refuses it.
    """
    out = Out(options)
    if what[0] in ("403", "401", "429") or len(what) > 1:
        if what[0] not in ("403", "401", "429") or not 2 <= len(what) <= 3:
            raise click.UsageError("say: fleethub why ADDRESS, or: fleethub why 403 NODE [MODEL]")
        guarded(out, lambda: _refused(out, *what[1:]))
    (address,) = what

    def work() -> int:
        from fleethub.operations import reasons
        from fleethub.operations.workplace import Workplace
        from fleethub.views.reasons import why_data, why_text

        with Workplace(out.path, trusting=out.trusting()) as workplace:
            done = reasons.why(workplace, address)
        if (found := done.data) is None:
            out.findings(done.findings)
        else:
            parts = (found.address, found.reasons, found.applied, found.verdicts, found.change)
            out.text(why_text(*parts, found.drift, found.findings, found.unknown, out.style))
            out.line(dict(why_data(*parts, found.findings, found.unknown)))
        out.line({"type": "summary", "exit": int(done.exit)})
        return done.exit

    guarded(out, work)


def _refused(out: Out, who: str, model: str | None = None) -> int:
    from fleethub.operations import refused
    from fleethub.operations.workplace import Workplace
    from fleethub.verifying.view import refused_data, refused_text

    with Workplace(out.path, trusting=out.trusting()) as workplace:
        done = refused.run(workplace, who, model)
    if (found := done.data) is None:
        out.findings(done.findings)
    else:
        out.text(refused_text(found.who, found.calls, found.findings, out.style))
        out.lines(refused_data(found.who, found.calls, found.findings))
    out.line({"type": "summary", "exit": int(done.exit)})
    return done.exit
