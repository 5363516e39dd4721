"""``fleethub log``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleethub.cli.completion import addresses
from fleethub.cli.output import Out, guarded
from fleethub.cli.serials import SERIAL

if TYPE_CHECKING:
    from fleethub.stores.interface import Store


@click.command()
@click.argument("words", nargs=-1, metavar="[ADDRESS | show SERIAL]", shell_complete=addresses)
@click.option("--limit", "-n", type=click.IntRange(1), default=20, show_default=True, help="Entries that are shown.")
@click.option("--full", is_flag=True, help="With show: print the spec and the lockfile of then.")
@click.pass_obj
def cmd(options: dict[str, object], words: tuple[str, ...], limit: int, full: bool) -> None:
    """Show who did what and when: applies and orders, edits of the spec; of one ADDRESS, or all.

    log show SERIAL shows one apply whole, with the spec and the lockfile of then; rollback SERIAL goes back there.
    """
    out = Out(options)
    if len(words) == 2 and words[0] == "show":
        guarded(out, lambda: _one(out, words[1], full))
    elif len(words) > 1:
        raise click.UsageError("it is log, log ADDRESS, or log show SERIAL")
    else:
        guarded(out, lambda: _all(out, words[0] if words else "", limit))


def _all(out: Out, about: str, limit: int) -> int:
    from fleethub.operations import history
    from fleethub.views.log import entry_data, log_text

    with opened(out) as (store, root):
        found = history.entries(store, root)
    address = history.meant(about, found) if about else ""
    found = history.about(found, address) if about else found
    shown = found[-limit:]
    out.text(log_text(shown, out.style, address))
    if len(shown) < len(found):
        which = f" {shlex.quote(about)}" if about else ""
        out.text(f"\n{len(found) - len(shown)} more: fleethub log -n {len(found)}{which}")
    out.lines(entry_data(one) for one in shown)
    out.line({"type": "summary", "exit": 0, "entries": len(found)})
    return 0


def _one(out: Out, serial: str, full: bool) -> int:
    from fleethub.lockfile.text import dump
    from fleethub.operations import history
    from fleethub.views.log import entry_data, entry_text, spec_lines
    from fleethub.views.style import seen

    if not serial.isdecimal() or len(serial) > len(str(SERIAL.max)):
        raise click.UsageError(f"{serial!r} is no serial: fleethub log shows them (apply 12)")
    with opened(out) as (store, _):
        made, lockfile = history.of_serial(store, int(serial))
        spec = history.spec_of(store, made)
    files = spec.files if spec is not None else {}
    out.text(entry_text(made, lockfile, tuple(files), out.style))
    if full:
        out.document(seen("\n".join(spec_lines(files.items()))))
        out.document(seen(f"\n# fleet.lock\n{dump(lockfile)}" if lockfile is not None else ""))
    texts = {name: data.decode() for name, data in files.items()}
    locked = dump(lockfile) if lockfile is not None else None
    out.line(entry_data(made) | {"spec_files": texts or None, "lockfile": locked})
    out.line({"type": "summary", "exit": 0})
    return 0


@contextmanager
def opened(out: Out) -> Iterator[tuple[Store, Path]]:
    """The store and the folder; a spec that does not hold together is where one looks for the way back."""
    from fleethub.fleetspec import load
    from fleethub.operations import history

    spec = load(out.path)
    root = history.root_of(spec, out.path)
    store = history.store_of(spec, root, out.trusting())
    try:
        yield store, root
    finally:
        store.close()
