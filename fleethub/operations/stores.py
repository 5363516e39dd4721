"""The store of a fleet: opened by what the spec says, with what this machine knows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from fleethub.lockfile.errors import LockfileError
from fleethub.model.trust import STATE, origin_of, runs
from fleethub.stores import open_store, recalled
from fleethub.stores.interface import StoreError

if TYPE_CHECKING:
    from fleethub.model.fleet import Fleet
    from fleethub.model.observation import Lockfile
    from fleethub.model.trust import Guard
    from fleethub.operations.trust import Trusting
    from fleethub.stores.interface import Store

#: What the lock of a store that was left begins with.
MOVED = "the state is in "


def store_of(fleet: Fleet, guard: Guard | None = None) -> Store:
    """The store that ``[state]`` names; nothing is asked of it yet. ``guard``: what this machine knows; None: all.

    Raises StoreError: without the state nothing is known, and nothing can be planned.
    """
    root, state = Path(fleet.root), fleet.state
    if not state.store:
        return open_store(root)
    for at in (state.store if isinstance(state.store, str) else "", state.endpoint):
        if guard is not None and not guard.allows(at):
            raise StoreError(
                f"the state is kept at {origin_of(at)}, which this machine does not know, so nothing was read or sent "
                f"there; if it is right: fleethub trust add {shlex.quote(origin_of(at))}"
            )
    if isinstance(state.store, str):
        return open_store(root, state.store, fleet.id, state.endpoint)
    from fleethub.clients.resolver import SecretError, SecretResolver

    for alternative in state.store.alternatives:
        if _comes_along(root, alternative):
            raise StoreError(
                f"[state] store names {alternative}, a file in the fleet's own folder, which may have come with the "
                "repository; keep it elsewhere, as in file:~/.config/fleethub"
            )
    try:
        url = SecretResolver(root, None, (), guard).open(state.store)
    except SecretError as error:
        hint = ""
        if error.code == "command.new":
            line = next(run.line for run in runs(fleet) if run.what == STATE)
            hint = f"; if it is right: fleethub trust add {shlex.quote(f'command:{line}')}"
        raise StoreError(f"where the state is kept cannot be told: {error}{hint}") from None
    return open_store(root, url.reveal(), fleet.id, state.endpoint)


def _comes_along(root: Path, alternative: str) -> bool:
    """Whether a reference is to a file below the fleet's folder."""
    if not alternative.startswith("file:"):
        return False
    try:
        path = (root / Path(re.sub("^file:", "", alternative)).expanduser()).resolve()
    except (OSError, RuntimeError):
        return True
    return path.is_relative_to(root.resolve())


def recalled_store(fleet: Fleet, guard: Guard | None = None) -> Store:
    """In the place of ``store_of`` for who asks nobody: of a remote store what this machine last knew, to be read."""
    from fleethub.stores.offline import RecalledStore

    if not fleet.state.store:
        return store_of(fleet)
    return RecalledStore(Path(fleet.root))


def known(fleet: Fleet) -> Lockfile | None:
    """The lockfile as this machine last knew it; None where there is none, or it cannot be read. Asks nobody."""
    try:
        return recalled(Path(fleet.root), bool(fleet.state.store))
    except LockfileError:
        return None


def moved_away(fleet: Fleet, store: Store) -> str:
    """Where the state was taken from beside a spec that still has it there, as who took it says; empty: nowhere."""
    try:
        held = store.holder() if not fleet.state.store else None
    except OSError:  # whoever would take the lock is told what is in its way
        return ""
    return held.message if held is not None and held.message.startswith(MOVED) else ""


def left_behind(fleet: Fleet) -> str:
    """What is told of a ``fleet.lock`` that lies beside a spec which names another store; empty where none does."""
    if not fleet.state.store:
        return ""
    try:
        there = recalled(Path(fleet.root), remote=False)
    except LockfileError:
        return "fleet.lock lies here and cannot be read"
    return f"fleet.lock lies here with serial {there.serial}" if there else ""


def lockfile_of(store: Store) -> Lockfile | None:
    """The lockfile as far as it can be read: what is wrong with it is told where it is needed. Raises StoreError."""
    try:
        return store.read().lockfile
    except LockfileError:
        return None


def opened(fleet: Fleet, trusting: Trusting | None = None) -> Store:
    """The store of a fleet, with what this machine knows and the command line names, for a command that needs no more.

    Raises StoreError, and what ``settle`` raises.
    """
    from fleethub.operations.trust import ALONE, settle

    if not fleet.state.store:
        return store_of(fleet)
    return store_of(fleet, settle(fleet, known(fleet), trusting or ALONE).guard)


def latest(fleet: Fleet, trusting: Trusting) -> Lockfile | None:
    """The lockfile as its store has it now, as far as it can be read; raises StoreError, and what ``settle`` raises."""
    if not fleet.state.store:
        return known(fleet)
    store = opened(fleet, trusting)
    try:
        return lockfile_of(store)
    finally:
        store.close()
