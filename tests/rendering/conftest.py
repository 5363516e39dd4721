"""Shares the fleet of tests/nodetypes, and the packaged templates."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "nodetypes"))


@pytest.fixture(scope="session")
def templates():
    from fleethub.rendering import load_templates

    return load_templates(Path("/nonexistent"))
