"""A lock as an object: a lease that its holder renews, and that anybody may take over once it is no longer renewed.

Both times that are compared are the service's own, so no machine's clock counts. A lease alone keeps nobody from
writing who was frozen and does not know that it is over: the fence in the state does (``objects``).
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from fleethub.stores.bucket import Bucket, ConflictError, Object, Tag
from fleethub.stores.interface import Holder, LockedError, StoreError
from fleethub.stores.lock import myself, pauses

LOCK, CLOCK = "lock", "clock"
#: Seconds after which a lease that was not renewed is over, and how often it is renewed.
LASTS, RENEWED = 60.0, 15.0


class Lease:
    """The lock of a bucket's fleet. For several threads."""

    def __init__(self, bucket: Bucket, lasts: float = LASTS) -> None:
        self._bucket, self._lasts = bucket, lasts

    @contextmanager
    def taken(self, operation: str, wait: float) -> Iterator[None]:
        """Hold it; raises LockedError when another does for ``wait`` seconds more."""
        mine = {"holder": myself(operation).as_dict(), "lease": secrets.token_hex(8)}
        for _ in pauses(wait):
            held = self._look()
            if held is None or self._over(held):
                with suppress(ConflictError):
                    tag = self._write(mine, held)
                    break
        else:
            raise LockedError(_who(held) or Holder())
        over, last = threading.Event(), [tag]
        thread = threading.Thread(target=self._renew, args=(mine, last, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with suppress(StoreError):  # then it will be over by itself
                self._again({"holder": None}, mine, last)

    def holder(self) -> Holder | None:
        """Who holds it; None: nobody, or one whose lease is over."""
        held = self._look()
        return None if held is None or self._over(held) else _who(held)

    def hold(self, message: str) -> Holder:
        """Put it on for a person, without an end; raises LockedError."""
        me = myself("lock", message)
        held = self._look()
        if held is not None and not self._over(held):
            raise LockedError(_who(held) or Holder())
        try:
            self._write({"holder": me.as_dict(), "stays": True}, held)
        except ConflictError:
            raise LockedError(self.holder() or Holder()) from None
        return me

    def release(self) -> Holder | None:
        """Take it from whoever holds it, and say who that was."""
        while True:
            held = self._look()
            found = None if held is None or self._over(held) else _who(held)
            if held is None or found is None:
                return None
            with suppress(ConflictError):
                self._bucket.replace(LOCK, {"holder": None}, held.tag)
                return found

    def _look(self) -> Object | None:
        return self._bucket.get(LOCK)

    def _write(self, body: Mapping[str, Any], old: Object | None) -> Tag:
        return self._bucket.create(LOCK, body) if old is None else self._bucket.replace(LOCK, body, old.tag)

    def _over(self, held: Object) -> bool:
        """Whether nobody has it: it was given back, or not renewed, by the service's clock."""
        if held.body.get("holder") is None:
            return True
        if held.body.get("stays"):
            return False
        self._bucket.put(CLOCK, {})
        now, then = self._bucket.changed(CLOCK), self._bucket.changed(LOCK)
        return now is not None and then is not None and (now - then).total_seconds() > self._lasts

    def _renew(self, mine: Mapping[str, Any], last: list[Tag], over: threading.Event) -> None:
        """Write it again and again; it ends where somebody else has it."""
        while not over.wait(self._lasts * RENEWED / LASTS):
            with suppress(StoreError):  # the next time, perhaps; once it is over, the fence is another's
                if not self._again(mine, mine, last):
                    return

    def _again(self, body: Mapping[str, Any], mine: Mapping[str, Any], last: list[Tag]) -> bool:
        """Write over a lease that is ``mine``, as of the tag in ``last``; False where it is somebody else's by now.

        A write that no answer came to, whatever was tried, may have been done: then its tag is one that nobody told.
        Raises StoreError.
        """
        try:
            last[0] = self._bucket.replace(LOCK, body, last[0])
        except ConflictError:
            found = self._look()
            if found is None or found.body.get("lease") != mine["lease"]:
                return False
            with suppress(ConflictError):
                last[0] = self._bucket.replace(LOCK, body, found.tag)
        return True


def _who(held: Object | None) -> Holder | None:
    return Holder.of(held.body["holder"]) if held is not None and held.body.get("holder") is not None else None
