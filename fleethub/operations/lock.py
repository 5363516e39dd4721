"""The fleet's lock as a person's: put on with a reason, and taken from whoever holds it; both stand in the history."""

from __future__ import annotations

from fleethub.model.errors import InputError
from fleethub.operations.state_write import noted
from fleethub.stores.interface import Holder, Store
from fleethub.stores.lock import pauses, who


def acquire(store: Store, message: str, wait: float = 0) -> Holder:
    """Lock the fleet until it is released. Raises LockedError when it is held for ``wait`` seconds more; InputError."""
    from fleethub.stores.interface import LockedError

    if not message.strip():
        raise InputError("say why: fleethub lock acquire -m MESSAGE")
    refused: LockedError | None = None
    for _ in pauses(wait):
        try:
            held = store.hold(message.strip())
        except LockedError as error:
            refused = error
        else:
            noted(store, "lock acquire", held.message)
            return held
    assert refused is not None
    raise refused


def release(store: Store) -> Holder | None:
    """Take the lock from whoever holds it, and say who that was; None: nobody."""
    taken = store.release()
    if taken is not None:
        noted(
            store, "lock release", f"taken from {taken.who} ({taken.message or taken.operation}, since {taken.since})"
        )
    return taken


def mine(held: Holder) -> bool:
    """Whether it is a lock that this person put on: nobody is asked about that."""
    return bool(held.message) and held.who == who()
