"""What an extra that is missing is installed with."""

from __future__ import annotations

import sys

import pytest

from fleethub.model import extras

UV = "/home/ana/.local/share/uv/tools/fleethub"


@pytest.mark.parametrize(
    ("prefix", "pip", "how"),
    [
        (UV, False, "uv tool install --force"),
        ("/home/ana/.local/share/pipx/venvs/fleethub", True, "pipx install --force"),
        ("/srv/my tools/venv", True, "'/srv/my tools/venv/bin/python' -m pip install"),
        ("/srv/venv", False, "uv pip install --python /srv/venv/bin/python"),
    ],
)
def test_it_goes_where_fleethub_is(monkeypatch: pytest.MonkeyPatch, prefix: str, pip: bool, how: str) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sys, "executable", f"{prefix}/bin/python")
    monkeypatch.setattr(extras, "find_spec", lambda name: object() if pip else None)
    monkeypatch.setattr(extras, "_there", lambda package: package == "fleethub")
    assert extras.install("server") == f"{how} '.[server]' in FleetHub's checkout"


def test_what_is_installed_by_force_keeps_the_extras_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", UV)
    there = {"fleethub", "psycopg", "fastapi", "uvicorn"}  # and not mcp, which is an extra of more than these
    monkeypatch.setattr(extras, "_there", there.__contains__)
    assert extras.install("solver") == "uv tool install --force '.[postgres,server,solver]' in FleetHub's checkout"
