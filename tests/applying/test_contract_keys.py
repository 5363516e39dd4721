"""The contract of keys that may not call, on the stand-in in every version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fleethub.testing.litellm import Database, LiteLLM, Settings
from tests.applying.test_contract import admin, database, older, replicas, slow_replicas, times
from tests.contract_keys import *  # noqa: F403 - the tests themselves
from tests.contract_keys import CLOSED, ODD
from tests.support import MASTER

__all__ = ["admin", "database", "replicas", "slow_replicas", "times"]


@pytest.fixture(params=["1.110.2", *older("1.106.2", "1.82.0")])
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def odd(version: str, database: Database) -> Iterator[LiteLLM]:
    yield from configured(version, database, ODD)


@pytest.fixture
def closed(version: str, database: Database) -> Iterator[LiteLLM]:
    yield from configured(version, database, CLOSED)


def configured(version: str, database: Database, config: dict[str, Any]) -> Iterator[LiteLLM]:
    settings = Settings(
        **config.get("litellm_settings", {}),
        **config.get("general_settings", {}),
        fallbacks=tuple(config.get("router_settings", {}).get("fallbacks", ())),
    )
    options: dict[str, Any] = {"models": config["model_list"], "version": version, "settings": settings}
    server = LiteLLM(database, master_key=MASTER, cache_ttl=0.5, **options)
    yield server
    server.stop()
