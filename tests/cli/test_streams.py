"""Standard streams that are closed, gone or full: no traceback, and no file of a fleet gets what was meant for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = f"{sys.executable} -m fleethub"


def shell(folder: Path, line: str) -> tuple[int, str]:
    """Exit code of a line of sh, and what it said on what it left open."""
    done = subprocess.run(["/bin/bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams(tmp_path: Path, closed: str) -> None:
    assert shell(tmp_path, f"{RUN} init alpha {closed}")[0] == 0
    assert (tmp_path / "fleet.toml").read_text().startswith("#:schema")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, said = shell(tmp_path, f"{RUN} validate {closed}")
    assert code == 0
    assert "bug" not in said
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_error_has_its_code_where_nobody_can_be_told(tmp_path: Path) -> None:
    assert shell(tmp_path, f"{RUN} validate >&- 2>&-")[0] == 1


@pytest.mark.parametrize("command", ["schema", "validate", "context", "--help"])
def test_a_reader_that_goes_away_and_a_full_disk_are_no_bug(tmp_path: Path, command: str) -> None:
    assert shell(tmp_path, f"{RUN} init alpha")[0] == 0
    for line in (f"{RUN} {command} | true; exit ${{PIPESTATUS[0]}}", f"{RUN} {command} > /dev/full"):
        code, said = shell(tmp_path, line)
        assert code in ((0,) if command == "context" else (0, 1))
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        assert "bug" not in said


def test_context_is_fine_where_it_cannot_even_say_what_is_wrong(tmp_path: Path) -> None:
    assert shell(tmp_path, f"{RUN} init alpha")[0] == 0
    assert shell(tmp_path, f"{RUN} context > /dev/full 2> /dev/full") == (0, "")


def test_what_an_encoding_does_not_have_is_a_question_mark(tmp_path: Path) -> None:
    assert shell(tmp_path, f"{RUN} init alpha")[0] == 0
    # the name of a model is free, and an error shows it
    spec = (tmp_path / "fleet.toml").read_text().replace('model = "llama3.1-8b"', 'model = "caf\u00e9\u2192"')
    (tmp_path / "fleet.toml").write_text(spec, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "fleethub", "validate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert '"caf\u00e9?"' in done.stdout.decode("latin-1")
