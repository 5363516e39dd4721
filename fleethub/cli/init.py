"""``fleethub init``."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from fleethub import folders
from fleethub.cli.discovering import run_discover
from fleethub.cli.options import Tokens
from fleethub.cli.output import Out


@click.command()
@click.argument("name", required=False)
@click.option(
    "--shared-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Lay it out in a directory that projects share: nodes in files of their own.",
)
@click.option("--discover", is_flag=True, help="Propose a spec of what runs already, and write it when you say yes.")
@click.option(
    "--proxy", "proxies", multiple=True, metavar="[NAME=]URL[=REF]", help="A LiteLLM to ask; may be repeated."
)
@click.option("--node", "nodes", multiple=True, metavar="[NAME=]TARGET", help="A node to look at; may be repeated.")
@click.option("--tangleclaw", default="", metavar="URL", help="A TangleClaw, whose connections are looked at.")
@click.option("--context", "contexts", type=Tokens(), multiple=True, help="A model's context; may be repeated.")
@click.option("--yes", "-y", is_flag=True, help="With --discover: write without asking.")
@click.option("--dry-run", is_flag=True, help="With --discover: show the spec, and write nothing.")
@click.pass_obj
def cmd(
    options: dict[str, object],
    name: str | None,
    shared_dir: Path | None,
    discover: bool,
    proxies: tuple[str, ...],
    nodes: tuple[str, ...],
    tangleclaw: str,
    contexts: tuple[tuple[str, int], ...],
    yes: bool,
    dry_run: bool,
) -> None:
    """Write a runnable fleet.toml, its schema and .gitignore into the fleet's folder, and its seed.

    The seed (0600) lies where key_seed says: in your ~/.config/fleethub, unless the fleet.toml that is there names
    another place. What is there is left as it is; beside a lockfile no seed is made, for its keys have one already:
    fleethub seed path. The folder joins the list of your fleets (~/.config/fleethub/fleets).

    With --discover the spec is made of what a LiteLLM has already: models, the servers behind them, keys with their
    limits. It is shown first; nothing is sent to anybody. Then fleethub import takes it in.
    """
    from fleethub.operations import init
    from fleethub.operations.discover import DiscoverInput

    out = Out(options)
    folder = (shared_dir or out.given).resolve()
    if folders.is_file(folder):
        raise click.UsageError(f"{_near(folder)} is a file; name the folder that the fleet is to lie in with -C")
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise click.UsageError("the folder's path is not in UTF-8; name another with -C") from None
    guess = re.sub(r"[^a-z0-9-]+", "-", (name or folder.name).lower()).strip("-")[:63] or "fleet"
    if name is not None and guess != name:
        raise click.UsageError(f"a fleet's name is [a-z0-9][a-z0-9-]*; {guess!r} would do")
    if discover:
        if shared_dir is not None:
            raise click.UsageError("--discover and --shared-dir do not go together")
        asked = DiscoverInput(folder, guess, proxies, nodes, tangleclaw, dict(contexts))
        run_discover(out, asked, yes, dry_run)
    if proxies or nodes or tangleclaw or contexts or yes or dry_run:
        raise click.UsageError("--proxy, --node, --tangleclaw, --context, --yes and --dry-run are of init --discover")
    done = init.run(init.InitInput(folder, guess, shared_dir is not None)).data
    for path in done.written:
        out.text(f"wrote {_near(path)}")
    if done.new_seed:
        out.text("Keep a copy of the seed in your password store: every key of this fleet is derived from it.")
    elif folders.exists(folder / "fleet.lock"):
        out.text("No seed was made: fleet.lock is here, and its keys were derived from the seed they have.")
    elif done.seed is not None:
        out.text(f"The seed was there already and is used: {_near(done.seed)}")
    if not done.written:
        out.text("Nothing to write: everything is there.")
    for note in done.notes:
        out.text(f"note: {note}")
    where = "" if folder == Path.cwd() else f" -C {shlex.quote(str(_near(folder)))}"
    out.text(f"Next: edit fleet.toml, then fleethub{where} validate")
    out.line({"type": "summary", "exit": 0, "written": [str(path) for path in done.written], "notes": list(done.notes)})


def _near(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
