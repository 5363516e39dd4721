"""Shared by all tests: hypothesis' profile and a clean environment."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fleethub",
    max_examples=int(os.environ.get("FLEETHUB_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
settings.load_profile("fleethub")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ("FLEETHUB_SEED", "LITELLM_MASTER_KEY", "NO_COLOR", "FORCE_COLOR")
    for name in (*ours, "TANGLECLAW_API", "TANGLECLAW_PROJECT_ID", "TANGLECLAW_LAUNCH_ID"):
        monkeypatch.delenv(name, raising=False)
