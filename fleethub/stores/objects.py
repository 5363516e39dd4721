"""The object store: a fleet's state as objects under a prefix of a bucket (S3, MinIO, Google, Azure).

One object holds the lockfile, the number of its version, and the fence, which goes up each time the lock is taken; it
is replaced only over the object that was read. So a write of an apply whose lock was taken meets another fence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fleethub.lockfile.text import document, parsed
from fleethub.model.observation import Lockfile
from fleethub.stores.bucket import NONCE, Bucket, ConflictError, Object, Tag, UnchangedError, fresh
from fleethub.stores.history import timed
from fleethub.stores.interface import LINES, Holder, Shelf, StaleLockfileError, Stored, StoreError, fit_name
from fleethub.stores.kept import text_of
from fleethub.stores.lease import LASTS, Lease
from fleethub.stores.remote import AGAIN, STOPPED, Remote, every

STATE, HISTORY, LOCKFILES, PROBE = "state", "history", "lockfiles", "probe"
KEPT = 200  # lockfiles, one a serial
EMPTY: dict[str, Any] = {"format": 1, "version": 0, "fence": 0, "serial": None, "lockfile": None}


class ObjectStore(Remote):
    """The state at a URL. A version counts writes."""

    def __init__(self, root: Path, url: str, endpoint: str = "", lasts: float = LASTS) -> None:
        """``lasts``: seconds of a lease. Raises StoreError where the environment lacks what the service needs."""
        self._bucket = Bucket(url, endpoint)
        super().__init__(root, self._bucket.place)
        self._lease = Lease(self._bucket, lasts)
        self._fence: int | None = None  # while the lock is held
        self._seen: Object | None = None  # the state, without its lockfile, as it was last read or written

    def prepare(self) -> tuple[str, ...]:
        """See ``Store.prepare``: proves by objects of its own that conditions are honoured."""
        self._probe()
        try:
            self._bucket.create(STATE, EMPTY)
        except ConflictError:
            self._state()
            return ()
        return (f"{STATE} in {self.place}",)

    def close(self) -> None:
        """See ``Store.close``."""

    def read(self) -> Stored:
        """See ``Store.read``; version "0" means that there is none."""
        copied = self._copy.read()
        if copied is not None and copied.place == self.place and copied.tag:
            try:
                self._bucket.get(STATE, unless=copied.tag)
            except UnchangedError:
                if (same := self._unchanged(copied.version)) is not None:
                    if self._seen is None:
                        self._seen = Object({"version": int(copied.version)}, Tag.of(copied.tag))
                    return same
        state = self._state()
        return self._took(str(state.body["version"]), state.body["lockfile"], str(state.tag))

    def version(self) -> str:
        """See ``Store.version``."""
        tag = self._bucket.tag(STATE)
        if tag is None or self._seen is None or tag != self._seen.tag:
            return str(self._state().body["version"])
        return str(self._seen.body["version"])

    def write(self, lockfile: Lockfile, base: str) -> str:
        """See ``Store.write``. What is refused is kept in ``.fleethub/refused.lock``."""
        raw = document(lockfile)

        def change(now: dict[str, Any]) -> dict[str, Any]:
            if self._fence not in (None, now["fence"]):
                message = f"the fleet's lock in {self.place} was taken from this apply, which wrote nothing"
                raise StaleLockfileError(message)
            if str(now["version"]) != base or (now["serial"] or 0) > lockfile.serial:
                raise self._stale(now["serial"] if str(now["version"]) == base else None, lockfile.serial)
            if now["serial"] not in (None, lockfile.serial):
                # under a name of its own, and before it is replaced: no crash and no other writer can lose it
                self._bucket.put(
                    f"{LOCKFILES}/{_numbered(now['serial'], now['version'])}", {"lockfile": now["lockfile"]}
                )
                self._forget()
            return {**now, "version": now["version"] + 1, "serial": lockfile.serial, "lockfile": raw}

        with self._keeping(lockfile):
            state = self._change(change)
        return self._wrote(str(state.body["version"]), lockfile, raw, str(state.tag))

    def check(self, base: str) -> None:
        """See ``Store.check``: one request, for the state changes when the lock does."""
        seen = self._seen
        if seen is None or "fence" not in seen.body or self._bucket.tag(STATE) != seen.tag:
            seen = self._state()
        now = seen.body
        if self._fence not in (None, now["fence"]):
            raise StaleLockfileError(f"the fleet's lock in {self.place} was taken from this apply{STOPPED}")
        if str(now["version"]) != base:
            message = f"the lockfile in {self.place} was changed by somebody else during this apply{STOPPED}"
            raise StaleLockfileError(message)

    def serials(self) -> tuple[int, ...]:
        """See ``Store.serials``."""
        return tuple(sorted(self._archived(), reverse=True))

    def at(self, serial: int) -> Lockfile | None:
        """See ``Store.at``."""
        now = self.read().lockfile
        if now is not None and now.serial == serial:
            return now
        found = self._archived().get(serial)
        kept = self._bucket.get(f"{LOCKFILES}/{_numbered(serial, found)}") if found is not None else None
        if kept is None:
            return None
        return parsed(kept.body["lockfile"], f"the lockfile of serial {serial} in {self.place}", AGAIN)

    def every(self, serial: int) -> tuple[Lockfile, ...]:
        """See ``Store.every``."""
        return every(self, serial)

    def archive(self, lockfile: Lockfile) -> None:
        """See ``Store.archive``."""
        name = f"{LOCKFILES}/{_numbered(lockfile.serial, 0)}"  # before any version that was written here
        self._bucket.put(name, {"lockfile": document(lockfile)})

    @contextmanager
    def lock(self, operation: str, wait: float = 0) -> Iterator[None]:
        """See ``Store.lock``. It is given back when its lease is over, if the process died."""
        self._state()  # there is one, and it is of this FleetHub
        with self._lease.taken(operation, wait):
            self._fence = self._raised()
            try:
                yield
            finally:
                self._fence = None

    def holder(self) -> Holder | None:
        """See ``Store.holder``."""
        return self._lease.holder()

    def hold(self, message: str) -> Holder:
        """See ``Store.hold``."""
        return self._lease.hold(message)

    def release(self) -> Holder | None:
        """See ``Store.release``."""
        found = self._lease.release()
        if found is not None:
            self._raised()
        return found

    def record(self, line: Mapping[str, Any]) -> None:
        """See ``Store.record``."""
        stamped = timed(line)
        while True:
            old = self._bucket.get(HISTORY)
            lines = [*(old.body["lines"] if old else []), stamped][-2 * LINES :]
            with suppress(ConflictError):
                if old is None:
                    self._bucket.create(HISTORY, {"lines": lines})
                else:
                    self._bucket.replace(HISTORY, {"lines": lines}, old.tag)
                return

    def history(self) -> list[dict[str, Any]]:
        """See ``Store.history``."""
        found = self._bucket.get(HISTORY)
        return list(found.body["lines"]) if found else []

    def put(self, shelf: Shelf, name: str, document: Mapping[str, Any]) -> None:
        """See ``Store.put``."""
        text_of(document)  # whether it is one
        self._bucket.put(f"{shelf}/{fit_name(name)}", {"document": dict(document)})

    def get(self, shelf: Shelf, name: str) -> dict[str, Any] | None:
        """See ``Store.get``."""
        found = self._bucket.get(f"{shelf}/{fit_name(name)}")
        return dict(found.body["document"]) if found and found.body["document"] is not None else None

    def names(self, shelf: Shelf) -> tuple[str, ...]:
        """See ``Store.names``."""
        return tuple(self._bucket.names(shelf))

    def delete(self, shelf: Shelf, name: str) -> bool:
        """See ``Store.delete``. No service deletes on a condition: who writes over it that it is gone took it away."""
        path = f"{shelf}/{fit_name(name)}"
        tag = self._bucket.tag(path)
        if tag is None:
            return False
        try:
            found = self._bucket.get(path)
        except StoreError:  # what is damaged can be taken away too
            found = Object({"document": {}}, tag)
        took = found is not None and found.body["document"] is not None
        if found is not None and took:
            try:
                self._bucket.replace(path, {"document": None}, found.tag)
            except ConflictError:
                return False
        self._bucket.delete(path)
        return took

    def _state(self) -> Object:
        """The state as it is now; raises StoreError where it was never made, which tells nothing of the fleet."""
        found = self._bucket.get(STATE)
        if found is None:
            raise StoreError(
                f"there is no state in {self.place}: if that is the right place, run fleethub state init; else correct "
                "[state] store"
            )
        if found.body.get("format") != EMPTY["format"]:
            raise StoreError(f"the state in {self.place} is of a later FleetHub; upgrade FleetHub")
        self._remember(found)
        return found

    def _remember(self, state: Object) -> None:
        self._seen = Object({name: state.body[name] for name in ("version", "fence")}, state.tag)

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Object:
        """Replace the state by what ``change`` makes of it; again where somebody else did meanwhile."""
        while True:
            old = self._state()
            new = change({name: value for name, value in old.body.items() if name != NONCE})
            with suppress(ConflictError):
                changed = Object(new, self._bucket.replace(STATE, new, old.tag))
                self._remember(changed)
                return changed

    def _raised(self) -> int:
        """Raise the fence, so that no apply of before writes any more."""
        state = self._change(lambda now: {**now, "fence": now["fence"] + 1})
        return int(state.body["fence"])

    def _archived(self) -> dict[int, int]:
        """Earlier serials that are kept, with the last version of each."""
        found: dict[int, int] = {}
        for name in self._bucket.names(LOCKFILES):
            serial, _, version = name.partition("-")
            if serial.isdecimal() and version.isdecimal():
                found[int(serial)] = max(int(version), found.get(int(serial), 0))
        return found

    def _forget(self) -> None:
        """Remove the oldest lockfiles, now and then."""
        names = self._bucket.names(LOCKFILES)
        for name in names[: -KEPT if len(names) > KEPT + KEPT // 10 else 0]:
            self._bucket.delete(f"{LOCKFILES}/{name}")

    def _probe(self) -> None:
        """Raise StoreError for a service that writes over what it should not."""
        name, made = f"{PROBE}/{fresh({})[NONCE]}", []
        try:
            made.append(self._bucket.create(name, {}))
            self._refused(lambda: self._bucket.create(name, {}), "a write that may only make an object replaced one")
            made.append(self._bucket.replace(name, {}, made[0]))
            again = lambda: self._bucket.replace(name, {}, made[0])  # noqa: E731
            self._refused(again, "a write on a version that is no longer there was done")
            if not made[0].e_tag or made[0] == made[1]:
                raise StoreError(f"{self.place} gives objects no tag that changes, so writes cannot be compared")
        except ConflictError:
            raise StoreError(f"{self.place} refused a write that it should have done") from None
        finally:
            if made:
                self._bucket.delete(name)

    def _refused(self, write: Callable[[], object], said: str) -> None:
        try:
            write()
        except ConflictError:
            return
        raise StoreError(
            f"{self.place} ignores conditions of writes ({said}), so that two applies would overwrite one another; "
            "use a service that honours If-Match and If-None-Match, or PostgreSQL"
        )


def _numbered(serial: int, version: int) -> str:
    return f"{serial:010d}-{version:012d}"
