"""The contract on the stand-in, in its newest and its oldest version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fleethub.testing.litellm import Database, LiteLLM
from tests.contract import *  # noqa: F403 - the tests themselves
from tests.proxies import Admin, Times
from tests.support import MASTER

MODELS = [
    {"model_name": name, "litellm_params": {"model": f"openai/{name}"}, "model_info": {"id": f"dep-{name}"}}
    for name in ("qwen3-32b", "gemma3-27b", "llama4-scout", "gpt-oss-20b")
]


def older(*versions: str) -> list[Any]:
    """Versions of the proxy before the newest, which make test leaves out."""
    return [pytest.param(version, marks=pytest.mark.long) for version in versions]


@pytest.fixture(params=["1.110.2", *older("1.82.0")])
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def times() -> Times:
    return Times("500ms", "200ms")


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def replicas(version: str, database: Database) -> Iterator[tuple[LiteLLM, LiteLLM]]:
    yield from pair(version, database, 0.5)


@pytest.fixture
def slow_replicas(version: str, database: Database) -> Iterator[tuple[LiteLLM, LiteLLM]]:
    yield from pair(version, database, 60)


def pair(version: str, database: Database, ttl: float) -> Iterator[tuple[LiteLLM, LiteLLM]]:
    first, second = (
        LiteLLM(database, models=MODELS, master_key=MASTER, cache_ttl=ttl, version=version, store_models=True)
        for _ in range(2)
    )
    yield first, second
    second.stop()
    first.stop()


@pytest.fixture
def admin(replicas: tuple[LiteLLM, LiteLLM]) -> Iterator[Admin]:
    found = Admin(replicas[0].url)
    yield found
    found.http.close()
