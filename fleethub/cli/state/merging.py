"""``fleethub state merge-driver`` and ``reconcile``: one lockfile of two."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.state.common import agreed, ended
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
        out.aside(f"fleet.lock: {done.data.says}")
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


@click.command("reconcile")
@click.argument(
    "files", nargs=-1, metavar="[[OURS] THEIRS]", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--base",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With files: the lockfile that both came from.",
)
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Show what it would write, and write nothing.")
@click.pass_obj
def reconcile_(
    options: dict[str, object], files: tuple[Path, ...], base: Path | None, yes: bool, dry_run: bool
) -> None:
    """Make one lockfile of two that clones wrote apart: of an unfinished git merge, of conflict markers, of two files.

    One file: ours is the fleet's own. Records that one side alone changed are that side's. What both changed is decided
    by what is there: its mark, then its attributes. What cannot be looked at is not decided: both are kept, and the
    next plan goes on from what it sees. Exit 1 while something of that is left.
    """
    if len(files) > 2 or (base is not None and not files):
        raise click.UsageError("name one or two lockfiles; --base goes with them")
    out = Out(options)
    guarded(out, lambda: _reconcile(out, files, base, yes, dry_run))


def _reconcile(out: Out, files: tuple[Path, ...], base: Path | None, yes: bool, dry_run: bool) -> int:
    from fleethub.operations import reconcile
    from fleethub.operations.spec import load_fleet
    from fleethub.operations.state_write import reached
    from fleethub.operations.workplace import Workplace
    from fleethub.views.state import reconciled_data, reconciled_text

    trusting = out.trusting(not yes)
    with reached(out.path, trusting) as store:
        apart = reconcile.find(Path(load_fleet(out.path).root), store, files, base)
    assumed = reconcile.assumed(apart)
    place = Workplace(out.path, trusting=trusting, lockfile=assumed, wait=out.wait)
    with place as workplace, workplace.lock("state reconcile"):
        done = reconcile.prepare(workplace, apart)
        out.text(reconciled_text(done.data, out.style))
        out.lines(reconciled_data(done.data))
        if not agreed(out, yes, dry_run, "Write it in the place of fleet.lock?"):
            return ended(out, done.exit if dry_run else Exit.FINE)
        written = reconcile.write(workplace, done.data)
    ended(out, done.exit, written)
    out.text("Next: " + ("git add fleet.lock, git commit, then fleethub plan" if apart.unmerged else "fleethub plan"))
    return done.exit
