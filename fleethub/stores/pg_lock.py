"""PostgreSQL's advisory lock as a fleet's lock: held by a connection of its own, it dies with its holder.

Each time it is taken the fleet's ``fence`` goes up; a write names the fence that it was made under, so that who was
frozen while another took the lock changes nothing more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC

import psycopg
from psycopg.types.json import Jsonb

from fleethub.model.dataclass import dataclass
from fleethub.stores.interface import Holder, LockedError, StaleLockfileError
from fleethub.stores.lock import myself, pauses
from fleethub.stores.pg_connection import (
    Connection,
    Database,
    asking,
    connect,
    refuse_pooler,
    scalar,
    unknown_fleet,
)
from fleethub.stores.remote import STOPPED

#: The server asks a holder that says nothing whether it is there: one that was switched off is gone after a minute.
ALIVE = """
SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 4;
SET tcp_user_timeout = 60000; SET statement_timeout = 60000; SET idle_in_transaction_session_timeout = 0
"""
HOLDER = """
SELECT s.hold, s.holder, l.pid, a.application_name, a.backend_start
FROM (SELECT 1) one LEFT JOIN fleethub_state s ON s.fleet = %s
LEFT JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = %s AND l.objid = %s
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
"""


@dataclass(frozen=True, slots=True)
class HeldLock:
    """The lock while it is held: its connection, the process at the other end, and the fence that it raised."""

    connection: Connection
    backend: int
    fence: int


class AdvisoryLock:
    """The lock of one fleet."""

    def __init__(self, database: Database, fleet: str) -> None:
        self._database, self._fleet = database, fleet
        self._number = int.from_bytes(hashlib.sha256(f"fleethub {fleet}".encode()).digest()[:8], "big", signed=True)

    @contextmanager
    def taken(self, operation: str, wait: float) -> Iterator[HeldLock]:
        """Hold it. Raises LockedError when it is held by another for ``wait`` seconds more; StoreError."""
        me = myself(operation)
        connection = connect(self._database, f"fleethub {operation} {me.who} {me.pid}")
        try:
            with asking(self._database):
                held = self._take(connection, me, wait)
            try:
                yield held
            finally:
                with suppress(psycopg.Error):  # with the connection the lock is gone already
                    query = "UPDATE fleethub_state SET holder = NULL WHERE fleet = %s AND fence = %s"
                    connection.execute(query, (self._fleet, held.fence))
                    # closing alone would give it back only when the server notices
                    connection.execute("SELECT pg_advisory_unlock(%s)", (self._number,))
        finally:
            connection.close()

    def _take(self, connection: Connection, me: Holder, wait: float) -> HeldLock:
        refuse_pooler(self._database, connection)
        connection.execute(ALIVE)
        if connection.info.server_version >= 140000:
            connection.execute("SET idle_session_timeout = 0")
        for _ in pauses(wait):
            if scalar(connection, "SELECT pg_try_advisory_lock(%s)", self._number):
                break
        else:
            raise LockedError(self.holding(connection)[0] or Holder())
        hold = scalar(connection, "SELECT hold FROM fleethub_state WHERE fleet = %s", self._fleet)
        if hold is not None:
            raise LockedError(Holder.of(hold))
        backend = scalar(connection, "SELECT pg_backend_pid()")
        holder = Jsonb({**me.as_dict(), "backend": backend})
        query = "UPDATE fleethub_state SET fence = fence + 1, holder = %s WHERE fleet = %s RETURNING fence"
        fence = scalar(connection, query, holder, self._fleet)
        if fence is None:
            raise unknown_fleet(self._database)
        return HeldLock(connection, backend, fence)

    def check(self, held: HeldLock, place: str) -> int:
        """The version of the lockfile, asked on the lock's own connection: where that is gone, so is the lock.

        Raises StaleLockfileError.
        """
        query = "SELECT version, fence, pg_backend_pid() FROM fleethub_state WHERE fleet = %s"
        try:
            row = held.connection.execute(query, (self._fleet,)).fetchone()
        except (psycopg.OperationalError, psycopg.InterfaceError):
            message = f"the connection to {place} was lost, and with it the fleet's lock{STOPPED}"
            raise StaleLockfileError(message) from None
        if row is None or row[1:] != (held.fence, held.backend):
            raise StaleLockfileError(f"the fleet's lock in {place} was taken from this apply{STOPPED}")
        return int(row[0])

    def holding(self, connection: Connection) -> tuple[Holder | None, int | None]:
        """Who holds it, and the server's process that does; that is None where a person put the lock on."""
        high, low = (self._number >> 32) & 0xFFFFFFFF, self._number & 0xFFFFFFFF  # as pg_locks shows it
        row = connection.execute(HOLDER, (self._fleet, high, low)).fetchone()
        hold, holder, backend, application, since = row or (None,) * 5
        if hold is not None:
            return Holder.of(hold), None
        if backend is None:
            return None, None
        if isinstance(holder, dict) and holder.get("backend") == backend:
            return Holder.of(holder), backend
        # it has the lock and has not said so yet, or its row was written by another
        return Holder(
            application or "somebody", since=since.astimezone(UTC).isoformat(timespec="seconds") if since else "?"
        ), backend
