"""``fleethub validate``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit


@click.command()
@click.pass_obj
def cmd(options: dict[str, object]) -> None:
    """Check the spec and render every node, offline: no network, no secret, nothing written.

    The fleet's own checks ([[check]]) are asked too, as plan --offline asks them: an error of one is exit code 3.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.model.finding import Severity
        from fleethub.model.text import plural
        from fleethub.operations.spec import nothing_applied, open_fleet

        opened = open_fleet(out.path, lockfile=nothing_applied)
        fleet = opened.fleet
        found, code = opened.findings, Exit.FINE
        if fleet.checks:
            from fleethub.operations import offline

            done = offline.of_checks(out.path)
            found, code = (*found, *done.findings), done.exit
        out.findings(found)
        counted = {n: len(getattr(fleet, n)) for n in ("proxies", "backends", "models", "nodes", "keys")}
        consumers = sum(node.consumer for node in fleet.nodes.values())
        counted |= {"nodes": counted["nodes"] - consumers, **({"consumers": consumers} if consumers else {})}
        words = {"proxies": ("proxy", "proxies")}
        shown = [plural(n, *words.get(name, (name.removesuffix("s"),))) for name, n in counted.items()]
        failed = all(f.code == "check.failed" for f in found if f.severity is Severity.ERROR)
        wrong = "not each of its own checks has an answer" if failed else "it is not as its own checks want it"
        but = "" if code is Exit.FINE else f", but {wrong}"
        out.text(f"{fleet.name} is valid{but}: " + ", ".join(shown))
        out.line({"type": "summary", "exit": int(code), "fleet": fleet.name, **counted})
        return code

    guarded(out, work)
