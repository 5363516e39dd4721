"""The servers that stores are kept on, one for all tests of a process that need it; a fleet for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores import object_servers, postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    with postgres.server() as found:
        yield found


@pytest.fixture(scope="session")
def database(postgres_server: postgres.Server) -> str:
    """The URL of a database with FleetHub's tables, which the fleets of all tests share."""
    pytest.importorskip("psycopg", reason="no psycopg: pip install '.[postgres]'")
    from fleethub.stores import open_store

    url = postgres_server.url()
    store = open_store(Path("/nowhere"), url, "0")
    assert store.prepare()[0] == f"the tables fleethub_* in {store.place}"
    assert store.prepare() == ()
    store.close()
    return url


@pytest.fixture
def fleet_id() -> str:
    """One that no other test has."""
    return secrets.token_hex(8)


@pytest.fixture(scope="session")
def azurite_server() -> Iterator[object_servers.Server]:
    with object_servers.azurite() as found:
        yield found


@pytest.fixture(scope="session")
def moto_server() -> Iterator[object_servers.Server]:
    with object_servers.moto() as found:
        yield found
