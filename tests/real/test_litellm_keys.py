"""The contract of keys that may not call, on a real LiteLLM with a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.contract_keys import *  # noqa: F403 - the tests themselves

pytestmark = pytest.mark.real
