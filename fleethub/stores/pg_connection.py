"""Connections to PostgreSQL: what a URL names, what is wrong where none comes about, and what stands in between.

Texts of libpq and of the server are never shown: where a password has a character that a URL must escape, a part of it
stands in them, as a host or a port.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg import conninfo, errors
from psycopg.rows import TupleRow

from fleethub.model.dataclass import dataclass
from fleethub.stores.interface import StoreError

Connection: TypeAlias = psycopg.Connection[TupleRow]
SECONDS = 5  # for a connection, unless the URL says another connect_timeout
_HOST = re.compile(r"[A-Za-z0-9._:/-]*(?:,[A-Za-z0-9._:/-]*)*")
_PORT = re.compile(r"[0-9]*(?:,[0-9]*)*")
#: What libpq says where it got no answer -> what is told.
REASONS = {
    "Connection refused": "nothing listens there",
    "timeout": "it does not answer",
    "could not translate host name": "its host is not known",
    "failed to resolve host": "its host is not known",
    "Name or service not known": "its host is not known",
    "nodename nor servname": "its host is not known",
    "No route to host": "there is no way to its host",
    "SSL": "its TLS cannot be used as sslmode in the URL wants it",
    "certificate": "its TLS certificate is not trusted",
    "no pg_hba.conf entry": "its pg_hba.conf does not let this machine, user and database in",
    "too many": "it has no connection left",
}


@dataclass(frozen=True, slots=True)
class Database:
    """A database that a URL names; ``place`` is for people. ``url`` is the secret."""

    place: str
    url: str

    def __repr__(self) -> str:
        return self.place


def parsed(url: str) -> Database:
    """What a ``postgresql://`` URL names; raises StoreError, without its text."""
    try:
        said = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        said = {"host": "?"}
    host, port = (str(said.get(name) or "") for name in ("host", "port"))
    name = str(said.get("dbname") or said.get("user") or "")
    if not _HOST.fullmatch(host) or not _PORT.fullmatch(port) or not re.fullmatch(r"[\w.-]*", name):
        raise StoreError(
            "[state] store leads to a PostgreSQL URL that cannot be read; it is postgresql://USER:PASSWORD@HOST/DATABASE"
            ", and @ : / ? # % in the password are written as %40 %3A %2F %3F %23 %25"
        )
    at = f"{host or 'this machine'}" + (f":{port}" if port else "")
    return Database(f"PostgreSQL at {at}/{name}", url)


def connect(database: Database, application: str) -> Connection:
    """A connection on which each statement is a transaction; raises StoreError."""
    more: dict[str, Any] = {"application_name": application[:63], "client_encoding": "UTF8"}
    if "connect_timeout" not in conninfo.conninfo_to_dict(database.url):
        more["connect_timeout"] = SECONDS
    with asking(database):
        # a statement that is prepared lives on a connection, and one to a pooler leads to many
        return psycopg.connect(database.url, autocommit=True, prepare_threshold=None, **more)


@contextmanager
def asking(database: Database) -> Iterator[None]:
    """What the database or the way to it says, as a StoreError."""
    try:
        yield
    except (errors.UndefinedTable, errors.UndefinedColumn):
        raise StoreError(f"{database.place} has no tables of FleetHub yet; run: fleethub state init") from None
    except errors.InsufficientPrivilege:
        raise StoreError(f"{database.place} does not let this user use FleetHub's tables; grant them to it") from None
    except errors.UntranslatableCharacter:
        raise ValueError("PostgreSQL keeps no text with a NUL character in it") from None
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise StoreError(f"{database.place} cannot be used: {_reason(error)}") from None
    except psycopg.Error as error:
        raise StoreError(f"{database.place} refused what was asked (SQLSTATE {error.sqlstate})") from None


def unknown_fleet(database: Database) -> StoreError:
    """It has FleetHub's tables, and nothing of this fleet: that tells nothing of what was applied."""
    return StoreError(
        f"{database.place} knows nothing of this fleet: if that is the right database, run fleethub state init; else "
        "correct [state] store"
    )


def _reason(error: psycopg.Error) -> str:
    text = str(error)
    if "password authentication failed" in text or (error.sqlstate or "").startswith("28"):
        return "it refuses the user or password of the URL"
    if "does not exist" in text:
        return "it has no such database or user"
    return next((told for said, told in REASONS.items() if said in text), "the connection was lost")


def scalar(connection: Connection, query: str, *values: object) -> Any:
    """The first value of the first row; None without one."""
    row = connection.execute(query.encode(), values).fetchone()
    return row[0] if row else None


def refuse_pooler(database: Database, connection: Connection) -> None:
    """Raise StoreError where a pooler hands each transaction to another connection: a lock would be held by whoever
    gets it next. One that keeps a connection for a client's whole session is well.

    A pooler is known by the process id that it gave to the client, which is not the server's. Then a second client
    opens transactions: it is never given the connection of a client that has one of its own.
    """
    mine = scalar(connection, "SELECT pg_backend_pid()")
    if connection.info.backend_pid == mine:
        return
    refusal = StoreError(
        f"before {database.place} stands a pooler (PgBouncer) in transaction mode: a lock would pass to whoever is "
        "given its connection next. Name the database itself in [state] store, or a pool with pool_mode = session"
    )
    with asking(database):
        others = [connect(database, "fleethub looks for a pooler") for _ in range(2)]
        try:
            for other in others:
                try:
                    other.execute("BEGIN")
                    if scalar(other, "SELECT pg_backend_pid()") == mine:
                        raise refusal
                except psycopg.OperationalError:  # a pooler in statement mode knows no transaction
                    raise refusal from None
            if scalar(connection, "SELECT pg_backend_pid()") != mine:
                raise refusal
        finally:
            for other in others:
                other.close()


class SharedConnection:
    """One connection that is opened when it is needed, and anew where it was lost. For several threads."""

    def __init__(self, database: Database, application: str) -> None:
        self._database, self._application = database, application
        self._open: Connection | None = None
        self._guard = threading.Lock()

    def get(self) -> Connection:
        """The connection; raises StoreError."""
        with self._guard:
            if self._open is None or self._open.closed or self._open.broken:
                self._open = connect(self._database, self._application)
            return self._open

    def close(self) -> None:
        """Give it back."""
        with self._guard:
            if self._open is not None:
                self._open.close()
                self._open = None
