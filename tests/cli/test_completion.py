"""Names are completed from the spec, without asking anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from fleethub.cli import cli

FLEET = str(Path(__file__).parents[2] / "fleets/monad")


@pytest.mark.parametrize(
    ("words", "start", "expected"),
    [
        (["assign"], "vol", "volta"),
        (["release"], "tilt", "tiltclaw"),
        (["verify"], "rental", "rentalclaw"),
        (["capacity"], "mon", "monad-1"),
        (["capacity", "--place"], "qwen3-", "qwen3-32b"),
        (["show"], "key.main.vol", "key.main.volta"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_names_of_the_spec(words: list[str], start: str, expected: str) -> None:
    completer = ShellComplete(cli, {}, "fleethub", "_FLEETHUB_COMPLETE")
    found = {item.value for item in completer.get_completions(["-C", FLEET, *words], start)}
    assert expected in found
    assert all(name.startswith(start) for name in found)


def test_nothing_of_what_is_no_fleet(tmp_path: Path) -> None:
    completer = ShellComplete(cli, {}, "fleethub", "_FLEETHUB_COMPLETE")
    assert completer.get_completions(["-C", str(tmp_path), "assign"], "") == []
