"""What a LiteLLM says to odd input, on the stand-in."""

from __future__ import annotations

import pytest

from tests.applying.test_contract import admin, database, older, replicas, times
from tests.contract_odd import *  # noqa: F403 - the tests themselves

__all__ = ["admin", "database", "replicas", "times"]


@pytest.fixture(params=["1.110.2", *older("1.106.2", "1.82.0")])
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found
