"""Shared by all tests: hypothesis' profile and a clean environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.test_laws import World

settings.register_profile(
    "fleethub",
    max_examples=int(os.environ.get("FLEETHUB_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
settings.load_profile("fleethub")


@pytest.fixture(autouse=True, scope="session")
def _own_config(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The user's list of fleets, and what else lies in the user's configuration, is not the tests' to change."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A proxy and an Ollama for the tests of a module; ``World.place`` starts each of them clean."""
    from tests.test_laws import World

    found = World()
    yield found
    found.stop()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("FLEETHUB_SEED", "LITELLM_MASTER_KEY", "NO_COLOR", "FORCE_COLOR", "FLEETHUB_PROJECT")
    for name in (*names, *(n for n in os.environ if n.startswith("TANGLECLAW_"))):
        monkeypatch.delenv(name, raising=False)
