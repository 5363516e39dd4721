"""``fleethub validate``."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded


@click.command()
@click.pass_obj
def cmd(options: dict[str, object]) -> None:
    """Check the spec and render every node, offline: no network, no secret, nothing written."""
    out = Out(options)

    def work() -> int:
        from fleethub.model.text import plural
        from fleethub.operations.spec import open_fleet

        opened = open_fleet(out.path)
        fleet = opened.fleet
        out.findings(opened.findings)
        counted = {n: len(getattr(fleet, n)) for n in ("proxies", "backends", "models", "nodes", "keys")}
        consumers = sum(node.consumer for node in fleet.nodes.values())
        counted |= {"nodes": counted["nodes"] - consumers, **({"consumers": consumers} if consumers else {})}
        words = {"proxies": ("proxy", "proxies")}
        shown = [plural(n, *words.get(name, (name.removesuffix("s"),))) for name, n in counted.items()]
        out.text(f"{fleet.name} is valid: " + ", ".join(shown))
        out.line({"type": "summary", "exit": 0, "fleet": fleet.name, **counted})
        return 0

    guarded(out, work)
