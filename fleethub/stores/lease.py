"""A lock as an object: a lease that its holder renews, and that anybody may take over once it is no longer renewed.

Both times that are compared are the service's own, so no machine's clock counts. A lease alone keeps nobody from
writing who was frozen and does not know that it is over: the fence in the state does (``objects``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
        me = myself(operation)
        for _ in pauses(wait):
            held = self._look()
            if held is None or self._over(held):
                with suppress(ConflictError):
                    tag = self._write({"holder": me.as_dict()}, held)
                    break
        else:
            raise LockedError(_who(held) or Holder())
        over, renewing = threading.Event(), [tag]
        thread = threading.Thread(target=self._renew, args=(me, renewing, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with suppress(ConflictError, StoreError):  # then it is somebody else's, or will be over by itself
                self._bucket.replace(LOCK, {"holder": None}, renewing[0])

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

    def _write(self, body: dict[str, object], old: Object | None) -> Tag:
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

    def _renew(self, me: Holder, tag: list[Tag], over: threading.Event) -> None:
        """Write it again and again; it ends where somebody else has it."""
        while not over.wait(self._lasts * RENEWED / LASTS):
            try:
                tag[0] = self._bucket.replace(LOCK, {"holder": me.as_dict()}, tag[0])
            except ConflictError:
                return
            except StoreError:
                continue  # the next time, perhaps; once it is over, the fence is another's


def _who(held: Object | None) -> Holder | None:
    return Holder.of(held.body["holder"]) if held is not None and held.body.get("holder") is not None else None
