"""The rows of tests/dotenv_rows.py by the real Compose, which FLEETHUB_COMPOSE_BIN names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.dotenv_rows import APART, ROWS
from tests.real.far import required

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("text", "value"), [*ROWS.items(), *((text, theirs) for text, (theirs, _) in APART.items())])
def test_compose_says_it(text: str, value: str | None, tmp_path: Path) -> None:
    compose = required("FLEETHUB_COMPOSE_BIN")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x, env_file: it.env}}")
    (tmp_path / "it.env").write_bytes(f"{text}\n".encode())
    argv = [compose, "-p", "row", "config", "--format", "json"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=True, timeout=60)
    found = json.loads(done.stdout)["services"]["a"].get("environment", {}).get("A")
    assert (found if found is None else found.replace("$$", "$")) == value
