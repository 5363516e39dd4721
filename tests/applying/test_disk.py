"""An apply on a disk that fails: at any of its writes nothing is lost, and the next one makes it whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import Place
from tests.test_laws import SPEC, World

MODELS = (
    SPEC
    + """
[models."gpt-oss-20b"]
backends = ["gpu"]
route = "ollama_chat/gpt-oss:20b"
context = 32768
"""
)


def failing(place: Place, patch: pytest.MonkeyPatch, at: int) -> tuple[bool, str]:
    """An apply whose fsync number ``at`` finds that the disk lost something: whether it came so far, what is said."""
    count, fsync = 0, os.fsync

    def once(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    with patch.context() as one:
        one.setattr(os, "fsync", once)
        said = place.run("apply", "--auto-approve")
    return count >= at, said


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
def test_an_apply_that_a_disk_ends_is_made_whole_by_the_next(
    every: int, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone_on, at = 0, every + 5
    while True:
        place = world.applied(tmp_path / str(at), MODELS)
        place.run("assign", "a", "gpt-oss-20b", "--yes", code=0)
        lost, said = failing(place, monkeypatch, at)
        if not lost:
            break
        assert place.code in (0, 1), said
        if place.code:
            assert "Input/output error" in said.splitlines()[-1]
            gone_on += "goes on with the rest" in said
        place.apply()
        place.plan_is_empty()
        at += every
    assert gone_on
