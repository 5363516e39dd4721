"""The PostgreSQL store: lockfiles, history and documents of many fleets in the tables of one database.

A plan takes no lock. See ``pg_lock`` for an apply's, and for the fence that each write names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from fleethub.lockfile.text import document, parsed
from fleethub.model.observation import Lockfile
from fleethub.stores.history import timed
from fleethub.stores.interface import (
    LINES,
    Holder,
    LockedError,
    Shelf,
    StaleLockfileError,
    Stored,
    StoreError,
    fit_name,
)
from fleethub.stores.kept import text_of
from fleethub.stores.lock import myself, pauses, who
from fleethub.stores.pg_connection import SharedConnection, asking, refuse_pooler, scalar, unknown_fleet
from fleethub.stores.pg_connection import parsed as database_of
from fleethub.stores.pg_lock import AdvisoryLock, HeldLock
from fleethub.stores.remote import AGAIN, STOPPED, Remote, every

FORMAT = 1
KEPT = 200  # lockfiles, one a serial
TABLES = """
CREATE TABLE IF NOT EXISTS fleethub_format (format integer PRIMARY KEY);
INSERT INTO fleethub_format SELECT 1 WHERE NOT EXISTS (SELECT FROM fleethub_format);
CREATE TABLE IF NOT EXISTS fleethub_state (
  fleet text PRIMARY KEY, version bigint NOT NULL DEFAULT 0, serial bigint, lockfile jsonb,
  fence bigint NOT NULL DEFAULT 0, holder jsonb, hold jsonb);
CREATE TABLE IF NOT EXISTS fleethub_lockfile (
  fleet text, serial bigint, lockfile jsonb NOT NULL, PRIMARY KEY (fleet, serial));
CREATE TABLE IF NOT EXISTS fleethub_history (
  fleet text, number bigint GENERATED ALWAYS AS IDENTITY, line jsonb NOT NULL, PRIMARY KEY (fleet, number));
CREATE TABLE IF NOT EXISTS fleethub_document (
  fleet text, shelf text, name text, document jsonb NOT NULL, PRIMARY KEY (fleet, shelf, name));
"""
#: What a lockfile is written by: only over the version it was read at, and under the fence of a lock that was not lost.
WRITE = """
UPDATE fleethub_state SET version = version + 1, serial = %(serial)s, lockfile = %(lockfile)s
WHERE fleet = %(fleet)s AND version = %(base)s AND coalesce(serial, 0) <= %(serial)s
  AND (%(fence)s::bigint IS NULL OR fence = %(fence)s) RETURNING version
"""
WROTE = """
SELECT version FROM fleethub_state WHERE fleet = %(fleet)s AND version = %(base)s + 1 AND lockfile = %(lockfile)s
"""
KEEP = """
INSERT INTO fleethub_lockfile VALUES (%(fleet)s, %(serial)s, %(lockfile)s)
ON CONFLICT (fleet, serial) DO UPDATE SET lockfile = excluded.lockfile
"""
FORGET = """
DELETE FROM fleethub_lockfile WHERE fleet = %s AND serial <=
  (SELECT serial FROM fleethub_lockfile WHERE fleet = %s ORDER BY serial DESC OFFSET %s LIMIT 1)
"""


class PostgresStore(Remote):
    """The state of the fleet whose id is ``fleet``, in the database of a URL. A version counts writes."""

    def __init__(self, root: Path, url: str, fleet: str) -> None:
        """Raises StoreError for a URL that cannot be read; asks nothing yet."""
        self._database = database_of(url)
        super().__init__(root, self._database.place)
        self._fleet, self._line = fleet, SharedConnection(self._database, f"fleethub {who()} {os.getpid()}")
        self._lock = AdvisoryLock(self._database, fleet)
        self._held: HeldLock | None = None

    def prepare(self) -> tuple[str, ...]:
        """See ``Store.prepare``."""
        with asking(self._database):
            connection = self._line.get()
            refuse_pooler(self._database, connection)
            there = scalar(connection, "SELECT to_regclass('fleethub_state') IS NOT NULL")
            if not there:
                with connection.transaction():  # two who do it at once: one waits
                    connection.execute("SELECT pg_advisory_xact_lock(hashtext('fleethub tables'))")
                    connection.execute(TABLES)
            if scalar(connection, "SELECT format FROM fleethub_format") != FORMAT:
                raise StoreError(f"the tables in {self.place} are of a later FleetHub; upgrade FleetHub")
        query = "INSERT INTO fleethub_state (fleet) VALUES (%s) ON CONFLICT DO NOTHING RETURNING 1"
        new = bool(self._all(query, self._fleet))
        with suppress(LockedError), self.lock("state init"):
            pass
        made = (f"the tables fleethub_* in {self.place}",) if not there else ()
        return (*made, *((f"a row for this fleet in {self.place}",) if new else ()))

    def close(self) -> None:
        """See ``Store.close``."""
        self._line.close()

    def read(self) -> Stored:
        """See ``Store.read``; version "0" means that there is none."""
        copied = self._copy.read()
        known = self._known.version or (copied.version if copied and copied.place == self.place else "")
        query = "SELECT version, serial, CASE WHEN version::text <> %s THEN lockfile END FROM fleethub_state"
        row = self._one(f"{query} WHERE fleet = %s", known, self._fleet)
        if row is None:
            raise unknown_fleet(self._database)
        version, serial, raw = row
        if serial is not None and raw is None:
            if (found := self._unchanged(str(version))) is not None:
                return found
            (raw,) = self._one("SELECT lockfile FROM fleethub_state WHERE fleet = %s", self._fleet) or (None,)
        return self._took(str(version), raw)

    def version(self) -> str:
        """See ``Store.version``."""
        row = self._one("SELECT version FROM fleethub_state WHERE fleet = %s", self._fleet)
        if row is None:
            raise unknown_fleet(self._database)
        return str(row[0])

    def write(self, lockfile: Lockfile, base: str) -> str:
        """See ``Store.write``. What is refused is kept in ``.fleethub/refused.lock``."""
        raw, held = document(lockfile), self._held
        fence = held.fence if held else None
        values = {"fleet": self._fleet, "serial": lockfile.serial, "lockfile": Jsonb(raw), "fence": fence}
        with self._keeping(lockfile):
            version = self._written(values, int(base) if base.isdecimal() else -1)
        return self._wrote(str(version), lockfile, raw)

    def _written(self, values: dict[str, Any], base: int) -> int:
        """The new version; raises StaleLockfileError, StoreError."""
        values = {**values, "base": base}
        with asking(self._database):
            connection = self._line.get()
            try:
                with connection.transaction():
                    row = connection.execute(WRITE, values).fetchone()
                    if row is not None:
                        connection.execute(KEEP, values)
                        connection.execute(FORGET, (self._fleet, self._fleet, KEPT))
            except psycopg.OperationalError:  # lost, perhaps after it was written
                row = self._line.get().execute(WROTE, values).fetchone()
                if row is None:
                    raise
            if row is not None:
                return int(row[0])
            query = "SELECT version, serial, fence FROM fleethub_state WHERE fleet = %s"
            version, serial, fence = connection.execute(query, (self._fleet,)).fetchone() or (0, None, 0)
        if values["fence"] not in (None, fence):
            raise StaleLockfileError(f"the fleet's lock in {self.place} was taken from this apply, which wrote nothing")
        raise self._stale(serial if version == base else None, values["serial"])

    def check(self, base: str) -> None:
        """See ``Store.check``."""
        now = self._lock.check(self._held, self.place) if self._held else int(self.version())
        if str(now) != base:
            message = f"the lockfile in {self.place} was changed by somebody else during this apply{STOPPED}"
            raise StaleLockfileError(message)

    def serials(self) -> tuple[int, ...]:
        """See ``Store.serials``."""
        query = (
            "SELECT l.serial FROM fleethub_lockfile l JOIN fleethub_state s USING (fleet) "
            "WHERE fleet = %s AND l.serial < s.serial ORDER BY l.serial DESC"
        )
        return tuple(row[0] for row in self._all(query, self._fleet))

    def at(self, serial: int) -> Lockfile | None:
        """See ``Store.at``."""
        query = "SELECT lockfile FROM fleethub_lockfile WHERE fleet = %s AND serial = %s"
        row = self._one(query, self._fleet, serial)
        return parsed(row[0], f"the lockfile of serial {serial} in {self.place}", AGAIN) if row else None

    def every(self, serial: int) -> tuple[Lockfile, ...]:
        """See ``Store.every``."""
        return every(self, serial)

    def archive(self, lockfile: Lockfile) -> None:
        """See ``Store.archive``."""
        with asking(self._database):
            values = {"fleet": self._fleet, "serial": lockfile.serial, "lockfile": Jsonb(document(lockfile))}
            self._line.get().execute(KEEP, values)

    @contextmanager
    def lock(self, operation: str, wait: float = 0) -> Iterator[None]:
        """See ``Store.lock``."""
        with self._lock.taken(operation, wait) as self._held:
            try:
                yield
            finally:
                self._held = None

    def holder(self) -> Holder | None:
        """See ``Store.holder``."""
        with asking(self._database):
            return self._lock.holding(self._line.get())[0]

    def hold(self, message: str) -> Holder:
        """See ``Store.hold``."""
        held = myself("lock", message)
        with self.lock("lock"):
            self._all("UPDATE fleethub_state SET hold = %s WHERE fleet = %s", Jsonb(held.as_dict()), self._fleet)
        return held

    def release(self) -> Holder | None:
        """See ``Store.release``. It ends the server's side of the holder's connection."""
        with asking(self._database):
            found, backend = self._lock.holding(self._line.get())
        if found is None:
            return None
        # before anything else: from here on whoever held it writes nothing
        self._all("UPDATE fleethub_state SET hold = NULL, fence = fence + 1 WHERE fleet = %s", self._fleet)
        if backend is not None:
            try:
                self._all("SELECT pg_terminate_backend(%s)", backend)
            except StoreError:
                raise StoreError(
                    f"{self.place} does not let this user end the connection that holds the lock; who may does it by "
                    f"SELECT pg_terminate_backend({backend}). Whoever held it writes nothing more either way"
                ) from None
            for _ in pauses(5):  # it ends when it notices
                if not self._all("SELECT 1 FROM pg_stat_activity WHERE pid = %s", backend):
                    break
        return found

    def record(self, line: Mapping[str, Any]) -> None:
        """See ``Store.record``."""
        query = "INSERT INTO fleethub_history (fleet, line) VALUES (%s, %s)"
        self._all(query, self._fleet, Jsonb(timed(line)))
        query = (
            "DELETE FROM fleethub_history WHERE fleet = %s AND number <= "
            "(SELECT number FROM fleethub_history WHERE fleet = %s ORDER BY number DESC OFFSET %s LIMIT 1)"
        )
        self._all(query, self._fleet, self._fleet, 2 * LINES)

    def history(self) -> list[dict[str, Any]]:
        """See ``Store.history``."""
        query = "SELECT line FROM fleethub_history WHERE fleet = %s ORDER BY number"
        return [row[0] for row in self._all(query, self._fleet)]

    def put(self, shelf: Shelf, name: str, document: Mapping[str, Any]) -> None:
        """See ``Store.put``."""
        query = (
            "INSERT INTO fleethub_document VALUES (%s, %s, %s, %s::jsonb) "
            "ON CONFLICT (fleet, shelf, name) DO UPDATE SET document = excluded.document"
        )
        self._all(query, self._fleet, shelf, fit_name(name), text_of(document))

    def get(self, shelf: Shelf, name: str) -> dict[str, Any] | None:
        """See ``Store.get``."""
        query = "SELECT document FROM fleethub_document WHERE fleet = %s AND shelf = %s AND name = %s"
        row = self._one(query, self._fleet, shelf, fit_name(name))
        return row[0] if row else None

    def names(self, shelf: Shelf) -> tuple[str, ...]:
        """See ``Store.names``."""
        query = "SELECT name FROM fleethub_document WHERE fleet = %s AND shelf = %s"
        return tuple(sorted(row[0] for row in self._all(query, self._fleet, shelf)))

    def delete(self, shelf: Shelf, name: str) -> bool:
        """See ``Store.delete``."""
        query = "DELETE FROM fleethub_document WHERE fleet = %s AND shelf = %s AND name = %s RETURNING 1"
        return bool(self._all(query, self._fleet, shelf, fit_name(name)))

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        return next(iter(self._all(query, *values)), None)

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows that a statement gives."""
        with asking(self._database):
            connection = self._line.get()
            try:
                cursor = connection.execute(query.encode(), values)
            except psycopg.OperationalError:
                if not connection.broken:
                    raise
                cursor = self._line.get().execute(query.encode(), values)  # it had been lost since it was last used
            return cursor.fetchall() if cursor.description else []
