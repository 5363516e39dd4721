"""``fleethub seed``."""

from __future__ import annotations

from pathlib import Path

import click

from fleethub import folders
from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit


@click.group()
def cmd() -> None:
    """The seed that every key and token of a fleet is derived from: is it here, is it the right one, where it lies.

    A second operator, or a new laptop, needs a copy of it: fleethub seed path says where to put it.
    """


@cmd.command(short_help="Whether the seed resolves, and is the one of the lockfile.")
@click.pass_obj
def check(options: dict[str, object]) -> None:
    """Open the seed and compare its fingerprint with the lockfile's. Shows no value, asks nobody on the network."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations import seed

        done = seed.check(out.path, out.trusting())
        out.text(done.data.says)
        out.findings(done.findings)
        told = {"reference": done.data.reference, "fingerprint": done.data.fingerprint, "lockfile": done.data.lockfile}
        out.line({"type": "summary", "exit": int(done.exit), **told})
        return done.exit

    guarded(out, work)


@cmd.command(short_help="Where the seed's file belongs on this machine.")
@click.pass_obj
def path(options: dict[str, object]) -> None:
    """Print the file that key_seed names: put the seed there, with mode 0600. Exit 1 when key_seed names no file."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations.seed import places

        files = places(out.path)
        if not files:
            raise click.ClickException("key_seed in [fleet] names no file: reference")
        for file in files:
            out.text(str(file))
        there = [folders.exists(file) for file in files]
        if not any(there):
            out.aside(f"none is there; with the seed's line: (umask 077; cat > {_quoted(files[0])})")
        out.line({"type": "summary", "exit": 0, "paths": [str(file) for file in files], "there": there})
        return Exit.FINE

    guarded(out, work)


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
