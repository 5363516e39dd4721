"""``fleethub init``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from fleethub.cli.output import Out


@click.command()
@click.argument("name", required=False)
@click.pass_obj
def cmd(options: dict[str, object], name: str | None) -> None:
    """Write a runnable fleet.toml, its schema, a seed (0600) and .gitignore into the fleet's folder.

    What is there is left as it is; beside a lockfile no seed is made, for its keys have one already.
    """
    from fleethub.usecases import init

    out = Out(options)
    folder = out.path.resolve()
    guess = re.sub(r"[^a-z0-9-]+", "-", (name or folder.name).lower()).strip("-") or "fleet"
    if name is not None and guess != name:
        raise click.UsageError(f"a fleet's name is [a-z0-9][a-z0-9-]*; {guess!r} would do")
    written = init(folder, guess)
    for path in written:
        out.text(f"wrote {_near(path)}")
    if any(path.suffix == ".seed" for path in written):
        out.text("Keep a copy of the seed in your password store: every key of this fleet is derived from it.")
    elif (folder / "fleet.lock").exists():
        out.text("No seed was made: fleet.lock is here, and its keys were derived from the seed they have.")
    if not written:
        out.text("Nothing to write: everything is there.")
    out.text("Next: edit fleet.toml, then fleethub validate")
    out.line({"type": "summary", "exit": 0, "written": [str(path) for path in written]})


def _near(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
