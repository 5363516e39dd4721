"""Standard streams that are closed, gone or full: no traceback, and no file of a fleet gets what was meant for them."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.forked import ended

RUN = f"{sys.executable} -m fleethub"


def init(folder: Path) -> None:
    """A fleet's folder, whose making is not what a test is about."""
    assert ended("init", "alpha", cwd=folder).returncode == 0


def shell(folder: Path, line: str) -> tuple[int, str]:
    """Exit code of a line of sh, and what it said on what it left open."""
    done = subprocess.run(["/bin/bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def long(*values: object) -> Any:
    """One more start of the same sort, for make test-long: each start of an interpreter takes most of a second."""
    return pytest.param(*values, marks=pytest.mark.long)


@pytest.mark.parametrize("closed", [">&-", long("2>&-"), long("<&-"), long(">&- 2>&-"), "<&- >&- 2>&-"])
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


HOW = "unset PYTHONUNBUFFERED;"
UNBUFFERED = "PYTHONUNBUFFERED=1"


@pytest.mark.parametrize(
    ("how", "command"),
    [(HOW, "--help"), (UNBUFFERED, "schema"), long(HOW, "schema"), long(HOW, "--json plan"), long(HOW, "context")],
)
def test_a_reader_that_goes_away_and_a_full_disk_are_no_bug(tmp_path: Path, how: str, command: str) -> None:
    """Python flushes at its end what it buffered, after every handler: exit 120 and "Exception ignored"."""
    init(tmp_path)
    run = f"{how} {RUN} {command}"
    told, _ = shell(tmp_path, run)
    left, said = shell(tmp_path, f"{run} | true; exit ${{PIPESTATUS[0]}}")
    assert left == told, said
    assert "Broken pipe" not in said
    full, why = shell(tmp_path, f"{run} > /dev/full")
    assert full == (0 if command == "context" else 1)
    assert "the output is not complete: No space left on device" in why
    for text in (said, why):
        assert "Traceback" not in text
        assert "Exception ignored" not in text
        assert "bug" not in text


def test_what_a_command_does_is_done_though_nobody_can_be_told(tmp_path: Path) -> None:
    assert shell(tmp_path, f"{HOW} {RUN} init alpha > /dev/full")[0] == 1
    assert shell(tmp_path, f"{RUN} validate")[0] == 0


def test_an_error_that_nobody_can_be_told_has_its_code(tmp_path: Path) -> None:
    for rest in ("2> /dev/full", "> /dev/full 2> /dev/full", "2>&1 | true; exit ${PIPESTATUS[0]}"):
        code, said = shell(tmp_path, f"{HOW} {RUN} validate {rest}")
        assert code == 1
        assert "Exception ignored" not in said


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for(tmp_path: Path) -> None:
    """A program of the same pipeline may do that; a long answer then has to wait for its reader."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    with open(reading, "rb") as reader:  # noqa: PTH123
        with subprocess.Popen([sys.executable, "-m", "fleethub", "schema"], stdout=writing) as running:
            os.close(writing)
            text = reader.read()
        assert running.returncode == 0
    whole = subprocess.run([sys.executable, "-m", "fleethub", "schema"], capture_output=True, check=True)
    assert text == whole.stdout


def test_what_an_encoding_does_not_have_is_a_question_mark(tmp_path: Path) -> None:
    init(tmp_path)
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
