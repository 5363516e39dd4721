"""The contract on a real LiteLLM with a real PostgreSQL, and once with LiteLLM's default cache of a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import *  # noqa: F403 - the tests themselves
from tests.contract import spec, swap
from tests.proxies import Admin, Endpoint, Times
from tests.support import Place

pytestmark = pytest.mark.real


def test_a_swap_denies_no_call_with_the_default_cache(
    tmp_path: Path, slow_replicas: tuple[Endpoint, Endpoint], admin: Admin
) -> None:
    # these replicas may still list what the other fleet's routes were: a lost lockfile, if it were this one's
    text = spec(Times("60s", "1s"), *slow_replicas).replace('name = "monad"', 'name = "default-cache"')
    place = Place(tmp_path / "fleet", text)
    place.apply()
    agent = swap(place, tuple(p.url for p in slow_replicas))
    assert agent.denied == []
    assert agent.models["gpt-oss-20b"] > 0
    assert admin.row("volta")["models"] == ["gpt-oss-20b"]
