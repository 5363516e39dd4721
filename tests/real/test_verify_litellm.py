"""The contract of ``verify`` on a real LiteLLM with a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.verifying.contract import *  # noqa: F403 - the tests themselves

pytestmark = pytest.mark.real
