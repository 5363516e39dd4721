"""Where a test's fleet keeps its state: on each of the stores in turn."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.fleets import Spec
from tests.stores import object_servers

STORES = ("file", "postgres", "objects")


@dataclass
class Kept:
    """Where a fleet's state is kept, as its spec says and its environment has it."""

    name: str
    state: Callable[[Spec], Spec]
    environment: dict[str, str]


@contextmanager
def kept(name: str, request: pytest.FixtureRequest) -> Iterator[Kept]:
    if name == "file":
        yield Kept(name, lambda spec: spec, {})
    elif name == "postgres":
        url: str = request.getfixturevalue("database")
        named = {"FLEETHUB_DATABASE_URL": url}
        yield Kept(name, lambda spec: spec.table("state", store="env:FLEETHUB_DATABASE_URL"), named)
    else:
        server: object_servers.Server = request.getfixturevalue("azurite_server")

        def state(spec: Spec) -> Spec:
            return spec.table("state", store=server.url(secrets.token_hex(8)), endpoint=server.endpoint)

        yield Kept(name, state, server.environment)
