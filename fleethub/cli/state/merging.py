"""``fleethub state merge-driver``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fleethub.cli.output import Out, guarded
from fleethub.model.exit import Exit


@click.command("merge-driver")
@click.option("--install", is_flag=True, help="Write .gitattributes, and tell this clone's git to use the driver.")
@click.argument("files", nargs=-1, metavar="[BASE OURS THEIRS [PATH]]", type=click.Path(path_type=Path))
@click.pass_obj
def merge_driver_(options: dict[str, object], install: bool, files: tuple[Path, ...]) -> None:
    """Merge THEIRS into OURS as git asks its drivers to: BASE is what both came from, PATH the file's name.

    Records that one side alone changed are that side's. What both changed is left between git's markers (exit 1), and
    fleethub state reconcile decides it by what is there.
    """
    out = Out(options)
    if install:
        if files:
            raise click.UsageError("--install takes no files")
        guarded(out, lambda: _install(out))
    if len(files) not in (3, 4):
        raise click.UsageError("name BASE, OURS and THEIRS (git does), or say --install")
    from fleethub.operations.merge_driver import run

    base, ours, theirs = (path.read_bytes().decode(errors="surrogateescape") for path in files[:3])
    done = run(base, ours, theirs, str(files[3]) if len(files) > 3 else "fleet.lock")
    files[1].write_bytes(done.data.text.encode(errors="surrogateescape"))
    if done.data.says:
        click.echo(f"fleet.lock: {done.data.says}", err=True)
    sys.exit(int(done.exit))


def _install(out: Out) -> int:
    from fleethub.operations import merge_driver

    done = merge_driver.install(out.path)
    if done.written:
        out.text(f"wrote {merge_driver.ATTRIBUTES}: commit it, so that every clone knows which files are meant")
    if done.command:
        out.text(f"git merges fleet.lock here with: {done.command}")
    else:
        out.text("This folder is in no git work tree: run it again in the clone.")
    out.line({"type": "summary", "exit": 0, "written": done.written, "driver": done.command})
    return Exit.FINE
