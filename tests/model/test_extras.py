"""What an extra that is missing is installed with."""

from __future__ import annotations

import sys

import pytest

from fleethub.model import extras


@pytest.mark.parametrize(
    ("prefix", "pip", "how"),
    [
        ("/home/ana/.local/share/uv/tools/fleethub", False, "uv tool install --force"),
        ("/home/ana/.local/share/pipx/venvs/fleethub", True, "pipx install --force"),
        ("/srv/my tools/venv", True, "'/srv/my tools/venv/bin/python' -m pip install"),
        ("/srv/venv", False, "uv pip install --python /srv/venv/bin/python"),
    ],
)
def test_it_goes_where_fleethub_is(monkeypatch: pytest.MonkeyPatch, prefix: str, pip: bool, how: str) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sys, "executable", f"{prefix}/bin/python")
    monkeypatch.setattr(extras, "find_spec", lambda name: object() if pip else None)
    assert extras.install("server") == f"{how} '.[server]' in FleetHub's checkout"
