"""``fleethub state backups``, ``restore``, ``pull`` and ``push``: whole lockfiles."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fleethub.cli.output import Out, guarded
from fleethub.cli.serials import SERIAL
from fleethub.cli.state.common import agreed, ended
from fleethub.model.exit import Exit


@click.command("backups")
@click.pass_obj
def backups_(options: dict[str, object]) -> None:
    """Show the earlier lockfiles that can be had: kept by the store, or told by the journal of applies from here."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_versions import versions
        from fleethub.operations.state_write import reached
        from fleethub.views.state import version_data, versions_text

        with reached(out.path, out.trusting()) as store:
            found = [(version.lockfile, version.whence) for version in versions(store)]
        out.text(versions_text(found, out.style))
        out.lines(version_data(lockfile, whence) for lockfile, whence in found)
        out.line({"type": "summary", "exit": 0, "versions": len(found)})
        return Exit.FINE

    guarded(out, work)


@click.command("restore")
@click.argument("serial", type=SERIAL)
@click.option("--apply", "apply_", default="", metavar="ID", help="Of two applies that reached this serial, which one.")
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.pass_obj
def restore_(options: dict[str, object], serial: int, apply_: str, yes: bool) -> None:
    """Bring back the lockfile of SERIAL, under a serial above all others: clones see it as newer, not as behind.

    What was applied since stays as it is on proxies and nodes; the next plan shows it, and what it is unlike. To have
    an earlier spec applied again is another thing: fleethub rollback.
    """
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_versions import may_restore, restore
        from fleethub.operations.state_write import reached

        with reached(out.path, out.trusting()) as store:
            may_restore(store, serial, apply_)
            out.text(f"The lockfile of serial {serial} comes back; what is there now is kept as a backup.")
            if not agreed(out, yes, False, "Write it?"):
                return ended(out, Exit.FINE)
            written = restore(store, serial, apply_, out.wait)
        ended(out, Exit.FINE, written)
        out.text("Next: fleethub plan")
        return Exit.FINE

    guarded(out, work)


@click.command("pull")
@click.option("-o", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file; else print it.")
@click.pass_obj
def pull_(options: dict[str, object], file: Path | None) -> None:
    """Print the lockfile of the store, or write it to a file: with -o fleet.lock, offline plans read it there."""
    out = Out(options)

    def work() -> int:
        from fleethub.operations.state_versions import pull
        from fleethub.operations.state_write import reached

        with reached(out.path, out.trusting()) as store:
            text = pull(store, file)
        if file is not None:
            out.text(f"wrote {file}")
        else:
            out.text(text.rstrip("\n"))
        out.line(
            {"type": "summary", "exit": 0, "file": str(file) if file else None, "lockfile": None if file else text}
        )
        return Exit.FINE

    guarded(out, work)


@click.command("push")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--force", is_flag=True, help="Also when what is there is as late or later: it becomes a backup.")
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@click.pass_obj
def push_(options: dict[str, object], file: Path, force: bool, yes: bool) -> None:
    """Put the lockfile FILE (-: standard input) into the store. It must be of this fleet, and later than its own."""
    out = Out(options)

    def work() -> int:
        from fleethub.model.errors import InputError
        from fleethub.operations.state_versions import may_push, push
        from fleethub.operations.state_write import reached

        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise InputError(f"{file} is not UTF-8, so it is no lockfile") from None
        with reached(out.path, out.trusting()) as store:
            may_push(store, text, force)
            out.text(f"{file} takes the place of what the store has.")
            if not agreed(out, yes, False, "Write it?"):
                return ended(out, Exit.FINE)
            return ended(out, Exit.FINE, push(store, text, force, out.wait))

    guarded(out, work)
