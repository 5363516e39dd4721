"""What a LiteLLM says to odd input, on a real one with a real PostgreSQL."""

from __future__ import annotations

import pytest

from tests.contract_odd import *  # noqa: F403 - the tests themselves

pytestmark = pytest.mark.real
