"""``fleethub state init`` and ``migrate``: where the state is kept."""

from __future__ import annotations

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.state.common import agreed, ended
from fleethub.model.exit import Exit


@click.command("init")
@click.pass_obj
def init_(options: dict[str, object]) -> None:
    """Make the store that [state] names ready: tables, a row or an object for this fleet. What is there stays.

    It is proved that it can be one: a pooler in transaction mode, and a service that ignores conditions of writes, are
    refused with the reason.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_migrate import init

        place, made = init(out.path, out.trusting())
        out.text("\n".join([*(f"made {one}" for one in made), f"{place} is ready."]))
        out.line({"type": "summary", "exit": 0, "place": place, "made": list(made)})
        return Exit.FINE

    guarded(out, work)


@click.command("migrate")
@click.option(
    "--from",
    "source",
    default="file",
    show_default=True,
    metavar="file|REF|URL",
    help="Where the state is: fleet.lock, or what [state] store was.",
)
@click.option("--endpoint", default="", metavar="URL", help="What [state] endpoint was, where it is another now.")
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.pass_obj
def migrate_(options: dict[str, object], source: str, endpoint: str, yes: bool) -> None:
    """Take the state to the store that [state] names by now: lockfile, earlier ones, history, saved plans.

    Serial and lineage stay, so that nothing on proxies and nodes changes. A store that holds a lockfile is left as it
    is.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_migrate import migrate

        if not agreed(out, yes, False, "Take the state to the store that the spec names?"):
            return ended(out, Exit.FINE)
        written = migrate(out.path, source, out.trusting(), out.wait, endpoint)
        ended(out, Exit.FINE, written)
        out.text("Next: fleethub plan")
        return Exit.FINE

    guarded(out, work)
