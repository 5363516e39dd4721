"""``fleethub demo``."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import click

from fleethub.cli.output import Out
from fleethub.model.exit import Exit


@click.command()
@click.option("--keep", is_flag=True, help="Keep the stand-in servers running until Ctrl-C, and the folder after that.")
@click.option("--bare", is_flag=True, help="Tell no story: start the servers with a spec of them, until Ctrl-C.")
@click.pass_obj
def cmd(options: dict[str, object], keep: bool, bare: bool) -> None:
    """Run the whole story on an embedded stand-in fleet: plan, apply, drift, a refusal, a model swap. About 10 s.

    The fleet lies in a temporary folder, which is removed at the end, unless --keep.
    """
    from fleethub.testing.demo import prepared, story

    out = Out(options)
    folder = Path(tempfile.mkdtemp(prefix="fleethub-demo-"))

    def run(*argv: str) -> int:
        code = _command(argv)
        out.line({"type": "ran", "command": ["fleethub", *argv], "exit": code})
        return code

    def _command(argv: tuple[str, ...]) -> int:
        from fleethub.cli import main

        if not out.json:
            click.echo("\n" + out.style("bold", f"$ fleethub {' '.join(argv)}"))
        flags = ["--no-color"] if options["no_color"] else []
        flags += ["--json"] if out.json else []
        try:
            main(["-C", str(folder), *flags, *argv])
        except SystemExit as stop:
            if stop.code == Exit.INTERRUPTED:
                raise KeyboardInterrupt from None
            return int(stop.code or 0)
        return 0

    def wait() -> None:
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            click.echo(err=True)

    def say(text: str) -> None:
        if out.json:
            out.line({"type": "note", "says": text.strip()})
        else:
            click.echo(out.style("dim", text))

    if out.json:
        out.line({"type": "demo", "folder": str(folder)})
    else:
        click.echo(f"cd {folder}")
    try:
        code = prepared(folder, run, say, wait) if bare else story(folder, run, say, wait if keep else None)
    except KeyboardInterrupt:
        if not bare:
            raise
        code = 0  # it came before the wait for it
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        say(f"The fleet's folder stays: {folder}")
    out.line({"type": "summary", "exit": code})
    sys.exit(code)
